// Routing rules as text: SQL that computes the same bucket, and one spelling of the rules themselves.
#include <fmt/format.h>

#include <algorithm>

#include "store/key_hashes.h"
#include "store/router.h"

namespace shardlift::store {

using base::Code;
using base::Status;

namespace {

// x ^ (x >> n) needs its operand twice, and scalar SQL has no way to name an intermediate value that both servers
// accept, so the CRC32 call appears eight times in the text. All operands are below 2^32, the products below 2^64.
std::string HashSql(std::string_view account_type_sql, std::string_view account_key_sql) {
  auto xor_shift = [](const std::string& x, int bits) { return fmt::format("({0} ^ ({0} >> {1}))", x, bits); };
  auto multiply = [](const std::string& x, std::uint32_t by) { return fmt::format("({} * {} & 4294967295)", x, by); };
  std::string h = fmt::format("CRC32(CONCAT({}, ':', {}))", account_type_sql, account_key_sql);
  h = xor_shift(h, 16);
  h = multiply(h, 0x85ebca6bu);
  h = xor_shift(h, 13);
  h = multiply(h, 0xc2b2ae35u);
  return xor_shift(h, 16);
}

// A cast takes what it can of a key that is no number; only the minimal decimal of a number comes back as it was.
std::string IfNumberSql(std::string_view account_key_sql, std::string_view then_sql) {
  return fmt::format("IF(CAST(CAST({0} AS UNSIGNED) AS BINARY) = CAST({0} AS BINARY), {1}, NULL)", account_key_sql,
                     then_sql);
}

std::string RangeSql(const std::vector<KeyRange>& ranges, std::string_view account_key_sql) {
  std::string cases;
  for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
    cases += fmt::format(" WHEN CAST({} AS UNSIGNED) >= {} THEN {}", account_key_sql, range->first, range->bucket);
  }
  return IfNumberSql(account_key_sql, fmt::format("CASE{} END", cases));
}

std::string Hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

// Servers search the list of IN by halves and that of CASE from its beginning, so only listed accounts get that far:
// 20,000 rows with 1,000 accounts listed took MariaDB 1.0 s, and 5.7 s or more by CASE alone.
std::string LookupSql(const std::vector<ListedAccount>& lookup, std::string_view account_type_sql,
                      std::string_view account_key_sql, const std::string& unlisted_sql) {
  if (lookup.empty()) return unlisted_sql;
  std::string list;
  std::string cases;
  for (const ListedAccount& listed : lookup) {
    const std::string key = fmt::format("x'{}'", Hex(fmt::format("{}:{}", listed.account_type, listed.account_key)));
    list += (list.empty() ? "" : ", ") + key;
    cases += fmt::format(" WHEN {} THEN {}", key, listed.bucket);
  }
  const std::string key = fmt::format("CAST(CONCAT({}, ':', {}) AS BINARY)", account_type_sql, account_key_sql);
  return fmt::format("IF({0} IN ({1}), CASE {0}{2} END, {3})", key, list, cases, unlisted_sql);
}

// One item of BucketRules::Text() that is a list's: "account=1:61:0".
bool IsListed(std::string_view item, std::string_view list) {
  return item.starts_with(list) && item.substr(list.size()).starts_with('=');
}

}  // namespace

std::string BucketSql(std::string_view account_type_sql, std::string_view account_key_sql, std::uint32_t buckets) {
  return fmt::format("({} & {})", HashSql(account_type_sql, account_key_sql), buckets - 1);
}

base::Result<std::string> BucketRules::Sql(std::string_view account_type_sql, std::string_view account_key_sql,
                                           std::string_view biz_tag_sql) const {
  const std::string hashed = BucketSql(account_type_sql, account_key_sql, rules_.buckets);
  std::string sql;
  switch (rules_.strategy) {
    case Strategy::kCrc32Fmix32: sql = hashed; break;
    case Strategy::kXxh3:
      return Status(Code::kUsage, "no SQL computes xxh3; use crc32-fmix32 where a server has to know the bucket");
    case Strategy::kModulo:
      sql =
          IfNumberSql(account_key_sql, fmt::format("(CAST({} AS UNSIGNED) & {})", account_key_sql, rules_.buckets - 1));
      break;
    case Strategy::kRange: sql = RangeSql(rules_.ranges, account_key_sql); break;
    case Strategy::kLookup: sql = LookupSql(rules_.lookup, account_type_sql, account_key_sql, hashed); break;
  }
  if (rules_.pinned_tags.empty()) return sql;
  std::string cases;
  for (const PinnedTag& pin : rules_.pinned_tags) {
    cases += pin.buckets == 1 ? fmt::format(" WHEN {} THEN {}", pin.biz_tag, pin.first)
                              : fmt::format(" WHEN {} THEN {} + {}", pin.biz_tag, pin.first,
                                            BucketSql(account_type_sql, account_key_sql, pin.buckets));
  }
  return fmt::format("CASE {}{} ELSE {} END", biz_tag_sql, cases, sql);
}

std::string SummaryOfRules(std::string_view text) {
  constexpr std::string_view kLists[] = {"range", "account", "pin"};
  constexpr std::string_view kNames[] = {"ranges", "listed accounts", "pinned biz tags"};
  std::size_t counts[std::size(kLists)] = {};
  std::string summary;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view item = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), item.size() + 1));
    const auto list =
        std::find_if(std::begin(kLists), std::end(kLists), [&](std::string_view name) { return IsListed(item, name); });
    if (list == std::end(kLists)) {
      summary += fmt::format("{}{}", summary.empty() ? "" : " ", item);
    } else {
      ++counts[list - std::begin(kLists)];
    }
  }
  for (std::size_t i = 0; i < std::size(kLists); ++i) {
    if (counts[i] > 0) summary += fmt::format(", {} {}", counts[i], kNames[i]);
  }
  return fmt::format("{}, checksum {:08x}", summary, Crc32(0, text));
}

std::string BucketRules::Text() const {
  std::string text = fmt::format("{} version={} buckets={} tables={}", StrategyName(rules_.strategy), rules_.version,
                                 rules_.buckets, rules_.tables);
  for (const KeyRange& range : rules_.ranges) text += fmt::format(" range={}:{}", range.first, range.bucket);
  for (const ListedAccount& listed : rules_.lookup) {
    text += fmt::format(" account={}:{}:{}", listed.account_type, Hex(listed.account_key), listed.bucket);
  }
  for (const PinnedTag& pin : rules_.pinned_tags) {
    text += fmt::format(" pin={}:{}+{}", pin.biz_tag, pin.first, pin.buckets);
  }
  return text;
}

}  // namespace shardlift::store
