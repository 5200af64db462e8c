#include "store/schema_diff.h"

#include <algorithm>

#include "mysql/schema.h"
#include "mysql/session.h"
#include "store/custom_table.h"
#include "store/live_schema.h"
#include "store/table_definitions.h"

namespace shardlift::store {
namespace {

using base::Code;
using base::Status;

bool IsText(std::string_view type) {
  return type.starts_with("varchar") || type.starts_with("char") || type.ends_with("text");
}

class TableDiff {
 public:
  TableDiff(const TableDefinition& wanted, const LiveTable& live, mysql::Flavour flavour,
            std::vector<Difference>* found)
      : wanted_(wanted), live_(live), flavour_(flavour), found_(found) {}

  void Run() {
    for (std::size_t i = 0; i < wanted_.columns.size(); ++i) Column(i);
    for (const LiveColumn& column : live_.columns) ExtraColumn(column);
    for (const KeyDefinition& key : wanted_.keys) Key(key);
    for (const auto& [name, key] : live_.keys) ExtraKey(name, key);
    Table();
  }

 private:
  void Found(std::string name, std::string what, Remedy remedy, std::string clause) {
    found_->push_back({wanted_.name, std::move(name), std::move(what), remedy, std::move(clause)});
  }

  void Table() {
    if (live_.engine != "InnoDB") {
      Found("", "its engine is " + live_.engine + ", wanted is InnoDB", Remedy::kChange, "ENGINE=InnoDB");
    }
    if (live_.collation != kStoreCollation) {
      Found("", "its collation is " + live_.collation + ", wanted is " + kStoreCollation, Remedy::kChange,
            std::string("DEFAULT CHARACTER SET utf8mb4 COLLATE ") + kStoreCollation);
    }
  }

  // MariaDB turns JSON into LONGTEXT with a json_valid check by itself.
  std::string WantedType(const ColumnDefinition& column) const {
    const std::string type = column.type;
    return flavour_ == mysql::Flavour::kMariaDb && type == "json" ? "longtext" : type;
  }

  static std::string FullSql(const ColumnDefinition& column) {
    std::string sql = ColumnSql(column);
    const std::string type = std::string("` ") + column.type;  // behind the quoted name
    if (IsText(column.type)) {
      sql.insert(sql.find(type) + type.size(), std::string(" CHARACTER SET utf8mb4 COLLATE ") + kStoreCollation);
    }
    return sql;
  }

  void Column(std::size_t index) {
    const ColumnDefinition& want = wanted_.columns[index];
    const auto have = std::find_if(live_.columns.begin(), live_.columns.end(),
                                   [&](const LiveColumn& column) { return column.name == want.name; });
    if (have == live_.columns.end()) {
      const std::string place =
          index == 0 ? " FIRST" : " AFTER " + mysql::QuoteIdentifier(wanted_.columns[index - 1].name);
      const bool has_value = want.nullable || want.default_value != nullptr;
      Found(want.name,
            has_value ? "this column is missing"
                      : "this column is missing, and has no default: rows that are there would get an invented value",
            has_value ? Remedy::kAdd : Remedy::kChange, "ADD COLUMN " + FullSql(want) + place);
      return;
    }
    std::string what;
    const auto add = [&what](const std::string& text) { what += (what.empty() ? "" : "; ") + text; };
    const std::string type = WantedType(want);
    if (have->type != type) add("its type is " + have->type + ", wanted is " + type);
    if (IsText(type) && !have->collation.empty() && have->collation != kStoreCollation) {
      add("its collation is " + have->collation + ", wanted is " + kStoreCollation);
    }
    if (have->nullable != want.nullable) add(std::string("it should be ") + (want.nullable ? "NULL" : "NOT NULL"));
    if (have->default_value != (want.default_value == nullptr ? "" : want.default_value)) {
      add("its default is not the wanted one");
    }
    if (!have->extra.empty()) add("it is " + have->extra);
    if (!what.empty()) Found(want.name, what, Remedy::kChange, "MODIFY COLUMN " + FullSql(want));
  }

  void ExtraColumn(const LiveColumn& column) {
    const bool known = std::any_of(wanted_.columns.begin(), wanted_.columns.end(),
                                   [&](const ColumnDefinition& want) { return column.name == want.name; });
    if (known) return;
    Found(column.name, "a column that is not part of the store", Remedy::kDrop,
          "DROP COLUMN " + mysql::QuoteIdentifier(column.name));
  }

  static std::string DropKey(const std::string& name) {
    return name == "PRIMARY" ? "DROP PRIMARY KEY" : "DROP KEY " + mysql::QuoteIdentifier(name);
  }

  void Key(const KeyDefinition& want) {
    const auto have = live_.keys.find(want.name);
    if (have == live_.keys.end()) {
      Found(want.name, std::string("key ") + want.name + " is missing", Remedy::kAdd, "ADD " + KeySql(want));
      return;
    }
    const LiveKey wanted{want.unique, {want.columns.begin(), want.columns.end()}, false};
    if (have->second == wanted) return;
    const bool only_hidden =
        have->second.hidden && have->second.unique == wanted.unique && have->second.columns == wanted.columns;
    // Dropping and adding the same key in one statement leaves it as it is, hidden, on both servers.
    const std::string name = mysql::QuoteIdentifier(want.name);
    if (only_hidden) {
      Found(want.name, std::string("key ") + want.name + " is hidden from the optimizer", Remedy::kChange,
            flavour_ == mysql::Flavour::kMariaDb ? "ALTER KEY " + name + " NOT IGNORED"
                                                 : "ALTER INDEX " + name + " VISIBLE");
    } else {
      Found(want.name, std::string("key ") + want.name + " has other columns", Remedy::kChange,
            DropKey(want.name) + ", ADD " + KeySql(want));
    }
  }

  // Further plain keys only cost time; a further unique key would refuse rows that the store must take.
  void ExtraKey(const std::string& name, const LiveKey& key) {
    const bool known = std::any_of(wanted_.keys.begin(), wanted_.keys.end(),
                                   [&](const KeyDefinition& want) { return name == want.name; });
    if (known) return;
    Found(name, (key.unique ? "unique key " : "key ") + name + " is not part of the store",
          key.unique ? Remedy::kDrop : Remedy::kNone, DropKey(name));
  }

  const TableDefinition& wanted_;
  const LiveTable& live_;
  const mysql::Flavour flavour_;
  std::vector<Difference>* const found_;
};

std::string Qualified(std::string_view database, std::string_view table) {
  return mysql::QuoteIdentifier(database) + "." + mysql::QuoteIdentifier(table);
}

}  // namespace

std::string_view RemedyName(Remedy remedy) {
  switch (remedy) {
    case Remedy::kCreate: return "create";
    case Remedy::kAdd: return "add";
    case Remedy::kChange: return "change";
    case Remedy::kDrop: return "drop";
    case Remedy::kNone: return "none";
  }
  return "none";
}

base::Result<std::vector<Difference>> CompareSchema(mysql::Session& session, std::string_view database,
                                                    std::span<const CustomTable> own) {
  SL_ASSIGN(const LiveTables live, ReadLiveTables(session, database));
  std::vector<Difference> found;
  for (const TableDefinition& wanted : TableDefinitions()) {
    const auto have = live.find(wanted.name);
    if (have == live.end()) {
      found.push_back({wanted.name, "", "this table is missing", Remedy::kCreate,
                       CreateTableSql(wanted, mysql::QuoteIdentifier(database) + ".")});
    } else {
      TableDiff(wanted, have->second, session.flavour(), &found).Run();
    }
  }
  for (const CustomTable& table : own) {
    SL_ASSIGN(const std::vector<Difference> differences, CompareCustom(session, database, table));
    found.insert(found.end(), differences.begin(), differences.end());
  }
  return found;
}

std::vector<std::string> StatementsFor(std::string_view database, std::span<const Difference> differences) {
  std::vector<std::string> statements;
  std::pair<std::string_view, Remedy> last{"", Remedy::kNone};
  for (const Remedy remedy : {Remedy::kCreate, Remedy::kAdd, Remedy::kChange, Remedy::kDrop}) {
    for (const Difference& difference : differences) {
      if (difference.remedy != remedy) continue;
      if (remedy == Remedy::kCreate) {
        statements.push_back(difference.clause);
      } else if (last == std::pair<std::string_view, Remedy>(difference.table, remedy)) {
        statements.back() += ", " + difference.clause;
      } else {
        statements.push_back("ALTER TABLE " + Qualified(database, difference.table) + " " + difference.clause);
      }
      last = {difference.table, remedy};
    }
  }
  return statements;
}

Status CheckOnlyMissing(std::string_view shard, std::string_view database, std::span<const Difference> differences) {
  for (const Difference& difference : differences) {
    if (difference.remedy != Remedy::kChange && difference.remedy != Remedy::kDrop) continue;
    return Status(Code::kRefused, "shard " + std::string(shard) + ": " + std::string(database) + "." +
                                      difference.table + (difference.name.empty() ? "" : "." + difference.name) + ": " +
                                      difference.what +
                                      "; apply creates and adds only: run what shardlift schema diff prints yourself, "
                                      "or name another database for this shard");
  }
  return base::Ok();
}

Status AddMissing(mysql::Session& session, std::string_view database, std::span<const Difference> differences) {
  SL_TRY(CheckOnlyMissing(session.endpoint().Text(), database, differences));
  const std::vector<std::string> statements = StatementsFor(database, differences);
  if (statements.empty()) return base::Ok();
  SL_TRY(session.Execute("CREATE DATABASE IF NOT EXISTS " + mysql::QuoteIdentifier(database) +
                             " CHARACTER SET utf8mb4 COLLATE " + kStoreCollation,
                         "create the store's database"));
  for (const std::string& statement : statements) {
    SL_TRY(session.Execute(statement, "bring the store's tables to their definitions"));
  }
  return base::Ok();
}

}  // namespace shardlift::store
