// A job's own target table as a shard has it.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "mysql/schema.h"
#include "mysql/session.h"
#include "store/custom_table.h"
#include "store/live_schema.h"
#include "store/message_table.h"

namespace shardlift::store {
namespace {

using base::Code;
using base::Result;
using base::Status;
using mysql::Column;
using mysql::ColumnType;

constexpr std::uint64_t kAccountTypeMax = 0xFFFFFFFF;

// What information_schema says beside mysql::Column.
struct Beside {
  std::optional<std::string> default_value;  // as the server prints it
  std::string extra;
};

class Reader {
 public:
  Reader(mysql::Session& session, std::string_view database, const CustomTable& wanted)
      : session_(session), database_(database), wanted_(wanted) {}

  Result<TargetTable> Read() {
    // What the job says of the table beside that is schema diff's business: here the server's word counts.
    const CustomTable only_owners{wanted_.name, "", wanted_.account_type, wanted_.account_key, wanted_.key};
    SL_ASSIGN(const std::vector<Difference> lacking, CompareCustom(session_, database_, only_owners));
    if (!lacking.empty() && lacking.front().remedy == Remedy::kCreate) {
      return Refused("it is not there yet, and the types of its columns are read there; run shardlift schema apply");
    }
    if (!lacking.empty()) {
      return Refused((lacking.front().name.empty() ? "" : "column or key " + lacking.front().name + ": ") +
                     lacking.front().what +
                     "; without the owner columns a row cannot be told from another owner's. Let schema apply make the "
                     "table, see shardlift schema diff, or declare a \"key\" that names the legacy row");
    }
    SL_TRY(CheckNothingElseWrites());
    SL_TRY(ReadBeside());
    SL_ASSIGN(const mysql::TableSchema schema,
              mysql::ReadTableSchema(session_, {std::string(database_), wanted_.name}));
    table_.name = wanted_.name;
    for (const Column& column : schema.columns) SL_TRY(Add(column));
    if (wanted_.key.empty()) {
      table_.bucket = table_.Find("bucket");
      table_.owner_origin = table_.Find("owner_origin");
      table_.owner_table = table_.Find("owner_table");
      table_.owner_key = table_.Find("owner_key");
    } else {
      SL_TRY(FindKey(schema));
    }
    SL_TRY(FindAccount());
    SL_TRY(AddKeys());
    return std::move(table_);
  }

 private:
  Status Refused(const std::string& what) const {
    return Status(Code::kRefused,
                  fmt::format("shard {}: {}.{}: {}", session_.endpoint().Text(), database_, wanted_.name, what));
  }

  // Rows that come and go without the lanes would be called lost and extra.
  Status CheckNothingElseWrites() {
    const std::string database = session_.Quote(database_);
    const std::string table = session_.Quote(wanted_.name);
    SL_ASSIGN(const auto type, session_.Query("SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
                                                  database + " AND TABLE_NAME = " + table,
                                              "read the target table"));
    if (type.rows.empty() || type.rows[0][0] != "BASE TABLE") return Refused("it is no plain table");
    SL_ASSIGN(const auto keys,
              session_.Query(fmt::format("SELECT CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE WHERE "
                                         "(TABLE_SCHEMA = {0} AND TABLE_NAME = {1} AND REFERENCED_TABLE_NAME IS NOT "
                                         "NULL) OR (REFERENCED_TABLE_SCHEMA = {0} AND REFERENCED_TABLE_NAME = {1})",
                                         database, table),
                             "read foreign keys"));
    if (!keys.rows.empty()) {
      return Refused(
          fmt::format("foreign key {} has a part in it: rows could go with others; define the table without "
                      "foreign keys",
                      keys.rows[0][0].value_or("")));
    }
    SL_ASSIGN(const auto triggers,
              session_.Query(fmt::format("SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE "
                                         "EVENT_OBJECT_SCHEMA = {} AND EVENT_OBJECT_TABLE = {}",
                                         database, table),
                             "read triggers"));
    if (triggers.rows.empty()) return base::Ok();
    return Refused(fmt::format("trigger {} would change what is written; drop it until the move is over",
                               triggers.rows[0][0].value_or("")));
  }

  Status ReadBeside() {
    const std::string where =
        " WHERE TABLE_SCHEMA = " + session_.Quote(database_) + " AND TABLE_NAME = " + session_.Quote(wanted_.name);
    SL_ASSIGN(const auto rows,
              session_.Query("SELECT COLUMN_NAME, COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS" + where,
                             "read the target's defaults"));
    for (const auto& row : rows.rows) beside_[row[0].value_or("")] = {row[1], row[2].value_or("")};
    if (session_.flavour() != mysql::Flavour::kMariaDb) return base::Ok();
    // There JSON is LONGTEXT with a check.
    SL_ASSIGN(
        const auto checks,
        session_.Query("SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = " +
                           session_.Quote(database_) + " AND TABLE_NAME = " + session_.Quote(wanted_.name),
                       "read the target's checks"));
    for (const auto& row : checks.rows) checks_.insert(row[0].value_or(""));
    return base::Ok();
  }

  Status Add(const Column& column) {
    const Beside& beside = beside_[column.name];
    const bool json =
        column.type == ColumnType::kJson || checks_.contains("json_valid(" + mysql::QuoteIdentifier(column.name) + ")");
    table_.definition +=
        fmt::format("column {} {}{}{}{}\n", column.name, json ? "json" : NormalisedType(column.column_type),
                    column.nullable ? "" : " not null", column.generated ? " generated" : "",
                    json || column.collation.empty() ? "" : " " + column.collation);
    if (column.generated) return base::Ok();  // follows from the others
    const bool counter = beside.extra.find("auto_increment") != std::string::npos;
    if (counter && beside.extra.find("INVISIBLE") != std::string::npos) return base::Ok();  // MySQL's own key
    TargetColumn made;
    made.name = column.name;
    made.nullable = column.nullable;
    if (json) {
      made.kind = TargetKind::kJson;
      made.limit = 1ull << 30;  // max_allowed_packet cannot be larger
    } else {
      SL_TRY(SetKind(column, counter, &made));
    }
    made.default_sql = Default(made, beside);
    table_.columns.push_back(std::move(made));
    return base::Ok();
  }

  Status SetInteger(const Column& column, bool auto_increment, TargetColumn* made) const {
    if (column.column_type.find("zerofill") != std::string::npos) {
      return Refused(
          fmt::format("column {} is ZEROFILL, which prints other text than its number; leave that out", column.name));
    }
    constexpr unsigned kBits[] = {8, 16, 24, 32, 64};
    const unsigned bits = kBits[static_cast<unsigned>(column.type)];
    made->limit = (column.is_unsigned ? ~0ull : ~0ull >> 1) >> (64 - bits);
    made->kind = column.is_unsigned ? TargetKind::kUnsigned : TargetKind::kSigned;
    if (!column.is_unsigned) made->least = made->limit + 1;
    if (!auto_increment) return base::Ok();
    made->kind = TargetKind::kUnsigned;  // the server replaces 0 by a number of its own
    made->least = 1;
    return base::Ok();
  }

  Status SetKind(const Column& column, bool auto_increment, TargetColumn* made) const {
    made->fraction = column.fraction;
    made->precision = column.precision;
    made->limit = column.length;
    if (column.is_integer()) return SetInteger(column, auto_increment, made);
    switch (column.type) {
      case ColumnType::kDecimal: made->kind = TargetKind::kDecimal; break;
      case ColumnType::kFloat:
      case ColumnType::kDouble: return SetReal(column, made);
      case ColumnType::kBit:
        made->kind = TargetKind::kBit;
        made->limit = ~0ull >> (64 - column.length);
        break;
      case ColumnType::kYear: made->kind = TargetKind::kYear; break;
      case ColumnType::kDate: made->kind = TargetKind::kDate; break;
      case ColumnType::kTime: made->kind = TargetKind::kTime; break;
      case ColumnType::kTimestamp: made->is_timestamp = true; [[fallthrough]];
      case ColumnType::kDateTime: made->kind = TargetKind::kDateTime; break;
      case ColumnType::kEnum:
      case ColumnType::kSet:
        made->kind = column.type == ColumnType::kEnum ? TargetKind::kEnum : TargetKind::kSet;
        made->members = column.members;
        break;
      case ColumnType::kBinary: made->pads = true; [[fallthrough]];
      case ColumnType::kVarbinary:
      case ColumnType::kTinyBlob:
      case ColumnType::kBlob:
      case ColumnType::kMediumBlob:
      case ColumnType::kLongBlob: made->kind = TargetKind::kBinary; break;
      default: return SetText(column, made);
    }
    return base::Ok();
  }

  Status SetReal(const Column& column, TargetColumn* made) const {
    if (column.column_type.find('(') != std::string::npos || column.column_type.find("zerofill") != std::string::npos) {
      return Refused(
          fmt::format("column {} is {}: a number of digits rounds what is written, ZEROFILL prints other text; "
                      "write FLOAT or DOUBLE alone",
                      column.name, column.column_type));
    }
    made->kind = column.type == ColumnType::kFloat ? TargetKind::kFloat : TargetKind::kDouble;
    made->not_below_zero = column.is_unsigned;
    return base::Ok();
  }

  Status SetText(const Column& column, TargetColumn* made) const {
    if (!column.is_text()) {
      return Refused(
          fmt::format("column {} is of type {}, which no mapping fills; define the table without it, or with "
                      "another type",
                      column.name, column.column_type));
    }
    made->kind = TargetKind::kText;
    made->charset = column.charset;
    made->collation = column.collation;
    made->pads = column.type == ColumnType::kChar;
    if (column.type > ColumnType::kVarchar) return base::Ok();  // a TEXT: bytes
    made->characters_max = column.length;
    made->limit = 4ull * column.length;
    return base::Ok();
  }

  // Whether the bytes of a column are the value, so that two values that the key calls equal are: but for the spaces
  // that some of these collations add at the end, which conditions see to (mapping/key_owner_sql.cc).
  Status CheckKeyColumn(const Column& column) const {
    const std::string place = "key: column " + column.name;
    if (column.is_integer() || column.type == ColumnType::kBinary || column.type == ColumnType::kVarbinary) {
      return base::Ok();
    }
    if (column.type != ColumnType::kChar && column.type != ColumnType::kVarchar) {
      return Refused(place + " is of type " + column.column_type +
                     "; a declared key may have integers, CHAR, VARCHAR, BINARY and VARBINARY");
    }
    const bool utf8 = column.charset == "utf8mb4" || column.charset.starts_with("utf8mb3") ||
                      column.charset == "utf8" || column.charset == "ascii";
    if (utf8 && column.collation.ends_with("_bin")) return base::Ok();
    return Refused(place + " has collation " + column.collation +
                   ", in which different texts may be equal; define it with a _bin collation of utf8mb4, utf8mb3 or "
                   "ascii, or as VARBINARY");
  }

  Status FindKey(const mysql::TableSchema& schema) {
    std::set<std::size_t> wanted;
    for (const std::string& name : wanted_.key) {
      const int index = schema.Find(name);
      if (index < 0 || table_.Find(schema.columns[static_cast<std::size_t>(index)].name) == TargetTable::kNone) {
        return Refused("key: there is no column " + name + " that a mapping can fill");
      }
      SL_TRY(CheckKeyColumn(schema.columns[static_cast<std::size_t>(index)]));
      wanted.insert(static_cast<std::size_t>(index));
    }
    const auto unique = std::find_if(schema.unique_keys.begin(), schema.unique_keys.end(), [&](const auto& candidate) {
      return std::set<std::size_t>(candidate.columns.begin(), candidate.columns.end()) == wanted;
    });
    if (unique == schema.unique_keys.end()) {
      return Refused(
          fmt::format("key: ({}) is no unique key of whole, NOT NULL columns of the table; name the columns "
                      "of one, or leave \"key\" out and let the tool add its own columns",
                      fmt::join(wanted_.key, ", ")));
    }
    table_.owner_index = unique->name;
    std::vector<std::size_t> key;
    for (const std::size_t column : unique->columns) key.push_back(table_.Find(schema.columns[column].name));
    // What the tool computes stands behind what the table has.
    for (std::size_t* const place : {&table_.bucket, &table_.owner_origin, &table_.owner_table, &table_.owner_key}) {
      *place = table_.columns.size();
      table_.columns.emplace_back();
    }
    for (const TargetColumn& own : MessageColumns()) {
      if (own.name == "bucket") table_.columns[table_.bucket] = own;
      if (own.name == "owner_origin") table_.columns[table_.owner_origin] = own;
      if (own.name == "owner_table") table_.columns[table_.owner_table] = own;
      if (own.name == "owner_key") table_.columns[table_.owner_key] = own;
    }
    table_.key = std::move(key);
    table_.definition += fmt::format("declared key {}\n", fmt::join(wanted_.key, ", "));
    return base::Ok();
  }

  // The default as an expression; none when it is computed, or the server makes it up.
  std::optional<std::string> Default(const TargetColumn& column, const Beside& beside) const {
    const bool maria = session_.flavour() == mysql::Flavour::kMariaDb;
    if (!beside.default_value || (maria && *beside.default_value == "NULL")) {
      return column.nullable && beside.extra.find("auto_increment") == std::string::npos
                 ? std::optional<std::string>("NULL")
                 : std::nullopt;
    }
    std::string text = *beside.default_value;
    if (beside.extra.find("DEFAULT_GENERATED") != std::string::npos) return std::nullopt;
    if (column.kind == TargetKind::kBit) return BitDefault(text);
    const bool quoted = text.size() >= 2 && text.starts_with('\'') && text.ends_with('\'');
    if (column.kind <= TargetKind::kDecimal || column.kind == TargetKind::kYear) {
      const bool number = !text.empty() && text.find_first_not_of("-.0123456789") == std::string::npos;
      return number ? std::optional(text) : std::nullopt;
    }
    if (maria && !quoted) return std::nullopt;  // an expression
    if (maria) text = Unquoted(text);
    std::string literal;
    mysql::AppendTextLiteral(text, literal);
    switch (column.kind) {
      case TargetKind::kText:
      case TargetKind::kEnum:
      case TargetKind::kSet: return literal;
      case TargetKind::kDate: return "CAST(" + literal + " AS DATE)";
      case TargetKind::kDateTime: return fmt::format("CAST({} AS DATETIME({}))", literal, column.fraction);
      default: return std::nullopt;
    }
  }

  // b'101' as a number.
  static std::optional<std::string> BitDefault(std::string_view text) {
    if (!text.starts_with("b'") || !text.ends_with('\'')) return std::nullopt;
    std::uint64_t bits = 0;
    for (const char c : text.substr(2, text.size() - 3)) bits = bits << 1 | (c == '1' ? 1u : 0u);
    return std::to_string(bits);
  }

  static std::string Unquoted(std::string_view text) {
    std::string out;
    for (std::size_t i = 1; i + 1 < text.size(); ++i) {
      if (text[i] == '\'' && text[i + 1] == '\'' && i + 2 < text.size()) ++i;
      out.push_back(text[i]);
    }
    return out;
  }

  Status FindAccount() {
    table_.account_key = table_.Find(wanted_.account_key);
    if (table_.account_key == TargetTable::kNone || table_.IsFilledByTheTool(table_.account_key)) {
      return Refused("account_key: there is no column " + wanted_.account_key);
    }
    const TargetColumn& key = table_.columns[table_.account_key];
    const bool fine = key.kind == TargetKind::kUnsigned || key.kind == TargetKind::kSigned ||
                      key.kind == TargetKind::kText || key.kind == TargetKind::kBinary;
    if (!fine || key.nullable) {
      return Refused("account_key: column " + key.name + " is not an integer, text or binary string that is NOT NULL");
    }
    table_.definition += fmt::format("account {} {}\n", wanted_.account_type, key.name);
    const std::string& type = wanted_.account_type;
    const auto [end, error] = std::from_chars(type.data(), type.data() + type.size(), table_.account_type_fixed);
    if (error == std::errc() && end == type.data() + type.size()) return base::Ok();
    table_.account_type = table_.Find(type);
    if (table_.account_type == TargetTable::kNone || table_.IsFilledByTheTool(table_.account_type)) {
      return Refused("account_type: there is no column " + type + ", nor is it a number");
    }
    const TargetColumn& column = table_.columns[table_.account_type];
    if (column.kind == TargetKind::kUnsigned && !column.nullable && column.limit <= kAccountTypeMax) return base::Ok();
    return Refused("account_type: column " + type + " is not an unsigned integer of up to 32 bits that is NOT NULL");
  }

  // Unique keys decide which rows clash; others cost time only.
  Status AddKeys() {
    SL_ASSIGN(const LiveTables tables, ReadLiveTables(session_, database_));
    for (const auto& [name, key] : tables.at(wanted_.name).keys) {
      if (key.unique) table_.definition += fmt::format("unique key {} ({})\n", name, fmt::join(key.columns, ", "));
    }
    return base::Ok();
  }

  mysql::Session& session_;
  const std::string_view database_;
  const CustomTable& wanted_;
  std::map<std::string, Beside> beside_;
  std::set<std::string> checks_;
  TargetTable table_;
};

}  // namespace

std::string FormOf(const mysql::TableSchema& schema) {
  std::string form;
  for (const Column& column : schema.columns) {
    form += fmt::format("column {} {}{}{}\n", column.name, NormalisedType(column.column_type),
                        column.nullable ? "" : " not null", column.collation.empty() ? "" : " " + column.collation);
  }
  for (const mysql::UniqueKey& key : schema.unique_keys) {
    form += "unique key " + key.name;
    for (const std::size_t column : key.columns) form += " " + schema.columns[column].name;
    form += '\n';
  }
  return form;
}

Result<TargetTable> ReadTarget(mysql::Session& session, std::string_view database, const CustomTable& table) {
  return Reader(session, database, table).Read();
}

}  // namespace shardlift::store
