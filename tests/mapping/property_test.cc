// Invariant I4, for every entry of the tables of mapping/functions.h: over rows with values of all types and character
// sets, what our evaluator gives is byte for byte what the server gives for the SQL text of the same expression.
//
// A few hundred cases for each entry by default; SHARDLIFT_MAPPING_CASES asks for more (docs/testing.md).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>

#include "mapping/functions.h"
#include "mapping/sql.h"
#include "tests/live/live.h"
#include "tests/mapping/matrix_rows.h"
#include "tests/mapping/property_templates.h"
#include "tests/mapping/support.h"
#include "tests/mapping/time_zones.h"

namespace shardlift::mapping {
namespace {

constexpr std::size_t kCasesDefault = 150;
constexpr std::size_t kRowsDefault = 30;
constexpr std::size_t kRowsMany = 400;
constexpr std::size_t kBatchExpressions = 24;
constexpr std::size_t kBucketRows = 200;
constexpr std::size_t kBucketExpressions = 12;
constexpr std::size_t kTriesMax = 400;
constexpr std::size_t kDifferencesShown = 12;

std::size_t CasesWanted() {
  const char* text = std::getenv("SHARDLIFT_MAPPING_CASES");
  return text == nullptr ? kCasesDefault : std::strtoul(text, nullptr, 10);
}

struct Tally {
  std::size_t cases = 0;
  std::size_t special = 0;  // with a NULL or a boundary in a column that the expression reads
  std::size_t bad_values = 0;
  std::size_t expressions = 0;
  std::size_t refused = 0;
};

struct Compared {
  std::string text;
  std::string sql;
  std::string_view name;
  std::vector<bool> used;
  std::vector<std::string> ours;  // by row
  std::vector<bool> bad;
  bool any_bad = false;
};

class MappingProperties : public live::LiveTest {
 protected:
  void MakeTable(std::size_t rows);
  bool Evaluate(std::string_view name, const std::string& text, Compared* out,
                const store::BucketRules* rules = nullptr);
  void Compare(const std::vector<Compared>& batch);
  void CompareRows(const Compared& one, std::size_t column, const mysql::Rows& server);
  std::string Inputs(const Compared& one, std::size_t row) const;
  void CheckEntry(const Function& function, std::mt19937_64& random, std::size_t wanted);

  mysql::TableSchema schema_;
  std::vector<std::vector<std::optional<std::string>>> texts_;
  std::vector<std::vector<mysql::Value>> rows_;
  std::vector<std::vector<bool>> special_;  // by row and column of the schema
  std::vector<ColumnReader> readers_;
  std::map<std::string_view, Tally> tallies_;
  std::size_t differences_ = 0;
};

void MappingProperties::MakeTable(std::size_t rows) {
  UseFreshDatabase("properties");
  Sql(testing::MatrixDdl("properties.msg_07"));
  Sql("SET SESSION sql_mode = 'NO_ENGINE_SUBSTITUTION'");  // zero dates are boundaries, too
  std::mt19937_64 random(static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)) + 20240229);
  std::string values;
  for (std::size_t id = 0; id < rows; ++id) {
    values += (values.empty() ? "(" : ",(") + std::to_string(id);
    std::vector<bool>& special = special_.emplace_back(1, false);
    for (const testing::Cell& cell : testing::MatrixRow(random)) {
      values += "," + cell.sql;
      special.push_back(cell.special);
    }
    values += ")";
    if (id % 500 != 499 && id + 1 != rows) continue;
    Sql("INSERT INTO properties.msg_07 VALUES " + values);
    values.clear();
  }
  session_ = Connect();
  auto schema = mysql::ReadTableSchema(*session_, {"properties", "msg_07"});
  ASSERT_TRUE(schema.ok()) << schema.status().message();
  schema_ = std::move(schema).value();
  std::string items;
  for (const mysql::Column& column : schema_.columns) {
    items += (items.empty() ? "" : ", ") + mysql::SelectItem(column);
    readers_.emplace_back(column);
  }
  texts_ = Query("SELECT " + items + " FROM properties.msg_07 ORDER BY id").rows;
  ASSERT_EQ(texts_.size(), rows);
  for (const auto& text : texts_) {
    std::vector<mysql::Value>& row = rows_.emplace_back();
    for (std::size_t i = 0; i < text.size(); ++i) {
      auto value = text[i] ? mysql::ParseText(schema_.columns[i], *text[i]) : base::Result(mysql::Value::Null());
      ASSERT_TRUE(value.ok()) << value.status().message();
      row.push_back(*value);
    }
  }
}

// Rules that BUCKET is tried under, with and without pinned biz tags.
std::vector<std::shared_ptr<const store::BucketRules>> BucketRulesTried(bool pins) {
  store::RoutingRules hashed;
  if (pins) hashed.pinned_tags = {{0, 4096, 1}, {1, 4100, 4}, {255, 4104, 1}};
  store::RoutingRules modulo = hashed;
  modulo.strategy = store::Strategy::kModulo;
  modulo.buckets = 64;
  store::RoutingRules range = hashed;
  range.strategy = store::Strategy::kRange;
  range.ranges = {{1, 3}, {128, 5}, {9223372036854775808u, 7}};
  store::RoutingRules lookup = hashed;
  lookup.strategy = store::Strategy::kLookup;
  lookup.lookup = {{3, "", 4095}, {0, "0", 1}, {0, "", 2}, {255, "255", 4090}};
  return {testing::MakeRules(hashed), testing::MakeRules(modulo), testing::MakeRules(range),
          testing::MakeRules(lookup)};
}

// False when the checker refuses the expression.
bool MappingProperties::Evaluate(std::string_view name, const std::string& text, Compared* out,
                                 const store::BucketRules* rules) {
  auto compiled = testing::CompileExpression(schema_, text, session_->flavour(), rules);
  if (!compiled.ok()) {
    if (tallies_[name].refused++ == 0) std::cout << "  refused: " << compiled.status().message() << "\n";
    return false;
  }
  out->name = name;
  out->text = text;
  out->used = compiled->used;
  out->sql = ToSql({&schema_, session_->flavour()}, *compiled->expr);
  StringPool pool;
  for (const auto& row : rows_) {
    pool.Reset();
    Evaluator evaluator(row, readers_, pool, maria());
    Val value;
    out->bad.push_back(!evaluator.Eval(*compiled->expr, &value));
    out->any_bad = out->any_bad || out->bad.back();
    std::string& ours = out->ours.emplace_back(value.null ? "NULL" : std::string(value.bytes));
    if (out->bad.back() || value.null || compiled->expr->type.kind != Kind::kInt) continue;
    ours.clear();
    AppendInteger(compiled->expr->type, value, &ours);
  }
  ++tallies_[name].expressions;
  return true;
}

std::string MappingProperties::Inputs(const Compared& one, std::size_t row) const {
  std::string inputs;
  for (std::size_t i = 0; i < one.used.size(); ++i) {
    if (!one.used[i]) continue;
    inputs += fmt::format(" {}={}", schema_.columns[i].name,
                          texts_[row][i] ? mysql::HexLiteral(*texts_[row][i]) + " " + *texts_[row][i] : "NULL");
  }
  return inputs;
}

void MappingProperties::CompareRows(const Compared& one, std::size_t column, const mysql::Rows& server) {
  Tally& tally = tallies_[one.name];
  std::size_t next = 0;
  bool differs = false;
  for (std::size_t i = 0; i < one.ours.size(); ++i) {
    if (one.bad[i]) {
      ++tally.bad_values;
      continue;
    }
    ASSERT_LT(next, server.rows.size()) << one.text;
    std::string theirs = server.rows[next++][column].value_or("NULL");
    ++tally.cases;
    bool special = false;
    for (std::size_t c = 0; c < one.used.size(); ++c) special = special || (one.used[c] && special_[i][c]);
    tally.special += special ? 1 : 0;
    if (one.ours[i] == theirs || differs) continue;
    differs = true;
    ++differences_;
    ADD_FAILURE() << one.text << "\n  ours:   " << one.ours[i] << "\n  server: " << theirs << "\n  row " << i << ":"
                  << Inputs(one, i) << "\n  " << one.sql;
  }
  EXPECT_EQ(next, server.rows.size()) << one.text;
}

// Expressions without bad values go together; one with some goes alone, without those rows.
void MappingProperties::Compare(const std::vector<Compared>& batch) {
  std::string items;
  std::vector<const Compared*> together;
  for (const Compared& one : batch) {
    if (!one.any_bad) {
      items += ", " + one.sql;
      together.push_back(&one);
      continue;
    }
    std::string ids;
    for (std::size_t i = 0; i < one.bad.size(); ++i) {
      if (one.bad[i]) ids += (ids.empty() ? "" : ",") + std::to_string(i);
    }
    auto server = session_->Query(
        "SELECT " + one.sql + " FROM properties.msg_07 WHERE id NOT IN (" + ids + ") ORDER BY id", "evaluate");
    if (server.ok()) {
      CompareRows(one, 0, *server);
    } else {
      ADD_FAILURE() << one.text << "\n" << one.sql << "\n" << server.status().message();
    }
  }
  if (together.empty()) return;
  auto server = session_->Query("SELECT " + items.substr(2) + " FROM properties.msg_07 ORDER BY id", "evaluate");
  for (std::size_t i = 0; i < together.size(); ++i) {
    if (server.ok()) {
      CompareRows(*together[i], i, *server);
      continue;
    }
    auto alone = session_->Query("SELECT " + together[i]->sql + " FROM properties.msg_07 ORDER BY id", "evaluate");
    if (alone.ok()) {
      CompareRows(*together[i], 0, *alone);
    } else {
      ADD_FAILURE() << together[i]->text << "\n" << together[i]->sql << "\n" << alone.status().message();
    }
  }
}

void MappingProperties::CheckEntry(const Function& function, std::mt19937_64& random, std::size_t wanted) {
  const auto& templates = testing::TemplatesOf(function.name);
  ASSERT_FALSE(templates.empty()) << "no templates for " << function.name;
  Tally& tally = tallies_[function.name];
  for (std::size_t tries = 0; tally.cases < wanted && tries < kTriesMax;) {
    std::vector<Compared> batch;
    std::size_t planned = tally.cases;
    for (; planned < wanted && batch.size() < kBatchExpressions && tries < kTriesMax; ++tries) {
      Compared one;
      if (!Evaluate(function.name, testing::Instance(random, templates), &one)) continue;
      planned += static_cast<std::size_t>(std::count(one.bad.begin(), one.bad.end(), false));
      batch.push_back(std::move(one));
    }
    Compare(batch);
    if (differences_ > kDifferencesShown * 20) return;
  }
}

TEST_P(MappingProperties, EvaluatorAndServerAgree) {
  const std::size_t wanted = CasesWanted();
  testing::LoadTimeZones(*session_);
  MakeTable(wanted > kCasesDefault ? kRowsMany : kRowsDefault);
  if (HasFatalFailure()) return;
  std::mt19937_64 random(static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)) + 1);  // GTEST_RANDOM_SEED chooses it
  std::vector<Function> entries(Functions().begin(), Functions().end());
  entries.insert(entries.end(), Operators().begin(), Operators().end());
  for (const Function& function : entries) {
    if (!function.syntax.empty()) CheckEntry(function, random, wanted);
  }
  std::size_t cases = 0;
  for (const auto& [name, tally] : tallies_) {
    std::cout << fmt::format(
        "{:16} {:6} cases, {:2}% with NULL or a boundary, {:3} expressions, {} refused, {} bad values\n", name,
        tally.cases, tally.cases == 0 ? 0 : tally.special * 100 / tally.cases, tally.expressions, tally.refused,
        tally.bad_values);
    EXPECT_GE(tally.cases, wanted) << name;
    EXPECT_GE(tally.special * 5, tally.cases) << name << ": too few NULLs and boundaries";
    EXPECT_LE(tally.refused, tally.expressions) << name << ": most of its templates do not compile";
    cases += tally.cases;
  }
  std::cout << fmt::format("{} entries, {} cases, {} expressions that differ\n", tallies_.size(), cases, differences_);
}

TEST_P(MappingProperties, BucketAgreesUnderAllKindsOfRules) {
  MakeTable(kBucketRows);
  if (HasFatalFailure()) return;
  std::mt19937_64 random(static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)) + 2);
  for (const bool pins : {false, true}) {
    for (const auto& rules : BucketRulesTried(pins)) {
      std::vector<Compared> batch;
      for (std::size_t tries = 0; batch.size() < kBucketExpressions && tries < kTriesMax; ++tries) {
        Compared one;
        const std::string text = testing::Instance(random, testing::TemplatesOf("BUCKET"));
        if (Evaluate("BUCKET", text, &one, rules.get())) batch.push_back(std::move(one));
      }
      EXPECT_EQ(batch.size(), kBucketExpressions);
      Compare(batch);
    }
  }
}

// The examples of the documentation: ours, the server's for our SQL text, and the server's for the text itself.
TEST_P(MappingProperties, ExamplesGiveTheirResults) {
  mysql::TableSchema schema;
  schema.name = {"s", "msg_07"};
  std::vector<Function> entries(Functions().begin(), Functions().end());
  entries.insert(entries.end(), Operators().begin(), Operators().end());
  for (const Function& function : entries) {
    if (function.example.empty()) continue;
    auto compiled = testing::CompileExpression(schema, function.example, session_->flavour());
    ASSERT_TRUE(compiled.ok()) << compiled.status().message();
    std::string result(function.result);
    EXPECT_EQ(testing::EvalToString(schema, *compiled->expr, {}, session_->flavour()), result) << function.example;
    std::string sql = ToSql({&schema, session_->flavour()}, *compiled->expr);
    EXPECT_EQ(One("SELECT " + sql), result) << sql;
    bool ours_alone = function.group == FunctionGroup::kIdentity;
    if (ours_alone) continue;
    EXPECT_EQ(One("SELECT " + std::string(function.example)), result) << function.example;
  }
}

SL_BOTH_FLAVOURS(MappingProperties);

}  // namespace
}  // namespace shardlift::mapping
