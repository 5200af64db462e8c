#include "tests/binlog/random_changes.h"

#include <fmt/format.h>

#include <algorithm>

namespace shardlift::binlog {
namespace {

constexpr std::size_t kRowsWanted = 6;
constexpr int kShift = 100000;  // more than there are rows: keys moved by different multiples never meet

bool IsGenerated(const TypeCase& each) { return each.ddl.find(" AS (") != std::string::npos; }
bool IsWritable(const TypeCase& each) { return static_cast<bool>(each.literal) && !IsGenerated(each); }
bool IsKeyPart(const TestTable& table, std::size_t i) {
  return table.key.find(fmt::format("c{})", i)) != std::string::npos;
}

std::vector<TypeCase> WideCases() {
  std::vector<TypeCase> cases;
  for (unsigned bits = 1; bits <= 64; ++bits) {
    const std::uint64_t top = ~std::uint64_t{0} >> (64 - bits);
    cases.push_back({fmt::format("BIT({})", bits), Literals({"0", fmt::format("{}", top)}, [top](Random& random) {
                       return fmt::format("{}", random() & top);
                     })});
  }
  for (int i = 0; i < 200; ++i) {
    cases.push_back({"TINYINT", [](Random& random) { return fmt::format("{}", random() % 100); }});
  }
  return cases;
}

std::vector<TypeCase> Only(std::vector<TypeCase> cases, mysql::Flavour flavour) {
  std::erase_if(cases, [&](const TypeCase& each) { return !each.Has(flavour); });
  return cases;
}

}  // namespace

bool SameRow(const Row& a, const Row& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const OwnedValue& x, const OwnedValue& y) { return mysql::SameValue(x.Get(), y.Get()); });
}

std::vector<TestTable> MatrixTables(mysql::Flavour flavour) {
  std::vector<TestTable> tables;
  const auto add = [&](std::string name, std::vector<TypeCase> cases) -> TestTable& {
    TestTable& table = tables.emplace_back();
    table.name = std::move(name);
    table.cases = Only(std::move(cases), flavour);
    return table;
  };
  add("numbers", NumericCases());
  add("times", TemporalCases());
  for (const char* charset : {"latin1", "gbk", "sjis", "utf8mb3", "utf8mb4"}) {
    TestTable& table = add(std::string("text_") + charset, TextCases(charset));
    table.cases[0].ddl += " NOT NULL";
    table.key = "PRIMARY KEY (id, c0)";
  }
  TestTable& bytes = add("text_binary", TextCases("binary"));
  bytes.cases[2].ddl += " NOT NULL";  // VARBINARY
  bytes.key = "PRIMARY KEY (id, c2)";
  add("others", OtherCases());
  std::vector<TypeCase> generated = GeneratedCases();
  generated[3].literal = [](Random& random) { return fmt::format("{}", random() % 100); };  // the invisible one
  generated.push_back({"LONGTEXT", [](Random& random) { return fmt::format("REPEAT('y', {})", random() % 1000); }});
  generated.push_back({"TEXT AS (CONCAT(c4, c0)) STORED", {}});
  add("computed", generated);
  add("wide", WideCases()).key_last = true;
  std::vector<TypeCase> mixed = {NumericCases()[4], TextCases("utf8mb4")[3], TextCases("gbk")[5], OtherCases()[0]};
  add("keyless", mixed).key.clear();
  return tables;
}

void RandomChanges::CreateTables(const std::vector<TestTable>& tables) {
  for (const TestTable& test : tables) {
    std::string columns;
    for (std::size_t i = 0; i < test.cases.size(); ++i) columns += fmt::format("c{} {}, ", i, test.cases[i].ddl);
    const std::string names = "id INT NOT NULL, rid INT NOT NULL, ";
    std::string ddl = fmt::format("CREATE TABLE {} (", test.name) + (test.key_last ? columns + names : names + columns);
    if (test.key.empty()) {
      ddl.resize(ddl.size() - 2);
    } else {
      ddl += test.key;
    }
    Sql(ddl + ") " + test.engine);
    auto schema = mysql::ReadTableSchema(*session_, {"db", test.name});
    ASSERT_TRUE(schema.ok()) << schema.status().message();
    Table& table = tables_[test.name];
    table.test = test;
    table.schema = std::move(*schema);
    ASSERT_EQ(table.schema.columns.size(), test.cases.size() + 2);
    if (!table.schema.unique_keys.empty()) table.key = table.schema.unique_keys[0].columns;
    // What the server gives to columns that are not named.
    Sql(fmt::format("INSERT INTO {} (id, rid) VALUES (0, 0)", test.name));
    table.defaults = *ReadRows(table).at(0);
    Sql("DELETE FROM " + test.name);
  }
}

Row RandomChanges::ReadRow(const Table& table, const std::vector<std::optional<std::string>>& texts) {
  Row row;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (!texts[i]) {
      row.push_back(OwnedValue::From(mysql::Value::Null()));
      continue;
    }
    const auto value = mysql::ParseText(table.schema.columns[i], *texts[i]);
    EXPECT_TRUE(value.ok()) << value.status().message();
    row.push_back(OwnedValue::From(value.ok() ? *value : mysql::Value::Null()));
  }
  return row;
}

TableState RandomChanges::ReadRows(const Table& table) {
  std::string sql = "SELECT rid";
  for (const mysql::Column& column : table.schema.columns) sql += ", " + mysql::SelectItem(column);
  TableState rows;
  for (const auto& texts : live::RowsOn(*session_, sql + " FROM db." + table.test.name).rows) {
    rows[std::stoi(*texts[0])] = std::make_shared<Row>(ReadRow(table, {texts.begin() + 1, texts.end()}));
  }
  return rows;
}

std::map<std::string, TableState> RandomChanges::ReadAll() {
  std::map<std::string, TableState> all;
  for (const auto& [name, table] : tables_) all[name] = ReadRows(table);
  return all;
}

std::vector<ExpectedTransaction> RandomChanges::InsertBoundaries() {
  std::vector<ExpectedTransaction> transactions;
  for (auto& [name, table] : tables_) {
    std::size_t count = 0;
    for (const TypeCase& each : table.test.cases) count = std::max(count, each.literal.boundaries.size());
    if (count == 0) continue;
    ExpectedTransaction& transaction = transactions.emplace_back();
    Sql("START TRANSACTION");
    std::vector<bool> written(table.schema.columns.size(), false);
    std::string columns = "id, rid";
    for (std::size_t i = 0; i < table.test.cases.size(); ++i) {
      if (!IsWritable(table.test.cases[i])) continue;
      columns += fmt::format(", c{}", i);
      written[table.ColumnOf(i)] = true;
    }
    for (const char* const column : {"id", "rid"}) written[static_cast<std::size_t>(table.schema.Find(column))] = true;
    for (std::size_t k = 0; k < count; ++k) {
      std::string values = fmt::format("{}, {}", next_rid_, next_rid_);
      ++next_rid_;
      for (const TypeCase& each : table.test.cases) {
        if (!IsWritable(each)) continue;
        const auto& list = each.literal.boundaries;
        values += ", " + (list.empty() ? each.literal(random_) : list[k % list.size()]);
      }
      Statement(table, fmt::format("INSERT INTO {} ({}) VALUES ({})", name, columns, values), written, transaction);
    }
    Sql("COMMIT");
  }
  return transactions;
}

std::vector<ExpectedTransaction> RandomChanges::Run(int rounds) {
  std::vector<ExpectedTransaction> transactions;
  for (int round = 0; round < rounds; ++round) {
    for (auto& [name, table] : tables_) {
      auto other = tables_.begin();
      std::advance(other, random_() % tables_.size());
      ExpectedTransaction transaction = Transaction(table, other->second);
      if (!transaction.empty()) transactions.push_back(std::move(transaction));
      if (::testing::Test::HasFatalFailure()) return transactions;
    }
  }
  return transactions;
}

ExpectedTransaction RandomChanges::Transaction(Table& table, Table& other) {
  ExpectedTransaction out;
  const TableState table_before = table.rows;
  const TableState other_before = other.rows;
  Sql("START TRANSACTION");
  for (std::size_t i = 0, n = 2 + random_() % 3; i < n; ++i) OneStatement(OneIn(4) ? other : table, out);
  if (OneIn(3)) {
    Sql("SAVEPOINT s");
    const TableState table_then = table.rows;
    const TableState other_then = other.rows;
    ExpectedTransaction undone;
    OneStatement(table, undone);
    OneStatement(other, undone);
    Sql("ROLLBACK TO SAVEPOINT s");
    table.rows = table_then;
    other.rows = other_then;
    if (OneIn(2)) OneStatement(table, out);
  }
  if (OneIn(8)) {
    Sql("ROLLBACK");
    table.rows = table_before;
    other.rows = other_before;
    return {};
  }
  Sql("COMMIT");
  std::erase_if(out, [](const ExpectedStatement& statement) { return statement.changes.empty(); });
  return out;
}

void RandomChanges::Statement(Table& table, const std::string& sql, std::vector<bool> written,
                              ExpectedTransaction& out) {
  Sql(sql);
  TableState now = ReadRows(table);
  ExpectedStatement statement{table.test.name, std::move(written), {}};
  for (const auto& [rid, row] : table.rows) {
    const auto found = now.find(rid);
    if (found == now.end()) {
      statement.changes.push_back({RowOp::kDelete, row, nullptr});
    } else if (SameRow(*row, *found->second)) {
      found->second = row;
    } else {
      statement.changes.push_back({RowOp::kUpdate, row, found->second});
    }
  }
  for (const auto& [rid, row] : now) {
    if (!table.rows.contains(rid)) statement.changes.push_back({RowOp::kInsert, nullptr, row});
  }
  table.rows = std::move(now);
  out.push_back(std::move(statement));
}

void RandomChanges::OneStatement(Table& table, ExpectedTransaction& out) {
  if (table.rows.size() < 2) return Insert(table, out);
  switch (random_() % 10) {
    case 0:
    case 1: return table.rows.size() < 2 * kRowsWanted ? Insert(table, out) : Delete(table, out);
    case 2: return table.rows.size() > kRowsWanted ? Delete(table, out) : Insert(table, out);
    case 3: return InsertThatFails(table, out);
    case 4: return InsertOnDuplicate(table, out);
    default: return Update(table, out);
  }
}

std::string RandomChanges::Value(const Table& table, std::size_t i) {
  const TypeCase& each = table.test.cases[i];
  const bool may_be_null = each.ddl.find("NOT NULL") == std::string::npos;
  if (may_be_null && OneIn(8)) return "NULL";
  const bool json = each.ddl == "JSON" && flavour_ == mysql::Flavour::kMySql;
  if (json && OneIn(2)) {
    switch (random_() % 4) {
      case 0: return fmt::format("JSON_SET(c{}, '$[0]', {})", i, random_());
      case 1: return fmt::format("JSON_SET(c{}, '$.\"new {}\"', JSON_ARRAY(1.50, NOW()))", i, random_() % 5);
      case 2: return fmt::format("JSON_REMOVE(c{}, '$[1]')", i);
      default: return fmt::format("JSON_REPLACE(c{}, '$.long', REPEAT('z', {}))", i, random_() % 300);
    }
  }
  return each.literal(random_);
}

void RandomChanges::Insert(Table& table, ExpectedTransaction& out) {
  std::vector<bool> written(table.schema.columns.size(), false);
  written[static_cast<std::size_t>(table.schema.Find("id"))] = true;
  written[static_cast<std::size_t>(table.schema.Find("rid"))] = true;
  std::string columns = "id, rid";
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < table.test.cases.size(); ++i) {
    if (!IsWritable(table.test.cases[i]) || (!IsKeyPart(table.test, i) && OneIn(3))) continue;
    chosen.push_back(i);
    written[table.ColumnOf(i)] = true;
    columns += fmt::format(", c{}", i);
  }
  std::string values;
  for (std::size_t n = 1 + random_() % 3; n > 0; --n) {
    values += fmt::format("{}({}, {}", values.empty() ? "" : ", ", next_rid_, next_rid_);
    ++next_rid_;
    for (const std::size_t i : chosen) {
      std::string value = Value(table, i);
      if (value.find(fmt::format("(c{},", i)) != std::string::npos) value = "NULL";  // of a row that is not there yet
      values += ", " + value;
    }
    values += ")";
  }
  Statement(table, fmt::format("INSERT INTO {} ({}) VALUES {}", table.test.name, columns, values), written, out);
}

// The first row goes in and out again.
void RandomChanges::InsertThatFails(Table& table, ExpectedTransaction& out) {
  if (table.key.size() != 1) return Insert(table, out);
  const Row& row = *table.rows.begin()->second;
  const int rid = next_rid_++;
  const std::string sql = fmt::format("INSERT INTO {} (id, rid) VALUES ({}, {}), ({}, {})", table.test.name, rid, rid,
                                      row[table.key[0]].value.i, rid);
  const base::Status status = session_->Execute(sql, "test");
  EXPECT_EQ(status.code(), base::Code::kDuplicate) << status.message();
  const TableState now = ReadRows(table);
  EXPECT_EQ(now.size(), table.rows.size());
}

void RandomChanges::InsertOnDuplicate(Table& table, ExpectedTransaction& out) {
  std::vector<std::size_t> writable;
  for (std::size_t i = 0; i < table.test.cases.size(); ++i) {
    if (IsWritable(table.test.cases[i])) writable.push_back(i);
  }
  if (table.key.size() != 1 || writable.empty()) return Update(table, out);
  const std::size_t i = writable[random_() % writable.size()];
  const Row& row = *table.rows.rbegin()->second;
  const std::vector<bool> written(table.schema.columns.size(), true);  // MySQL counts all columns in
  Statement(table,
            fmt::format("INSERT INTO {} (id, rid) VALUES ({}, 0) ON DUPLICATE KEY UPDATE c{} = {}", table.test.name,
                        row[table.key[0]].value.i, i, Value(table, i)),
            written, out);
}

std::string RandomChanges::Rids(const Table& table, std::size_t count_max) {
  std::string list;
  for (std::size_t n = 1 + random_() % count_max; n > 0; --n) {
    auto row = table.rows.begin();
    std::advance(row, random_() % table.rows.size());
    list += fmt::format("{}{}", list.empty() ? "" : ", ", row->first);
  }
  return list;
}

void RandomChanges::Update(Table& table, ExpectedTransaction& out) {
  std::vector<bool> written(table.schema.columns.size(), false);
  std::string set;
  for (std::size_t i = 0; i < table.test.cases.size(); ++i) {
    const bool chosen = IsKeyPart(table.test, i) ? OneIn(6) : OneIn(4);
    if (!IsWritable(table.test.cases[i]) || !chosen) continue;
    set += fmt::format("{}c{} = {}", set.empty() ? "" : ", ", i, Value(table, i));
    written[table.ColumnOf(i)] = true;
  }
  if (set.empty() || OneIn(5)) {
    set += fmt::format("{}id = rid + {}", set.empty() ? "" : ", ", ++shift_ * kShift);
    written[static_cast<std::size_t>(table.schema.Find("id"))] = true;
  }
  Statement(table, fmt::format("UPDATE {} SET {} WHERE rid IN ({})", table.test.name, set, Rids(table, 3)), written,
            out);
}

void RandomChanges::Delete(Table& table, ExpectedTransaction& out) {
  Statement(table, fmt::format("DELETE FROM {} WHERE rid IN ({})", table.test.name, Rids(table, 3)),
            std::vector<bool>(table.schema.columns.size(), false), out);
}

}  // namespace shardlift::binlog
