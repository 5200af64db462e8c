// Every column type on both real servers: the image in the binlog equals what SELECT shows of the same row (invariant
// I3).
#include <fmt/format.h>

#include "tests/binlog/live.h"
#include "tests/binlog/type_cases.h"

namespace shardlift::binlog {
namespace {

class LiveTypes : public LiveTest {
 protected:
  // Writes rows by INSERT, UPDATE and DELETE and compares every image with what SELECT showed at that time.
  void Compare(const std::vector<TypeCase>& all, int rows, std::uint64_t seed);

  std::vector<OwnedValue> SelectRow(const mysql::TableSchema& schema, int id);
  void ExpectSame(const mysql::TableSchema& schema, const std::vector<OwnedValue>& image,
                  const std::vector<OwnedValue>& row, std::string_view what);
};

std::vector<OwnedValue> LiveTypes::SelectRow(const mysql::TableSchema& schema, int id) {
  std::string sql = "SELECT ";
  for (const mysql::Column& column : schema.columns) {
    if (&column != &schema.columns.front()) sql += ", ";
    sql += mysql::SelectItem(column);
  }
  sql += fmt::format(" FROM {} WHERE id = {}", schema.name.Quoted(), id);
  auto rows = session_->Query(sql, "test");
  EXPECT_TRUE(rows.ok()) << rows.status().message();
  std::vector<OwnedValue> out;
  if (!rows.ok() || rows->rows.size() != 1) {
    ADD_FAILURE() << "no row " << id;
    return out;
  }
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const std::optional<std::string>& text = rows->rows[0][i];
    if (!text) {
      out.push_back(OwnedValue::From(mysql::Value::Null()));
      continue;
    }
    auto value = mysql::ParseText(schema.columns[i], *text);
    EXPECT_TRUE(value.ok()) << value.status().message();
    out.push_back(OwnedValue::From(value.ok() ? *value : mysql::Value::Null()));
  }
  return out;
}

void LiveTypes::ExpectSame(const mysql::TableSchema& schema, const std::vector<OwnedValue>& image,
                           const std::vector<OwnedValue>& row, std::string_view what) {
  ASSERT_EQ(image.size(), row.size());
  for (std::size_t i = 0; i < image.size(); ++i) {
    EXPECT_TRUE(mysql::SameValue(image[i].Get(), row[i].Get()))
        << what << ", " << schema.columns[i].column_type << " " << schema.columns[i].charset << "\n binlog "
        << Describe(image[i].Get()) << "\n SELECT " << Describe(row[i].Get());
  }
}

void LiveTypes::Compare(const std::vector<TypeCase>& all, int rows, std::uint64_t seed) {
  std::vector<TypeCase> cases;
  for (const TypeCase& each : all) {
    if (maria() ? each.maria : each.my) cases.push_back(each);
  }
  Sql("SET SESSION sql_mode = ''");
  std::string ddl = "CREATE TABLE types (id INT PRIMARY KEY";
  for (std::size_t i = 0; i < cases.size(); ++i) ddl += fmt::format(", c{} {}", i, cases[i].ddl);
  Sql(ddl + ") CHARACTER SET utf8mb4");
  const mysql::TableSchema& schema = Watch("types");
  OpenStream();

  Random random(seed);
  const auto literal = [&](std::size_t i) {
    const bool generated = cases[i].ddl.find(" AS (") != std::string::npos;
    return random() % 8 == 0 && !generated ? std::string("NULL") : cases[i].literal(random);
  };
  std::vector<std::pair<std::vector<OwnedValue>, std::vector<OwnedValue>>> expected;  // before and after
  std::map<int, std::vector<OwnedValue>> current;
  for (int id = 1; id <= rows && !HasFatalFailure(); ++id) {
    std::string insert = fmt::format("INSERT IGNORE INTO types VALUES ({}", id);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (cases[i].literal) insert += ", " + literal(i);
    }
    Sql(insert + ")");
    current[id] = SelectRow(schema, id);
    expected.push_back({{}, current[id]});
    const int other = 1 + static_cast<int>(random() % static_cast<unsigned>(id));
    if (!current.contains(other)) continue;
    std::string update = "UPDATE IGNORE types SET id = id";
    for (std::size_t i = 0; i < cases.size(); ++i) {
      if (random() % 4 == 0 && cases[i].literal) update += fmt::format(", c{} = {}", i, literal(i));
    }
    Sql(update + fmt::format(" WHERE id = {}", other));
    std::vector<OwnedValue> after = SelectRow(schema, other);
    expected.push_back({current[other], after});
    current[other] = after;
    if (random() % 4 == 0) {
      Sql(fmt::format("DELETE FROM types WHERE id = {}", other));
      expected.push_back({current[other], {}});
      current.erase(other);
    }
  }

  std::vector<OwnedChange> changes;
  for (OwnedGroup& group : ReadAll()) {
    for (OwnedChange& change : group.changes) changes.push_back(std::move(change));
  }
  // An update that changes nothing is not in the binlog.
  std::erase_if(expected, [](const auto& pair) {
    if (pair.first.size() != pair.second.size()) return false;
    for (std::size_t i = 0; i < pair.first.size(); ++i) {
      if (!mysql::SameValue(pair.first[i].Get(), pair.second[i].Get())) return false;
    }
    return true;
  });
  ASSERT_EQ(changes.size(), expected.size());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    ExpectSame(schema, changes[i].before, expected[i].first, fmt::format("change {} before", i));
    ExpectSame(schema, changes[i].after, expected[i].second, fmt::format("change {} after", i));
    if (HasFailure()) break;
  }
}

constexpr int kRows = 150;

TEST_P(LiveTypes, Numeric) { Compare(NumericCases(), kRows, 1); }
TEST_P(LiveTypes, Temporal) { Compare(TemporalCases(), kRows, 2); }
TEST_P(LiveTypes, Strings) { Compare(StringCases(), kRows, 3); }
TEST_P(LiveTypes, Other) { Compare(OtherCases(), kRows, 4); }
TEST_P(LiveTypes, Generated) { Compare(GeneratedCases(), 20, 5); }

// With names and signedness in the table maps, which are then compared with the schema.
TEST_P(LiveTypes, AllWithFullMetadata) {
  std::vector<TypeCase> cases = TemporalCases();
  cases.push_back({"YEAR", [](Random& random) { return fmt::format("{}", 1901 + random() % 255); }});
  for (const auto& more : {NumericCases(), StringCases(), OtherCases()}) {
    cases.insert(cases.end(), more.begin(), more.end());
  }
  // The server's limit on the length of a row.
  std::erase_if(cases, [](const TypeCase& each) { return each.ddl.find("(255)") != std::string::npos; });
  const std::string old = One("SELECT @@global.binlog_row_metadata");
  Sql("SET GLOBAL binlog_row_metadata = 'FULL'");
  Compare(cases, 40, 6);
  Sql("SET GLOBAL binlog_row_metadata = '" + old + "'");
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveTypes, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourOf);

class LiveMariaTypes : public LiveTypes {};

TEST_P(LiveMariaTypes, OldTemporalForms) {
  Sql("SET GLOBAL mysql56_temporal_format = OFF");
  Compare(TemporalCases(), kRows, 7);
  Sql("SET GLOBAL mysql56_temporal_format = ON");
}

TEST_P(LiveMariaTypes, SystemVersioned) {
  Sql("CREATE TABLE v (id INT PRIMARY KEY, a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, "
      "e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH SYSTEM VERSIONING");
  Sql("CREATE TABLE w (id INT PRIMARY KEY, a INT) WITH SYSTEM VERSIONING");
  Watch("v");
  Watch("w");
  OpenStream();
  Sql("INSERT INTO v (id, a) VALUES (1, 2)");
  Sql("INSERT INTO w (id, a) VALUES (1, 2)");
  auto item = stream_->Next(std::chrono::milliseconds(3000));
  ASSERT_TRUE(item.ok()) << item.status().message();
  ASSERT_TRUE(item->group && item->group->has_rows());
  // Hidden period columns are in the binlog but in no schema: such a table is refused, not decoded wrongly.
  item = stream_->Next(std::chrono::milliseconds(3000));
  ASSERT_FALSE(item.ok());
  EXPECT_EQ(item.status().code(), base::Code::kRefused);
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveMariaTypes, ::testing::Values(mysql::Flavour::kMariaDb), FlavourOf);

class LiveMyTypes : public LiveTypes {};

TEST_P(LiveMyTypes, HiddenColumnsOfFunctionalIndexes) {
  Sql("CREATE TABLE f (id INT PRIMARY KEY, a INT, j JSON, KEY ((a + 1)), KEY ((CAST(j->'$.x' AS UNSIGNED ARRAY))), b "
      "INT)");
  Watch("f");
  OpenStream();
  Sql("INSERT INTO f VALUES (1, 2, '{\"x\": [1, 2]}', 3)");
  EXPECT_EQ(Texts(ReadAll()), std::vector<std::string>{"I 1 2 {\"x\": [1, 2]} 3"});
}

TEST_P(LiveMyTypes, GeneratedInvisiblePrimaryKey) {
  Sql("SET SESSION sql_generate_invisible_primary_key = ON");
  Sql("CREATE TABLE g (a INT)");
  const mysql::TableSchema& schema = Watch("g");
  ASSERT_EQ(schema.columns.size(), 2u);
  OpenStream();
  Sql("INSERT INTO g VALUES (5)");
  EXPECT_EQ(Texts(ReadAll()), std::vector<std::string>{"I 1u 5"});
}

INSTANTIATE_TEST_SUITE_P(Servers, LiveMyTypes, ::testing::Values(mysql::Flavour::kMySql), FlavourOf);

}  // namespace
}  // namespace shardlift::binlog
