// RandomChanges: random transactions over tables of every type, and what the server itself said of each changed row.
//
// The oracle is SELECT: after each statement the whole table is read in the same transaction, and the rows that differ
// are the statement's changes. No decoder of ours takes part.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "mysql/schema.h"
#include "mysql/session.h"
#include "tests/binlog/live.h"
#include "tests/binlog/type_cases.h"

namespace shardlift::binlog {

using Row = std::vector<OwnedValue>;
using RowPtr = std::shared_ptr<const Row>;
using TableState = std::map<int, RowPtr>;  // by rid, which never changes

// Columns: id, the key; rid, which names the row for its life; c0, c1, ... of `cases`.
struct TestTable {
  std::string name;
  std::vector<TypeCase> cases;
  std::string key = "PRIMARY KEY (id)";  // after the columns; empty: a table without any key
  bool key_last = false;                 // id and rid behind the other columns
  std::string engine = "ENGINE=InnoDB CHARACTER SET utf8mb4";
};
// Together they have every type, a table without a key and one of more than 251 columns.
std::vector<TestTable> MatrixTables(mysql::Flavour flavour);

struct ExpectedChange {
  RowOp op = RowOp::kInsert;
  RowPtr before;
  RowPtr after;
};

struct ExpectedStatement {
  std::string table;
  std::vector<bool> written;  // by column: named by the statement
  std::vector<ExpectedChange> changes;
};
using ExpectedTransaction = std::vector<ExpectedStatement>;  // committed, without what was rolled back

class RandomChanges {
 public:
  struct Table {
    TestTable test;
    mysql::TableSchema schema;
    TableState rows;
    Row defaults;  // what a row has in columns that its INSERT does not name
    std::vector<std::size_t> key;
    // Index into schema.columns of test.cases[i].
    std::size_t ColumnOf(std::size_t i) const { return test.key_last ? i : i + 2; }
  };

  // The tables are made in the present database of `session`, named "db". `session` may be changed later.
  RandomChanges(mysql::Session& session, mysql::Flavour flavour, std::uint64_t seed)
      : session_(&session), flavour_(flavour), random_(seed) {}
  void set_session(mysql::Session& session) { session_ = &session; }
  void CreateTables(const std::vector<TestTable>& tables);

  // A transaction for each boundary value of each column.
  std::vector<ExpectedTransaction> InsertBoundaries();
  // At least one transaction for each table.
  std::vector<ExpectedTransaction> Run(int rounds);

  const std::map<std::string, Table>& tables() const { return tables_; }
  // Reads all rows of all tables anew.
  std::map<std::string, TableState> ReadAll();

 private:
  void Sql(const std::string& sql) { live::SqlOn(*session_, sql); }
  TableState ReadRows(const Table& table);
  Row ReadRow(const Table& table, const std::vector<std::optional<std::string>>& texts);
  ExpectedTransaction Transaction(Table& table, Table& other);
  // Runs it and appends what it did.
  void Statement(Table& table, const std::string& sql, std::vector<bool> written, ExpectedTransaction& out);
  void OneStatement(Table& table, ExpectedTransaction& out);
  void Insert(Table& table, ExpectedTransaction& out);
  void InsertThatFails(Table& table, ExpectedTransaction& out);
  void InsertOnDuplicate(Table& table, ExpectedTransaction& out);
  void Update(Table& table, ExpectedTransaction& out);
  void Delete(Table& table, ExpectedTransaction& out);
  std::string Value(const Table& table, std::size_t i);
  std::string Rids(const Table& table, std::size_t count_max);
  bool OneIn(unsigned n) { return random_() % n == 0; }

  mysql::Session* session_;
  const mysql::Flavour flavour_;
  Random random_;
  std::map<std::string, Table> tables_;
  int next_rid_ = 1;
  int shift_ = 0;
};

bool SameRow(const Row& a, const Row& b);

}  // namespace shardlift::binlog
