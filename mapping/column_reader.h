// One column value of a legacy row as the expressions see it. Internal to mapping/.
//
// Text becomes UTF-8, ENUM and SET their members' texts, temporal values are checked to be real dates; the rest passes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mapping/ast.h"
#include "mapping/charset.h"
#include "mapping/config.h"
#include "mapping/shown_charset.h"
#include "mysql/schema.h"
#include "mysql/value.h"

namespace shardlift::mapping {

// A value of the expression language. Which member counts follows from the node's static type.
struct Val {
  bool null = true;
  std::uint64_t bits = 0;  // kInt, read as signed or unsigned by the type; kReal: those of a double
  std::string_view bytes;  // all other kinds; kInt: its decimal text, or empty where that is not at hand

  static Val Bits(std::uint64_t bits, std::string_view text = {}) { return {false, bits, text}; }
  static Val Bytes(std::string_view bytes) { return {false, 0, bytes}; }
  static Val Bool(bool value) { return {false, value ? 1u : 0u, {}}; }
};

// Reusable strings for the values of one row: no allocation once their capacities have grown.
class StringPool {
 public:
  std::string& New() {
    if (used_ == strings_.size()) strings_.push_back(std::make_unique<std::string>());
    std::string& string = *strings_[used_++];
    string.clear();
    return string;
  }
  // Forgets the strings of the last row; gives back the memory of unusually large ones.
  void Reset() {
    for (std::size_t i = 0; i < used_; ++i) {
      if (strings_[i]->capacity() > kKeepBytes) std::string().swap(*strings_[i]);
    }
    used_ = 0;
  }

 private:
  static constexpr std::size_t kKeepBytes = 1u << 20;
  std::vector<std::unique_ptr<std::string>> strings_;
  std::size_t used_ = 0;
};

// For each column of a table, the character set that its bytes really are in, where the mapping's "charsets" says so;
// "" elsewhere. Empty: no column has one.
class ContentCharsets {
 public:
  ContentCharsets() = default;
  // kUsage, beginning with the key's path, for columns that there are not and sets that mappings cannot read.
  static base::Result<ContentCharsets> Of(const MappingConfig& config, const mysql::TableSchema& schema);
  std::string_view At(std::size_t column) const { return sets_.empty() ? std::string_view() : sets_[column]; }

 private:
  std::vector<std::string> sets_;
};

class ColumnReader {
 public:
  // `content`: the character set that the bytes are in, "" for the column's own.
  explicit ColumnReader(const mysql::Column& column, std::string_view content = {});
  // nullptr when done, else the reason why the value is a bad one.
  const char* Read(const mysql::Value& value, StringPool& pool, Val* out) const;

 private:
  enum class Bytes : std::uint8_t { kAsTheyAre, kDate, kUtf8, kOther };  // what is to be done with a value's bytes

  const char* ReadMembers(std::uint64_t mask, StringPool& pool, Val* out) const;
  const char* ReadOther(std::string_view bytes, StringPool& pool, Val* out) const;

  mysql::ColumnType type_;
  bool has_members_;  // ENUM or SET
  Bytes bytes_ = Bytes::kAsTheyAre;
  Charset charset_ = Charset::kUtf8;
  bool has_integer_text_ = false;        // the text of its integers is the one without leading zeros
  const CharsetTable* table_ = nullptr;  // for character sets beside those of charset.h
  std::vector<std::string> members_;
};

}  // namespace shardlift::mapping
