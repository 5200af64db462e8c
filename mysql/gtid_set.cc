#include "mysql/gtid_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

namespace shardlift::mysql {
namespace {

using Interval = GtidSet::Interval;
using Intervals = std::vector<Interval>;

constexpr std::size_t kUuidChars = 36;
constexpr std::size_t kTagChars = 32;
constexpr std::uint64_t kNumberMax = 0x7FFFFFFFFFFFFFFEull;  // 2^63 - 2, the server's GNO_END - 1

bool IsSpace(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool IsTagStart(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexDigit(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

void Normalise(Intervals* list) {
  std::sort(list->begin(), list->end(), [](const Interval& a, const Interval& b) { return a.first < b.first; });
  Intervals merged;
  for (const Interval& i : *list) {
    if (!merged.empty() && i.first <= merged.back().end) {
      merged.back().end = std::max(merged.back().end, i.end);
    } else {
      merged.push_back(i);
    }
  }
  list->swap(merged);
}

Intervals Intersection(const Intervals& a, const Intervals& b) {
  Intervals out;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    const std::uint64_t first = std::max(a[i].first, b[j].first);
    const std::uint64_t end = std::min(a[i].end, b[j].end);
    if (first < end) out.push_back({first, end});
    if (a[i].end < b[j].end) {
      ++i;
    } else {
      ++j;
    }
  }
  return out;
}

Intervals Difference(const Intervals& a, const Intervals& b) {
  Intervals out;
  std::size_t j = 0;
  for (Interval rest : a) {
    while (j < b.size() && b[j].end <= rest.first) ++j;
    for (std::size_t k = j; k < b.size() && b[k].first < rest.end && rest.first < rest.end; ++k) {
      if (b[k].first > rest.first) out.push_back({rest.first, b[k].first});
      rest.first = std::max(rest.first, b[k].end);
    }
    if (rest.first < rest.end) out.push_back(rest);
  }
  return out;
}

void PutU64(std::string* out, std::uint64_t v) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<char>((v >> (8 * i)) & 0xFF));
}

base::Status Bad(std::string_view text, std::string_view part, std::string_view why) {
  return {base::Code::kUsage, fmt::format("GTID set of {} characters: bad part \"{}\": {}", text.size(), part, why)};
}

std::optional<std::uint64_t> ParseNumber(std::string_view text) {
  std::uint64_t v = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (ec != std::errc() || end != text.data() + text.size() || v == 0 || v > kNumberMax) return std::nullopt;
  return v;
}

// "1-5" or "7". A reversed interval is empty, as the server treats it.
std::optional<Interval> ParseInterval(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = ParseNumber(Trim(text.substr(0, dash)));
  if (!first) return std::nullopt;
  if (dash == std::string_view::npos) return Interval{*first, *first + 1};
  const auto last = ParseNumber(Trim(text.substr(dash + 1)));
  if (!last) return std::nullopt;
  return Interval{*first, std::max(*first, *last + 1)};
}

base::Result<std::string> ParseTag(std::string_view whole, std::string_view text) {
  if (text.size() > kTagChars) return Bad(whole, text, "a tag has at most 32 characters");
  std::string tag;
  for (const char c : text) {
    if (!IsTagStart(c) && !IsDigit(c)) return Bad(whole, text, "a tag holds letters, digits and underscores only");
    tag.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  return tag;
}

}  // namespace

std::string UuidText(const Uuid& uuid) {
  std::string out;
  out.reserve(kUuidChars);
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    out.push_back("0123456789abcdef"[uuid[i] >> 4]);
    out.push_back("0123456789abcdef"[uuid[i] & 15]);
  }
  return out;
}

base::Result<Uuid> ParseUuid(std::string_view text) {
  Uuid uuid{};
  std::size_t digits = 0;
  bool ok = text.size() == kUuidChars;
  for (std::size_t i = 0; ok && i < text.size(); ++i) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      ok = text[i] == '-';
      continue;
    }
    const int v = HexDigit(text[i]);
    ok = v >= 0;
    if (ok) uuid[digits / 2] = static_cast<std::uint8_t>(uuid[digits / 2] << 4 | v);
    ++digits;
  }
  if (!ok) return base::Status(base::Code::kUsage, fmt::format("\"{}\" is not a server UUID", text.substr(0, 64)));
  return uuid;
}

std::string Gtid::ToText() const {
  return tag.empty() ? fmt::format("{}:{}", UuidText(uuid), number)
                     : fmt::format("{}:{}:{}", UuidText(uuid), tag, number);
}

base::Result<GtidSet> GtidSet::Parse(std::string_view text) {
  GtidSet set;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t comma = std::min(rest.find(','), rest.size());
    std::string_view item = Trim(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (item.empty()) continue;
    Source source;
    std::size_t colon = std::min(item.find(':'), item.size());
    auto uuid = ParseUuid(Trim(item.substr(0, colon)));
    if (!uuid.ok()) return Bad(text, item.substr(0, 80), "it does not start with a server UUID");
    source.uuid = *uuid;
    item.remove_prefix(colon);
    if (item.empty()) return Bad(text, UuidText(source.uuid), "no interval follows");
    while (!item.empty()) {
      item.remove_prefix(1);  // the colon
      colon = std::min(item.find(':'), item.size());
      const std::string_view part = Trim(item.substr(0, colon));
      item.remove_prefix(colon);
      if (!part.empty() && IsTagStart(part.front())) {
        SL_ASSIGN(source.tag, ParseTag(text, part));
        continue;
      }
      const auto interval = ParseInterval(part);
      if (!interval) return Bad(text, part.substr(0, 80), "an interval is N or N-M, from 1 to 2^63-2");
      if (interval->first < interval->end) set.sources_[source].push_back(*interval);
    }
  }
  for (auto& [source, intervals] : set.sources_) Normalise(&intervals);
  return set;
}

std::string GtidSet::ToText() const {
  std::string out;
  const Uuid* previous = nullptr;
  for (const auto& [source, intervals] : sources_) {
    // The server joins the tags of one UUID: "uuid:1-5:tag:1-3".
    if (previous == nullptr || *previous != source.uuid) {
      if (previous != nullptr) out.push_back(',');
      out += UuidText(source.uuid);
    }
    previous = &source.uuid;
    if (!source.tag.empty()) out += ":" + source.tag;
    for (const Interval& i : intervals) {
      out += i.end - i.first == 1 ? fmt::format(":{}", i.first) : fmt::format(":{}-{}", i.first, i.end - 1);
    }
  }
  return out;
}

void GtidSet::Add(const Gtid& gtid) {
  SL_CHECK(gtid.number > 0 && gtid.number <= kNumberMax);
  Add(Source{gtid.uuid, gtid.tag}, Interval{gtid.number, gtid.number + 1});
}

void GtidSet::Add(const Source& source, Interval interval) {
  SL_CHECK(interval.first > 0 && interval.first <= interval.end);
  if (interval.first == interval.end) return;
  Intervals& list = sources_[source];
  // Streams add in order: growing the last interval is the common case.
  if (list.empty() || interval.first > list.back().end) {
    list.push_back(interval);
    return;
  }
  if (interval.first >= list.back().first) {
    list.back().end = std::max(list.back().end, interval.end);
    return;
  }
  auto from = std::partition_point(list.begin(), list.end(), [&](const Interval& i) { return i.end < interval.first; });
  auto to = from;
  while (to != list.end() && to->first <= interval.end) {
    interval.first = std::min(interval.first, to->first);
    interval.end = std::max(interval.end, to->end);
    ++to;
  }
  from = list.erase(from, to);
  list.insert(from, interval);
}

void GtidSet::UnionWith(const GtidSet& other) {
  for (const auto& [source, intervals] : other.sources_) {
    Intervals& mine = sources_[source];
    mine.insert(mine.end(), intervals.begin(), intervals.end());
    Normalise(&mine);
  }
}

void GtidSet::Subtract(const GtidSet& other) {
  if (this == &other) {
    sources_.clear();
    return;
  }
  for (const auto& [source, intervals] : other.sources_) {
    const auto it = sources_.find(source);
    if (it == sources_.end()) continue;
    it->second = Difference(it->second, intervals);
    if (it->second.empty()) sources_.erase(it);
  }
}

void GtidSet::IntersectWith(const GtidSet& other) {
  for (auto it = sources_.begin(); it != sources_.end();) {
    const auto theirs = other.sources_.find(it->first);
    Intervals both = theirs == other.sources_.end() ? Intervals{} : Intersection(it->second, theirs->second);
    if (both.empty()) {
      it = sources_.erase(it);
    } else {
      it->second = std::move(both);
      ++it;
    }
  }
}

bool GtidSet::Contains(const Gtid& gtid) const {
  const auto it = sources_.find(Source{gtid.uuid, gtid.tag});
  if (it == sources_.end()) return false;
  const Intervals& list = it->second;
  const auto at =
      std::partition_point(list.begin(), list.end(), [&](const Interval& i) { return i.end <= gtid.number; });
  return at != list.end() && at->first <= gtid.number;
}

bool GtidSet::Contains(const GtidSet& other) const {
  for (const auto& [source, intervals] : other.sources_) {
    const auto it = sources_.find(source);
    if (it == sources_.end() || !Difference(intervals, it->second).empty()) return false;
  }
  return true;
}

std::uint64_t GtidSet::Count() const {
  std::uint64_t count = 0;
  for (const auto& [source, intervals] : sources_) {
    for (const Interval& i : intervals) count += i.end - i.first;
  }
  return count;
}

std::string GtidSet::EncodeForDump() const {
  const bool tagged = std::any_of(sources_.begin(), sources_.end(), [](const auto& s) { return !s.first.tag.empty(); });
  std::string out;
  // Tagged layout: the format number 1 in the first and the last byte, the count in the six between; and after each
  // UUID the tag with its length doubled (a one-byte variable-length integer).
  PutU64(&out, tagged ? (1ull << 56 | sources_.size() << 8 | 1ull) : sources_.size());
  for (const auto& [source, intervals] : sources_) {
    out.append(reinterpret_cast<const char*>(source.uuid.data()), source.uuid.size());
    if (tagged) {
      out.push_back(static_cast<char>(source.tag.size() << 1));
      out += source.tag;
    }
    PutU64(&out, intervals.size());
    for (const Interval& i : intervals) {
      PutU64(&out, i.first);
      PutU64(&out, i.end);
    }
  }
  return out;
}

}  // namespace shardlift::mysql
