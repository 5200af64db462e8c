// ImageCheck: decoded row images against what the server said of the same rows.
//
// Each image is compared with the rows that SELECT showed, column by column; a column may be absent only where
// binlog_row_image says so, and is never taken for NULL. Beside that the images are replayed into tables of their own,
// which must equal the server's in the end.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "tests/binlog/live.h"
#include "tests/binlog/random_changes.h"

namespace shardlift::binlog {

enum class RowImage : std::uint8_t { kFull, kMinimal, kNoBlob };

struct ImageRules {
  mysql::Flavour flavour = mysql::Flavour::kMySql;
  RowImage image = RowImage::kFull;
  bool partial_json = false;
  bool described = false;  // decoded by the table map alone, which does not know what only the schema tells
};

class ImageCheck {
 public:
  // `start`: the rows before the first change.
  ImageCheck(const std::map<std::string, RandomChanges::Table>& tables, ImageRules rules,
             const std::map<std::string, TableState>& start);

  // Fails the test at the first difference.
  void Compare(const std::vector<ExpectedTransaction>& expected, const std::vector<OwnedGroup>& groups);
  // Of the replay.
  void ExpectEnd(const std::map<std::string, TableState>& end);

  std::uint64_t images_compared() const { return images_compared_; }
  std::uint64_t values_absent() const { return values_absent_; }

 private:
  using Image = std::vector<OwnedValue>;
  struct Replayed {
    std::vector<Row> rows;
    std::set<std::pair<int, std::size_t>> unknown;  // rid and column: differences to a value that was not in the image
  };

  // Why `actual` cannot be `expected`; "" when it is.
  std::string Difference(const RandomChanges::Table& table, const std::vector<bool>& written,
                         const ExpectedChange& expected, const OwnedChange& actual) const;
  std::string BeforeDifference(const RandomChanges::Table& table, const Row& row, const Image& image) const;
  std::string AfterDifference(const RandomChanges::Table& table, const std::vector<bool>& written,
                              const ExpectedChange& expected, const Image& image) const;
  std::string ValueDifference(const mysql::Column& column, const OwnedValue& row, const OwnedValue& image) const;
  bool Comparable(const mysql::Column& column) const;
  bool Fits(const mysql::TableSchema& schema, const Image& image, const Row& row) const;
  RowImage ImageOf(const RandomChanges::Table& table) const;
  bool InBefore(const RandomChanges::Table& table, std::size_t column) const;
  bool ChangesNothing(const OwnedChange& change) const;
  void TakeOne(const ExpectedStatement& statement, const OwnedChange& change, std::vector<const ExpectedChange*>& open);
  void Replay(const OwnedChange& change);

  const std::map<std::string, RandomChanges::Table>& tables_;
  const ImageRules rules_;
  std::map<std::string, Replayed> replayed_;
  std::uint64_t images_compared_ = 0;
  std::uint64_t values_absent_ = 0;
};

}  // namespace shardlift::binlog
