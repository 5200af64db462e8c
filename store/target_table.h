// The table that a mapping fills: the store's own `message`, or a job's own table, as columns and keys.
//
// What a job's own table is comes from the shards (store/custom_table.h); the store's own is message_table.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace shardlift::store {

class BucketRules;

// How a target column's bytes travel and compare.
enum class TargetKind : std::uint8_t {
  kUnsigned,  // decimal text, from `least` to `limit`
  kSigned,    // decimal text, from -least to `limit`
  kDecimal,   // decimal text with `fraction` digits behind the point, `precision` in all
  kDate,      // "YYYY-MM-DD"
  kTime,      // "hh:mm:ss" with `fraction` digits
  kDateTime,  // "YYYY-MM-DD hh:mm:ss" with `fraction` digits, UTC
  kText,      // UTF-8, at most `characters_max` characters and `limit` bytes of `charset`
  kEnum,      // UTF-8: one of `members`
  kSet,       // UTF-8: some of `members`, in their order, with commas between
  kBinary,    // bytes, at most `limit` of them
  kJson,      // UTF-8 JSON text, at most `limit` bytes
  kFloat,     // decimal text of a double that is a float; as the server prints it or another of the same bits
  kDouble,    // decimal text, in the same way
  kBit,       // decimal text, up to `limit`
  kYear,      // four digits: 0000 or 1901 to 2155
};

struct TargetColumn {
  std::string name;
  TargetKind kind = TargetKind::kBinary;
  std::uint64_t limit = 0;
  bool nullable = false;
  // An expression, used when a mapping does not name the column; none: the mapping must name it.
  std::optional<std::string> default_sql{};
  std::uint64_t least = 0;
  std::uint64_t characters_max = 0;
  std::uint8_t fraction = 0;
  std::uint8_t precision = 0;
  // The column changes what is put into it: CHAR drops spaces at the end, BINARY appends zero bytes. Such values are
  // bad ones.
  bool pads = false;
  bool is_timestamp = false;    // kDateTime of the years that TIMESTAMP has
  bool not_below_zero = false;  // kFloat, kDouble
  std::string charset{};        // kText
  std::string collation{};      // kText
  std::vector<std::string> members{};
};

struct TargetTable {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::string name;
  // Those that are written, in table order; the tool's own are among them. With a declared key these are no part of the
  // table: they stand behind all others and are computed where they are asked for (mapping/owner_sql.h).
  std::vector<TargetColumn> columns;
  // What decides which values and rows the table takes, in one spelling for both servers. Empty: the store's own table.
  std::string definition;
  // Indexes into `columns`. The bucket follows from the account; these four are filled by the tool.
  std::size_t bucket = kNone;
  std::size_t owner_origin = kNone;
  std::size_t owner_table = kNone;
  std::size_t owner_key = kNone;
  std::size_t account_key = kNone;
  std::size_t account_type = kNone;  // kNone: all accounts have the type that follows
  std::uint32_t account_type_fixed = 0;
  std::size_t biz_tag = kNone;  // kNone: all rows are routed as of biz tag 0
  // The declared key, in the order of its index; empty: the owner columns say whose row it is.
  std::vector<std::size_t> key{};
  std::string owner_index = "owner";  // the unique index that leads to an owner's row

  std::size_t stored() const;                       // how many of `columns` the table has: the first ones
  std::size_t Find(std::string_view column) const;  // among those; kNone if there is none
  bool IsFilledByTheTool(std::size_t column) const {
    return column == bucket || column == owner_origin || column == owner_table || column == owner_key;
  }
};
using TargetTablePtr = std::shared_ptr<const TargetTable>;

// A job's own target table, as the job has it (store/custom_table.h).
struct CustomTable {
  std::string name;
  std::string body;          // what follows "CREATE TABLE name ("; not needed where the table is only read
  std::string account_type;  // a column, or the number that is the type of all accounts
  std::string account_key;   // a column
  // Columns of a unique key that names the legacy row, in place of the tool's own columns. Empty: those are added.
  std::vector<std::string> key{};
};

// The column as SQL whose bytes compare with those of a mapped row.
std::string ShownSql(const TargetColumn& column);
// The bucket as the shard computes it from the account columns beside it; NULL where no SQL computes the rules.
std::string ShownBucketSql(const TargetTable& table, const BucketRules& rules);

}  // namespace shardlift::store
