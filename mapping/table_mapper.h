// TableMapper: a mapping compiled against one physical legacy table.
//
// One parsed form, three uses (design 3.1): Map() evaluates it for rows that were copied or decoded from the binlog;
// Sql() gives the same thing as SQL text for the verifier, so that a check never goes through the evaluator that wrote
// the rows; reverse_mapper.h leads back.
//
// Thread rules: immutable after Compile; Map may run on several threads, each with its own MapScratch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mapping/config.h"
#include "mapping/owner_sql.h"
#include "mysql/position.h"
#include "mysql/schema.h"
#include "mysql/value.h"
#include "store/message_table.h"
#include "store/router.h"

namespace shardlift::mapping {

// A mapped row. Field bytes are what the target column holds (see store::TargetKind), one per column of the target, in
// its order: `bucket` and the owner columns included.
struct MappedRow {
  bool kept = false;  // false: left behind by `where`; then only owner_key is set
  std::uint32_t bucket = 0;
  std::string owner_key;  // the canonical legacy key (docs/formats.md)
  std::string fields;     // packed: per column u32 little-endian length (kNullField for NULL), then the bytes
  // Target columns, as indexes of store::MessageColumns(), for the counters.
  std::vector<std::uint16_t> replaced;  // whose bad value gave way to what the mapping names in "bad_values"
  std::vector<std::uint16_t> lossy;     // whose expression left away a part of a value
  int bad_column = -1;                  // after kBadValue: whose value was bad; -1: the owner key's or the condition's
};
inline constexpr std::uint32_t kNullField = 0xFFFFFFFFu;

// Reads a packed row field by field.
class FieldReader {
 public:
  explicit FieldReader(std::string_view packed) : rest_(packed) {}
  bool AtEnd() const { return rest_.empty(); }
  std::optional<std::string_view> Next();  // nullopt is NULL

 private:
  std::string_view rest_;
};

struct MapScratch;  // reusable buffers, one per thread
struct MapScratchDeleter {
  void operator()(MapScratch*) const;
};
using MapScratchPtr = std::unique_ptr<MapScratch, MapScratchDeleter>;
MapScratchPtr NewMapScratch();

struct TableContext {
  mysql::TableSchema schema;        // of the legacy table
  mysql::Flavour flavour;           // of its server; decides the SQL text
  std::uint32_t table_ordinal = 0;  // persisted, 1..65535
  std::shared_ptr<const store::BucketRules> rules;
  store::TargetTablePtr target = store::MessageTarget();
};

// The first argument of a CONCAT that has to take all others as bytes: among arguments of one derivation a binary
// string decides, but a literal's is weaker than a column's.
inline constexpr std::string_view kBytesFirst = "CAST('' AS BINARY)";

// What the verifier runs on the source. Every expression is computed by the source server.
struct MappingSql {
  // One per column of the target, bytes comparable with store::ShownSql. The one of `bucket` is NULL where no SQL
  // computes the routing rules (store::BucketRules::has_sql).
  std::vector<std::string> columns;
  // For each of `columns` arguments of a CONCAT behind kBytesFirst that give the same bytes, cheaper for the server.
  std::vector<std::vector<std::string>> pieces;
  std::string owner_key;  // binary string expression
  std::string where;      // condition, "1" when there is none
  std::string order_by;   // gives ascending owner_key order (bytewise)
};

class TableMapper {
 public:
  // kUsage with mapping, target column and a caret under the place for anything wrong: unknown or unmapped source
  // columns, unknown functions, volatile functions, missing target columns, types that do not fit, a key that is not a
  // unique key of NOT NULL columns, a FLOAT/DOUBLE key. What only some rows can violate (an id beyond COMPOSE_ID's 40
  // bits, a number or text longer than the column) is a lossy note and a bad value at run time. kRefused when the
  // target's declared key does not name the legacy row for sure.
  static base::Result<std::unique_ptr<TableMapper>> Compile(const MappingConfig& config, const TableContext& context);
  ~TableMapper();

  // kBadValue: a value of this row does not fit and has no replacement (message names the target column and the reason,
  // no data); only owner_key and bad_column of `out` are set. kRefused: a column that the mapping needs is absent from
  // the row image.
  base::Status Map(std::span<const mysql::Value> row, MapScratch& scratch, MappedRow* out) const;
  // The owner key alone; the key columns must be present in `row`.
  base::Status OwnerKey(std::span<const mysql::Value> row, std::string* out) const;

  const MappingSql& sql() const;
  const OwnerSql& owners() const;
  const MappingConfig& config() const;
  const TableContext& context() const;
  const store::TargetTable& target() const { return *context().target; }
  std::span<const std::size_t> key_columns() const;     // indexes into the schema
  const std::vector<std::string>& lossy_notes() const;  // for the plan: conversions that may lose something

 private:
  struct Impl;
  explicit TableMapper(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// True if `schema.table` matches the pattern ({a..b} numeric ranges with the width of a, {x,y} lists, * and ?).
base::Result<bool> MatchesPattern(std::string_view pattern, std::string_view schema, std::string_view table);

}  // namespace shardlift::mapping
