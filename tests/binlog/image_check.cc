#include "tests/binlog/image_check.h"

#include <fmt/format.h>

#include <algorithm>

namespace shardlift::binlog {
namespace {

using mysql::ColumnType;

// What NOBLOB speaks of; JSON (of MySQL), GEOMETRY and VECTOR are always there.
bool IsBlob(const mysql::Column& column) {
  switch (column.type) {
    case ColumnType::kTinyText:
    case ColumnType::kText:
    case ColumnType::kMediumText:
    case ColumnType::kLongText:
    case ColumnType::kTinyBlob:
    case ColumnType::kBlob:
    case ColumnType::kMediumBlob:
    case ColumnType::kLongBlob: return true;
    default: return false;
  }
}

bool Contains(const std::vector<std::size_t>& columns, std::size_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

}  // namespace

ImageCheck::ImageCheck(const std::map<std::string, RandomChanges::Table>& tables, ImageRules rules,
                       const std::map<std::string, TableState>& start)
    : tables_(tables), rules_(rules) {
  for (const auto& [name, state] : start) {
    for (const auto& [rid, row] : state) replayed_[name].rows.push_back(*row);
  }
}

// The stored bytes of these types are theirs alone: without the schema they look like BINARY.
bool ImageCheck::Comparable(const mysql::Column& column) const {
  const bool hidden =
      column.type == ColumnType::kUuid || column.type == ColumnType::kInet4 || column.type == ColumnType::kInet6;
  return !(rules_.described && hidden);
}

std::string ImageCheck::ValueDifference(const mysql::Column& column, const OwnedValue& row,
                                        const OwnedValue& image) const {
  if (!Comparable(column) || mysql::SameValue(row.Get(), image.Get())) return {};
  return fmt::format("column {} ({} {}): SELECT has {}, the image {}", column.name, column.column_type.substr(0, 60),
                     column.charset, Describe(row.Get()), Describe(image.Get()));
}

// True when the present columns of `image` are those of `row`.
bool ImageCheck::Fits(const mysql::TableSchema& schema, const Image& image, const Row& row) const {
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (image[i].value.is_absent() || !Comparable(schema.columns[i])) continue;
    if (!mysql::SameValue(image[i].Get(), row[i].Get())) return false;
  }
  return true;
}

// MariaDB leaves nothing out where there is no primary key.
RowImage ImageCheck::ImageOf(const RandomChanges::Table& table) const {
  return rules_.flavour == mysql::Flavour::kMariaDb && table.key.empty() ? RowImage::kFull : rules_.image;
}

bool ImageCheck::InBefore(const RandomChanges::Table& table, std::size_t column) const {
  if (table.key.empty() || ImageOf(table) == RowImage::kFull) return true;
  if (Contains(table.key, column)) return true;
  return ImageOf(table) == RowImage::kNoBlob && !IsBlob(table.schema.columns[column]);
}

std::string ImageCheck::BeforeDifference(const RandomChanges::Table& table, const Row& row, const Image& image) const {
  for (std::size_t i = 0; i < row.size(); ++i) {
    const mysql::Column& column = table.schema.columns[i];
    if (image[i].value.is_absent() == InBefore(table, i)) {
      return fmt::format("before: column {} is {}", column.name, InBefore(table, i) ? "absent" : "there");
    }
    if (image[i].value.is_absent()) continue;
    if (std::string why = ValueDifference(column, row[i], image[i]); !why.empty()) return "before: " + why;
  }
  return {};
}

std::string ImageCheck::AfterDifference(const RandomChanges::Table& table, const std::vector<bool>& written,
                                        const ExpectedChange& expected, const Image& image) const {
  const Row& row = *expected.after;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const mysql::Column& column = table.schema.columns[i];
    const bool update = expected.op == RowOp::kUpdate;
    const bool changed = update && !mysql::SameValue((*expected.before)[i].Get(), row[i].Get());
    const bool must = ImageOf(table) == RowImage::kFull || (update ? changed : written[i]) ||
                      (ImageOf(table) == RowImage::kNoBlob && !IsBlob(column));
    const bool may = must || written[i] || column.generated;
    // Differences to a JSON value that the before image does not have.
    const bool partial = rules_.partial_json && update && column.type == ColumnType::kJson && !InBefore(table, i);
    const bool computed = column.generated && ImageOf(table) != RowImage::kFull;
    if (image[i].value.is_absent()) {
      if (must && !partial && !computed) return fmt::format("after: column {} is absent", column.name);
      continue;
    }
    if (!may) return fmt::format("after: column {} is there", column.name);
    if (std::string why = ValueDifference(column, row[i], image[i]); !why.empty()) return "after: " + why;
  }
  return {};
}

std::string ImageCheck::Difference(const RandomChanges::Table& table, const std::vector<bool>& written,
                                   const ExpectedChange& expected, const OwnedChange& actual) const {
  if (actual.table != table.test.name) return "another table";
  if (actual.op != expected.op) return "another operation";
  const std::size_t columns = table.schema.columns.size();
  if (actual.before.size() != (expected.before ? columns : 0) ||
      actual.after.size() != (expected.after ? columns : 0)) {
    return "another number of columns";
  }
  std::string why;
  if (expected.before) why = BeforeDifference(table, *expected.before, actual.before);
  if (why.empty() && expected.after) why = AfterDifference(table, written, expected, actual.after);
  return why;
}

// Servers may log an update whose stored bytes differ while the values do not (JSON).
bool ImageCheck::ChangesNothing(const OwnedChange& change) const {
  if (change.op != RowOp::kUpdate) return false;
  const auto table = replayed_.find(change.table);
  if (table == replayed_.end()) return false;
  const mysql::TableSchema& schema = tables_.at(change.table).schema;
  return std::any_of(table->second.rows.begin(), table->second.rows.end(), [&](const Row& row) {
    return Fits(schema, change.before, row) && Fits(schema, change.after, row);
  });
}

void ImageCheck::Compare(const std::vector<ExpectedTransaction>& expected, const std::vector<OwnedGroup>& groups) {
  std::vector<const OwnedChange*> actual;
  for (const OwnedGroup& group : groups) {
    for (const OwnedChange& change : group.changes) {
      if (tables_.contains(change.table)) actual.push_back(&change);
    }
  }
  std::size_t next = 0;
  for (std::size_t t = 0; t < expected.size(); ++t) {
    for (const ExpectedStatement& statement : expected[t]) {
      SCOPED_TRACE(fmt::format("transaction {}, table {}", t, statement.table));
      std::vector<const ExpectedChange*> open;
      for (const ExpectedChange& change : statement.changes) open.push_back(&change);
      while (!open.empty()) {
        ASSERT_LT(next, actual.size()) << "changes are missing";
        TakeOne(statement, *actual[next++], open);
        if (::testing::Test::HasFatalFailure()) return;
      }
    }
  }
  while (next < actual.size() && ChangesNothing(*actual[next])) ++next;
  ASSERT_EQ(next, actual.size()) << "changes that no statement made";
}

void ImageCheck::TakeOne(const ExpectedStatement& statement, const OwnedChange& change,
                         std::vector<const ExpectedChange*>& open) {
  const RandomChanges::Table& table = tables_.at(statement.table);
  std::string reasons;
  const auto found = std::find_if(open.begin(), open.end(), [&](const ExpectedChange* each) {
    const std::string why = Difference(table, statement.written, *each, change);
    if (!why.empty()) reasons += "\n  " + why;
    return why.empty();
  });
  if (found == open.end() && ChangesNothing(change)) return;
  ASSERT_NE(found, open.end()) << "no row of the statement is this one:" << reasons;
  open.erase(found);
  images_compared_ += (change.before.empty() ? 0u : 1u) + (change.after.empty() ? 0u : 1u);
  Replay(change);
}

void ImageCheck::Replay(const OwnedChange& change) {
  const RandomChanges::Table& table = tables_.at(change.table);
  Replayed& replayed = replayed_[change.table];
  const auto rid_column = static_cast<std::size_t>(table.schema.Find("rid"));
  for (const auto* image : {&change.before, &change.after}) {
    for (const OwnedValue& value : *image) values_absent_ += value.value.is_absent() ? 1u : 0u;
  }
  if (change.op == RowOp::kInsert) {
    Row row = change.after;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!row[i].value.is_absent()) continue;
      row[i] = table.defaults[i];
      if (table.schema.columns[i].generated) replayed.unknown.insert({row[rid_column].value.i, i});
    }
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!Comparable(table.schema.columns[i])) replayed.unknown.insert({row[rid_column].value.i, i});
    }
    replayed.rows.push_back(std::move(row));
    return;
  }
  const auto found = std::find_if(replayed.rows.begin(), replayed.rows.end(),
                                  [&](const Row& row) { return Fits(table.schema, change.before, row); });
  ASSERT_NE(found, replayed.rows.end()) << "the replay has no such row in " << change.table;
  const int rid = static_cast<int>((*found)[rid_column].value.i);
  if (change.op == RowOp::kDelete) {
    replayed.rows.erase(found);
    std::erase_if(replayed.unknown, [&](const auto& each) { return each.first == rid; });
    return;
  }
  for (std::size_t i = 0; i < found->size(); ++i) {
    if (change.after[i].value.is_absent()) {
      const mysql::Column& column = table.schema.columns[i];
      const bool may_differ = column.generated || (rules_.partial_json && column.type == ColumnType::kJson);
      if (rules_.image != RowImage::kFull && may_differ) replayed.unknown.insert({rid, i});
      continue;
    }
    if (Comparable(table.schema.columns[i])) (*found)[i] = change.after[i];
    if (Comparable(table.schema.columns[i])) replayed.unknown.erase({rid, i});
  }
}

void ImageCheck::ExpectEnd(const std::map<std::string, TableState>& end) {
  for (const auto& [name, state] : end) {
    const RandomChanges::Table& table = tables_.at(name);
    const Replayed& replayed = replayed_[name];
    const auto rid_column = static_cast<std::size_t>(table.schema.Find("rid"));
    ASSERT_EQ(replayed.rows.size(), state.size()) << name;
    for (const Row& row : replayed.rows) {
      const int rid = static_cast<int>(row[rid_column].value.i);
      const auto found = state.find(rid);
      ASSERT_NE(found, state.end()) << name << " has no row " << rid;
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (replayed.unknown.contains({rid, i})) continue;
        ASSERT_EQ(ValueDifference(table.schema.columns[i], (*found->second)[i], row[i]), "") << name << ", row " << rid;
      }
    }
  }
}

}  // namespace shardlift::binlog
