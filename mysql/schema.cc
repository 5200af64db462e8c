#include "mysql/schema.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "mysql/session.h"

namespace shardlift::mysql {
namespace {

using Row = std::vector<std::optional<std::string>>;

constexpr std::pair<std::string_view, ColumnType> kTypes[] = {
    {"tinyint", ColumnType::kTinyInt},
    {"smallint", ColumnType::kSmallInt},
    {"mediumint", ColumnType::kMediumInt},
    {"int", ColumnType::kInt},
    {"bigint", ColumnType::kBigInt},
    {"float", ColumnType::kFloat},
    {"double", ColumnType::kDouble},
    {"decimal", ColumnType::kDecimal},
    {"bit", ColumnType::kBit},
    {"year", ColumnType::kYear},
    {"date", ColumnType::kDate},
    {"time", ColumnType::kTime},
    {"datetime", ColumnType::kDateTime},
    {"timestamp", ColumnType::kTimestamp},
    {"char", ColumnType::kChar},
    {"varchar", ColumnType::kVarchar},
    {"tinytext", ColumnType::kTinyText},
    {"text", ColumnType::kText},
    {"mediumtext", ColumnType::kMediumText},
    {"longtext", ColumnType::kLongText},
    {"binary", ColumnType::kBinary},
    {"varbinary", ColumnType::kVarbinary},
    {"tinyblob", ColumnType::kTinyBlob},
    {"blob", ColumnType::kBlob},
    {"mediumblob", ColumnType::kMediumBlob},
    {"longblob", ColumnType::kLongBlob},
    {"enum", ColumnType::kEnum},
    {"set", ColumnType::kSet},
    {"json", ColumnType::kJson},
    {"vector", ColumnType::kVector},
    {"uuid", ColumnType::kUuid},
    {"inet4", ColumnType::kInet4},
    {"inet6", ColumnType::kInet6},
    {"geometry", ColumnType::kGeometry},
    {"point", ColumnType::kGeometry},
    {"linestring", ColumnType::kGeometry},
    {"polygon", ColumnType::kGeometry},
    {"multipoint", ColumnType::kGeometry},
    {"multilinestring", ColumnType::kGeometry},
    {"multipolygon", ColumnType::kGeometry},
    {"geometrycollection", ColumnType::kGeometry},
    {"geomcollection", ColumnType::kGeometry},
};

constexpr std::string_view kColumnsSql =
    "SELECT COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, GENERATION_EXPRESSION, CHARACTER_MAXIMUM_LENGTH, "
    "NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_NAME, COLLATION_NAME "
    "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} ORDER BY ORDINAL_POSITION";
constexpr std::string_view kKeysSql =
    "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = {} AND "
    "TABLE_NAME = {} "
    "AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX";
constexpr std::string_view kRowsSql =
    "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}";

bool SameName(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::uint64_t Number(const std::optional<std::string>& text) {
  std::uint64_t v = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), v);
  return v;
}

// The members of "enum('a','b''c')". The server doubles quotes and escapes nothing else.
std::vector<std::string> ParseMembers(std::string_view column_type) {
  std::vector<std::string> members;
  std::size_t i = column_type.find('(');
  while (i != std::string_view::npos && (i = column_type.find('\'', i)) != std::string_view::npos) {
    std::string member;
    for (++i; i < column_type.size(); ++i) {
      if (column_type[i] == '\'') {
        if (i + 1 >= column_type.size() || column_type[i + 1] != '\'') break;
        ++i;
      }
      member.push_back(column_type[i]);
    }
    members.push_back(std::move(member));
    ++i;
  }
  return members;
}

Column MakeColumn(const Row& row) {
  Column c;
  c.name = row[0].value_or("");
  const std::string type = row[1].value_or("");
  const auto* known =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& t) { return t.first == type; });
  if (known != std::end(kTypes)) c.type = known->second;
  c.column_type = row[2].value_or("");
  c.is_unsigned = c.type == ColumnType::kYear || ((c.is_integer() || c.type == ColumnType::kFloat ||
                                                   c.type == ColumnType::kDouble || c.type == ColumnType::kDecimal) &&
                                                  c.column_type.find(" unsigned") != std::string::npos);
  c.nullable = row[3].value_or("") == "YES";
  c.generated = row[4].has_value() && !row[4]->empty();
  c.length = static_cast<std::uint32_t>(std::min<std::uint64_t>(Number(row[5]), 0xFFFFFFFFu));
  if (c.type == ColumnType::kBit) c.length = static_cast<std::uint32_t>(Number(row[6]));
  if (c.type == ColumnType::kDecimal) {
    c.precision = static_cast<std::uint8_t>(Number(row[6]));
    c.fraction = static_cast<std::uint8_t>(Number(row[7]));
  }
  if (c.type >= ColumnType::kDate && c.type <= ColumnType::kTimestamp)
    c.fraction = static_cast<std::uint8_t>(Number(row[8]));
  c.charset = row[9].value_or("");
  c.collation = row[10].value_or("");
  if (c.type == ColumnType::kEnum || c.type == ColumnType::kSet) c.members = ParseMembers(c.column_type);
  return c;
}

// Keeps keys whose parts are whole, NOT NULL columns.
std::vector<UniqueKey> UsableKeys(const TableSchema& schema, const std::vector<Row>& rows) {
  std::vector<UniqueKey> keys;
  std::string name;
  bool usable = false;
  const auto finish = [&] {
    if (!usable && !keys.empty() && keys.back().name == name) keys.pop_back();
  };
  for (const Row& row : rows) {
    if (keys.empty() || *row[0] != name) {
      finish();
      name = *row[0];
      usable = true;
      keys.push_back({name, {}});
    }
    const int column = row[1] ? schema.Find(*row[1]) : -1;  // no name: a part that is an expression
    if (column < 0 || row[2].has_value() || schema.columns[static_cast<std::size_t>(column)].nullable) {
      usable = false;
    } else {
      keys.back().columns.push_back(static_cast<std::size_t>(column));
    }
  }
  finish();
  std::stable_partition(keys.begin(), keys.end(), [](const UniqueKey& k) { return k.name == "PRIMARY"; });
  return keys;
}

template <class T>
bool ParseWhole(std::string_view text, T* out) {
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return ec == std::errc() && end == text.data() + text.size();
}

base::Status BadText(const Column& column, std::string_view text) {
  return {base::Code::kCorrupt, fmt::format("column {} ({}): the server sent {} bytes that are no such value",
                                            column.name, column.column_type, text.size())};
}

// Zero-filled columns print leading zeros that are no part of the value.
std::string_view StripLeadingZeros(std::string_view text) {
  while (text.size() > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9') text.remove_prefix(1);
  return text;
}

}  // namespace

std::string QuoteIdentifier(std::string_view name) {
  std::string out = "`";
  for (const char c : name) {
    if (c == '`') out.push_back('`');
    out.push_back(c);
  }
  out.push_back('`');
  return out;
}

void AppendTextLiteral(std::string_view utf8, std::string& out) {
  out += '\'';
  for (const char c : utf8) {
    switch (c) {
      case '\0': out += "\\0"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\x1a': out += "\\Z"; break;
      case '\'':
      case '\\': out += '\\'; [[fallthrough]];
      default: out += c;
    }
  }
  out += '\'';
}

std::string TableName::Quoted() const { return QuoteIdentifier(schema) + "." + QuoteIdentifier(table); }

int TableSchema::Find(std::string_view column) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (SameName(columns[i].name, column)) return static_cast<int>(i);
  }
  return -1;
}

base::Result<std::vector<TableName>> ListTables(Session& session) {
  SL_ASSIGN(auto rows,
            session.Query("SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES "
                          "WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND LOWER(TABLE_SCHEMA) NOT IN "
                          "('information_schema', 'mysql', 'performance_schema', 'sys')",
                          "list the tables"));
  std::vector<TableName> names;
  names.reserve(rows.rows.size());
  for (auto& row : rows.rows) names.push_back({row[0].value_or(""), row[1].value_or("")});
  std::sort(names.begin(), names.end());
  return names;
}

base::Result<TableSchema> ReadTableSchema(Session& session, const TableName& name) {
  const std::string schema_sql = session.Quote(name.schema);
  const std::string table_sql = session.Quote(name.table);
  const std::string what = "read the columns of " + name.Text();
  SL_ASSIGN(auto columns, session.Query(fmt::format(fmt::runtime(kColumnsSql), schema_sql, table_sql), what));
  if (columns.rows.empty()) {
    return base::Status(base::Code::kUsage,
                        fmt::format("{}: table {} does not exist, or this user has no privilege on it",
                                    session.endpoint().Text(), name.Text()));
  }
  TableSchema schema;
  schema.name = name;
  for (const Row& row : columns.rows) schema.columns.push_back(MakeColumn(row));
  SL_ASSIGN(auto keys, session.Query(fmt::format(fmt::runtime(kKeysSql), schema_sql, table_sql), what));
  schema.unique_keys = UsableKeys(schema, keys.rows);
  SL_ASSIGN(auto count, session.Query(fmt::format(fmt::runtime(kRowsSql), schema_sql, table_sql), what));
  if (!count.rows.empty()) schema.rows_estimate = Number(count.rows[0][0]);
  return schema;
}

std::string SelectItem(const Column& column) {
  std::string name = QuoteIdentifier(column.name);
  switch (column.type) {
    case ColumnType::kBit:
    case ColumnType::kEnum: return name + "+0";
    // MySQL adds as DOUBLE, in which a mask of more than 53 bits is rounded; MariaDB's sum is signed.
    case ColumnType::kSet: return name + "|0";
    // As a DOUBLE every FLOAT prints exactly, and FLOAT(M,D) / DOUBLE(M,D) print all their digits. A product, not a
    // sum: -0.0 + 0 loses its sign.
    case ColumnType::kFloat:
    case ColumnType::kDouble: return name + "*1e0";
    default: return name;
  }
}

base::Result<Value> ParseText(const Column& column, std::string_view text) {
  switch (column.type) {
    case ColumnType::kTinyInt:
    case ColumnType::kSmallInt:
    case ColumnType::kMediumInt:
    case ColumnType::kInt:
    case ColumnType::kBigInt:
    case ColumnType::kYear: {
      if (column.is_unsigned) {
        std::uint64_t u = 0;
        if (!ParseWhole(text, &u)) return BadText(column, text);
        Value value = Value::UInt(u);
        value.bytes = text;
        return value;
      }
      std::int64_t i = 0;
      if (!ParseWhole(text, &i)) return BadText(column, text);
      Value value = Value::Int(i);
      value.bytes = text;
      return value;
    }
    case ColumnType::kBit:
    case ColumnType::kEnum:
    case ColumnType::kSet: {
      std::uint64_t u = 0;
      if (ParseWhole(text, &u)) return Value::UInt(u);
      return BadText(column, text);
    }
    case ColumnType::kFloat:
    case ColumnType::kDouble: {
      double d = 0;
      if (!ParseWhole(text, &d)) return BadText(column, text);
      return column.type == ColumnType::kFloat ? Value::Float(static_cast<float>(d)) : Value::Double(d);
    }
    case ColumnType::kDecimal: return Value::Bytes(StripLeadingZeros(text));
    default: return Value::Bytes(text);
  }
}

}  // namespace shardlift::mysql
