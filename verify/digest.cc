#include "verify/digest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <string_view>

#include "mysql/schema.h"

namespace shardlift::verify {
namespace {

using base::Result;
using store::TargetColumn;
using store::TargetKind;

// Keeps the server from merging a derived table into the query around it, which would compute each hash twice.
constexpr const char* kAllRows = "LIMIT 18446744073709551615";

// A column's part of a row's bytes.
struct Item {
  const TargetColumn* column;
  std::vector<std::string> pieces;  // arguments of a CONCAT of binary strings
  std::string length;               // a literal where the length is known
};

bool IsText(const TargetColumn& column) {
  switch (column.kind) {
    case TargetKind::kUnsigned:
    case TargetKind::kSigned:
    case TargetKind::kDecimal:
    case TargetKind::kDate:
    case TargetKind::kTime:
    case TargetKind::kDateTime:
    case TargetKind::kFloat:
    case TargetKind::kDouble:
    case TargetKind::kBit:
    case TargetKind::kYear: return false;
    case TargetKind::kText:
    case TargetKind::kEnum:
    case TargetKind::kSet:
    case TargetKind::kBinary:
    case TargetKind::kJson: return true;
  }
  return true;
}

// Text with a character set of its own would make CONCAT a text too, and its bytes no longer what they were.
std::string BytesSql(const TargetColumn& column, const std::string& sql) {
  return IsText(column) && column.kind != TargetKind::kBinary ? "CAST(" + sql + " AS BINARY)" : sql;
}

// Neither the bucket (see digest.h) nor what the part has fixed.
bool IsHashed(const store::TargetTable& target, std::size_t column, bool with_json) {
  if (column == target.bucket || column == target.owner_origin || column == target.owner_table) return false;
  return with_json || target.columns[column].kind != TargetKind::kJson;
}

// The longest text that is never NULL: it goes last, and its length follows from that of all.
const Item* Last(const std::vector<Item>& items) {
  const Item* last = nullptr;
  for (const Item& item : items) {
    if (!IsText(*item.column) || item.column->nullable) continue;
    if (last == nullptr || item.column->limit > last->column->limit) last = &item;
  }
  return last;
}

// As one value: what LENGTH and COALESCE take.
std::string WholeSql(const Item& item) {
  if (item.pieces.size() == 1) return item.pieces.front();
  return fmt::format("CONCAT({}, {})", mapping::kBytesFirst, fmt::join(item.pieces, ", "));
}

// Numbers, times and lengths in a fixed order, each with a comma behind it ("N" for NULL), then the texts as they are.
// CONCAT rather than CONCAT_WS: a NULL where the target has none makes all of it NULL, and the row is not hashed.
std::string RowBytesSql(const std::vector<Item>& items) {
  const Item* const last = Last(items);
  std::vector<std::string> head;
  std::vector<std::string> tail;
  const auto or_null_mark = [](const Item& item, const std::string& sql) {
    return item.column->nullable ? fmt::format("COALESCE({}, 'N')", sql) : sql;
  };
  for (const Item& item : items) {
    if (!IsText(*item.column)) {
      head.push_back(or_null_mark(item, WholeSql(item)));
      continue;
    }
    if (&item == last) continue;
    head.push_back(item.length.empty() ? or_null_mark(item, fmt::format("LENGTH({})", WholeSql(item))) : item.length);
    if (item.column->nullable) {
      tail.push_back(fmt::format("COALESCE({}, _binary'')", WholeSql(item)));
    } else {
      tail.insert(tail.end(), item.pieces.begin(), item.pieces.end());
    }
  }
  if (last != nullptr) tail.insert(tail.end(), last->pieces.begin(), last->pieces.end());
  return fmt::format("CONCAT({}, {}, ',', {})", mapping::kBytesFirst, fmt::join(head, ", ',', "),
                     fmt::join(tail, ", "));
}

std::vector<Item> ShownItems(const store::TargetTable& target, bool with_json) {
  std::vector<Item> items;
  for (std::size_t i = 0; i < target.columns.size(); ++i) {
    if (!IsHashed(target, i, with_json)) continue;
    items.push_back({&target.columns[i], {BytesSql(target.columns[i], store::ShownSql(target.columns[i]))}, ""});
  }
  return items;
}

std::string RangeSql(const std::string& bucket, const std::vector<store::BucketRange>& ranges) {
  std::vector<std::uint32_t> firsts;
  for (std::size_t i = 1; i < ranges.size(); ++i) firsts.push_back(ranges[i].first);
  if (firsts.empty()) return fmt::format("IF({} IS NULL, {}, 0)", bucket, kNoRange);
  return fmt::format("INTERVAL({}, {})", bucket, fmt::join(firsts, ", "));
}

// `inner` gives `_bucket`, `_hash` and `_slice`.
std::string SumsSql(const std::string& inner, const std::vector<store::BucketRange>& ranges) {
  const auto half = [](int at) {
    return fmt::format("CAST(CONV(SUBSTRING(`_hash`, {}, 16), 16, 10) AS DECIMAL(20))", at);
  };
  return fmt::format(
      "SELECT `_slice`, {} AS `_range`, COUNT(*), COUNT(`_hash`), SUM({}), SUM({} * (2 * `_bucket` + 1)) FROM ({} {}) "
      "AS `_rows` GROUP BY `_slice`, `_range`",
      RangeSql("`_bucket`", ranges), half(1), half(17), inner, kAllRows);
}

template <typename Number>
bool Parse(const std::optional<std::string>& text, Number* out) {
  if (!text) return false;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *out);
  return error == std::errc() && end == text->data() + text->size();
}

// A sum of any length modulo 2^64; NULL is the sum of nothing.
bool ParseSum(const std::optional<std::string>& text, std::uint64_t* out) {
  *out = 0;
  for (const char c : text.value_or("")) {
    if (c < '0' || c > '9') return false;
    *out = *out * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return true;
}

}  // namespace

std::vector<store::BucketRange> MapRanges(const store::Router& router) {
  std::vector<store::BucketRange> ranges;
  for (std::uint32_t bucket = 0; bucket < router.rules().bucket_count(); ++bucket) {
    const std::uint32_t shard = router.ShardOf(bucket);
    if (ranges.empty() || ranges.back().shard != shard) ranges.push_back({bucket, bucket, shard});
    ranges.back().last = bucket;
  }
  return ranges;
}

std::string SourceDigestSql(const mapping::TableMapper& mapper, const DigestScope& scope,
                            const std::vector<store::BucketRange>& ranges) {
  const mapping::MappingSql& sql = mapper.sql();
  const store::TargetTable& target = mapper.target();
  const std::vector<TargetColumn>& columns = target.columns;
  std::vector<Item> items;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (!IsHashed(target, i, scope.with_json)) continue;
    Item& item = items.emplace_back(Item{&columns[i], sql.pieces[i], ""});
    if (i == target.owner_key && HasKeyRanges(mapper)) {
      item.length = fmt::format("{}", 8 * mapper.key_columns().size());  // integers: docs/formats.md
    }
  }
  const std::string inner = fmt::format(
      "SELECT {} AS `_bucket`, SHA2({}, 256) AS `_hash`, {} AS `_slice` FROM {} WHERE ({}) AND {}",
      sql.columns[target.bucket], RowBytesSql(items), scope.slices > 0 ? SliceSql(sql.owner_key, scope.slices) : "0",
      mapper.context().schema.name.Quoted(), sql.where, SourcePartSql(mapper, scope.part));
  return SumsSql(inner, ranges);
}

bool LiesInBucketOrder(const store::TargetTable& target) { return target.definition.empty(); }

std::string ShardScanSql(const store::TargetTable& target, const BucketPart& part,
                         const std::vector<store::BucketRange>& ranges) {
  std::string buckets = "1";
  if (part.after) buckets = fmt::format("`bucket` > {}", *part.after);
  if (part.upto) buckets += fmt::format(" AND `bucket` <= {}", *part.upto);
  const std::string inner = fmt::format(
      "SELECT `bucket` AS `_bucket`, SHA2({}, 256) AS `_hash`, `owner_origin` << 16 | `owner_table` AS `_slice` FROM "
      "{} "
      "{} WHERE {}",
      RowBytesSql(ShownItems(target, true)), mysql::QuoteIdentifier(target.name),
      LiesInBucketOrder(target) ? "FORCE INDEX (PRIMARY)" : "", buckets);
  return SumsSql(inner, ranges);
}

std::string ShardDigestSql(const store::TargetTable& target, const mapping::OwnerSql& owners, const DigestScope& scope,
                           const std::vector<store::BucketRange>& ranges) {
  std::vector<Item> items;
  for (std::size_t i = 0; i < target.columns.size(); ++i) {
    if (!IsHashed(target, i, scope.with_json)) continue;
    items.push_back({&target.columns[i], {BytesSql(target.columns[i], owners.Shown(i))}, ""});
  }
  const std::string inner =
      fmt::format("SELECT {} AS `_bucket`, SHA2({}, 256) AS `_hash`, {} AS `_slice` FROM {} FORCE INDEX ({}) WHERE {}",
                  owners.Shown(target.bucket), RowBytesSql(items),
                  scope.slices > 0 ? SliceSql(owners.Key(), scope.slices) : "0", mysql::QuoteIdentifier(target.name),
                  mysql::QuoteIdentifier(target.owner_index), ShardPartSql(owners, scope.part));
  return SumsSql(inner, ranges);
}

Result<Digests> ReadDigests(mysql::Session& session, const std::string& sql, const std::string& what) {
  SL_ASSIGN(const mysql::Rows rows, session.Query(sql, what));
  Digests digests;
  for (const auto& row : rows.rows) {
    DigestGroup group;
    Digest digest;
    const bool read = row.size() == 6 && Parse(row[0], &group.first) && Parse(row[1], &group.second) &&
                      Parse(row[2], &digest.rows) && Parse(row[3], &digest.hashed) && ParseSum(row[4], &digest.first) &&
                      ParseSum(row[5], &digest.second);
    if (!read) return base::Status(base::Code::kInternal, what + ": the server's digest is not made of numbers");
    digests.emplace(group, digest);
  }
  return digests;
}

}  // namespace shardlift::verify
