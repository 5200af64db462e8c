// Table schemas as the server describes them (information_schema), and how one column is read by SELECT.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "mysql/value.h"

namespace shardlift::mysql {

class Session;

enum class ColumnType : std::uint8_t {
  kTinyInt,
  kSmallInt,
  kMediumInt,
  kInt,
  kBigInt,
  kFloat,
  kDouble,
  kDecimal,
  kBit,
  kYear,
  kDate,
  kTime,
  kDateTime,
  kTimestamp,
  kChar,
  kVarchar,
  kTinyText,
  kText,
  kMediumText,
  kLongText,
  kBinary,
  kVarbinary,
  kTinyBlob,
  kBlob,
  kMediumBlob,
  kLongBlob,
  kEnum,
  kSet,
  kJson,
  kGeometry,
  kVector,
  kUuid,   // MariaDB
  kInet4,  // MariaDB
  kInet6,  // MariaDB
  kUnknown,
};

struct Column {
  std::string name;
  ColumnType type = ColumnType::kUnknown;
  std::string column_type;  // the server's full text, e.g. "int(10) unsigned"
  bool is_unsigned = false;
  bool nullable = false;
  bool generated = false;
  std::uint32_t length = 0;    // characters for CHAR/VARCHAR, bytes for BINARY/VARBINARY, bits for BIT
  std::uint8_t fraction = 0;   // fractional digits of temporal types; scale of DECIMAL
  std::uint8_t precision = 0;  // DECIMAL
  std::string charset;         // empty for non-text
  std::string collation;
  std::vector<std::string> members;  // ENUM / SET member texts in UTF-8
  bool is_integer() const { return type <= ColumnType::kBigInt; }
  bool is_text() const { return type >= ColumnType::kChar && type <= ColumnType::kLongText; }
  bool is_binary() const { return type >= ColumnType::kBinary && type <= ColumnType::kLongBlob; }
};

struct UniqueKey {
  std::string name;                  // "PRIMARY" for the primary key
  std::vector<std::size_t> columns;  // indexes into TableSchema::columns
};

struct TableName {
  std::string schema;
  std::string table;
  // `schema`.`table` quoted for SQL.
  std::string Quoted() const;
  // schema.table for messages and matching.
  std::string Text() const { return schema + "." + table; }
  auto operator<=>(const TableName&) const = default;
};

struct TableSchema {
  TableName name;
  std::vector<Column> columns;
  std::vector<UniqueKey> unique_keys;       // PRIMARY first if there is one; only keys whose columns are all NOT NULL
  std::uint64_t rows_estimate = 0;          // information_schema's guess
  int Find(std::string_view column) const;  // -1 if there is none; column names compare without case
};

// `name` with back-ticks, inner ones doubled.
std::string QuoteIdentifier(std::string_view name);

// 'text' for a connection in utf8mb4 whose sql_mode has no NO_BACKSLASH_ESCAPES; without line ends, so that a statement
// is one line.
void AppendTextLiteral(std::string_view utf8, std::string& out);

// Base tables of all user schemas, in (schema, table) order.
base::Result<std::vector<TableName>> ListTables(Session& session);
// Fails with kUsage if the table does not exist.
base::Result<TableSchema> ReadTableSchema(Session& session, const TableName& name);

// The select-list item whose text ParseText turns into a Value: `c`, or `c`+0 for BIT and ENUM, `c`|0 for SET,
// `c`*1e0 for FLOAT and DOUBLE.
std::string SelectItem(const Column& column);
// Turns the text-protocol bytes of SelectItem(column) into a Value. `text` must outlive the Value.
base::Result<Value> ParseText(const Column& column, std::string_view text);
inline Value NullValue() { return Value::Null(); }

}  // namespace shardlift::mysql
