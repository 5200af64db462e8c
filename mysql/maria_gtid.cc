#include "mysql/maria_gtid.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace shardlift::mysql {
namespace {

constexpr std::size_t kShownMax = 80;

base::Status BadGtid(std::string_view text) {
  return {base::Code::kUsage,
          fmt::format("\"{}\" is no MariaDB GTID (domain-server-number, as 0-1-100)", text.substr(0, kShownMax))};
}

}  // namespace

std::string MariaGtid::ToText() const { return fmt::format("{}-{}-{}", domain_id, server_id, number); }

base::Result<MariaGtid> MariaGtid::Parse(std::string_view text) {
  MariaGtid gtid;
  const char* at = text.data();
  const char* const end = at + text.size();
  const auto number = [&](auto* value, bool last) {
    const auto [next, error] = std::from_chars(at, end, *value);
    if (error != std::errc() || (last ? next != end : next == end || *next != '-')) return false;
    at = next + (last ? 0 : 1);
    return true;
  };
  if (!number(&gtid.domain_id, false) || !number(&gtid.server_id, false) || !number(&gtid.number, true)) {
    return BadGtid(text);
  }
  return gtid;
}

base::Result<MariaGtidSet> MariaGtidSet::Parse(std::string_view text) {
  MariaGtidSet set;
  if (text.empty()) return set;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    SL_ASSIGN(const MariaGtid gtid, MariaGtid::Parse(text.substr(begin, end - begin)));
    if (!set.last_.emplace(gtid.domain_id, gtid).second) {
      return base::Status(base::Code::kUsage,
                          fmt::format("\"{}\" names domain {} twice; a position has one GTID of each domain",
                                      text.substr(0, kShownMax), gtid.domain_id));
    }
    begin = end + 1;
  }
  return set;
}

std::string MariaGtidSet::ToText() const {
  std::string text;
  for (const auto& [domain, gtid] : last_) {
    if (!text.empty()) text += ',';
    text += gtid.ToText();
  }
  return text;
}

void MariaGtidSet::Add(const MariaGtid& gtid) {
  const auto [at, added] = last_.emplace(gtid.domain_id, gtid);
  if (!added && at->second.number < gtid.number) at->second = gtid;
}

void MariaGtidSet::UnionWith(const MariaGtidSet& other) {
  for (const auto& [domain, gtid] : other.last_) Add(gtid);
}

void MariaGtidSet::IntersectWith(const MariaGtidSet& other) {
  std::map<std::uint32_t, MariaGtid> both;
  for (const auto& [domain, gtid] : last_) {
    const auto found = other.last_.find(domain);
    if (found == other.last_.end()) continue;
    both.emplace(domain, found->second.number < gtid.number ? found->second : gtid);
  }
  last_ = std::move(both);
}

bool MariaGtidSet::Contains(const MariaGtid& gtid) const {
  const auto found = last_.find(gtid.domain_id);
  return found != last_.end() && found->second.number >= gtid.number;
}

bool MariaGtidSet::Contains(const MariaGtidSet& other) const {
  return std::all_of(other.last_.begin(), other.last_.end(), [&](const auto& one) { return Contains(one.second); });
}

std::vector<MariaGtidSet::Range> MariaGtidSet::Subtract(const MariaGtidSet& other) const {
  std::vector<Range> ranges;
  for (const auto& [domain, gtid] : last_) {
    const auto found = other.last_.find(domain);
    const std::uint64_t known = found == other.last_.end() ? 0 : found->second.number;
    if (gtid.number > known) ranges.push_back({domain, known + 1, gtid.number});
  }
  return ranges;
}

}  // namespace shardlift::mysql
