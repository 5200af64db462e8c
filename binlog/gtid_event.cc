#include "binlog/gtid_event.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "binlog/cursor.h"

namespace shardlift::binlog {
namespace {

constexpr std::uint64_t kGtidNumberMax = (std::uint64_t{1} << 63) - 2;
constexpr std::size_t kTagBytesMax = 32;

bool IsTag(std::string_view tag) {
  const auto starts = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  return !tag.empty() && tag.size() <= kTagBytesMax && starts(tag[0]) &&
         std::all_of(tag.begin(), tag.end(), [&](char c) { return starts(c) || (c >= '0' && c <= '9'); });
}

base::Result<mysql::Gtid> ParsePlainGtid(const Event& event) {
  Cursor in(event.body);
  in.Skip(1);  // flags
  mysql::Gtid gtid;
  const std::string_view uuid = in.Bytes(gtid.uuid.size());
  gtid.number = in.U64();
  if (!in.ok()) return Corrupt(fmt::format("{} cut short", EventTypeName(event.header.type)));
  std::copy(uuid.begin(), uuid.end(), gtid.uuid.begin());
  const bool named = event.header.type == EventType::kGtid;
  if (named ? gtid.number == 0 || gtid.number > kGtidNumberMax : gtid.number != 0) {
    return Corrupt("GTID event with an impossible number");
  }
  return gtid;
}

// A message of MySQL's serialisation library. Fields in order of their ids: flags, uuid, number, tag, ...
base::Result<mysql::Gtid> ParseTaggedGtid(const Event& event) {
  constexpr std::uint64_t kUuidField = 1;
  constexpr std::uint64_t kNumberField = 2;
  constexpr std::uint64_t kTagField = 3;
  Cursor in(event.body);
  const std::uint64_t version = in.VarUnsigned();
  in.VarUnsigned();  // size of the message
  in.VarUnsigned();  // the last field a reader must know
  if (!in.ok() || version > 1) return Corrupt("GTID_TAGGED_LOG_EVENT of an unknown serialisation version");
  mysql::Gtid gtid;
  for (std::uint64_t expected = 0; in.ok() && expected <= kTagField; ++expected) {
    const std::uint64_t field = in.VarUnsigned();
    if (field != expected) return Corrupt("GTID_TAGGED_LOG_EVENT: a field is missing");
    if (field == kUuidField) {
      for (std::uint8_t& byte : gtid.uuid) {
        const std::uint64_t value = in.VarUnsigned();
        if (value > 0xff) in.Fail();
        byte = static_cast<std::uint8_t>(value);
      }
    } else if (field == kNumberField) {
      const std::int64_t number = in.VarSigned();
      if (number <= 0 || static_cast<std::uint64_t>(number) > kGtidNumberMax) in.Fail();
      gtid.number = static_cast<std::uint64_t>(number);
    } else if (field == kTagField) {
      gtid.tag = in.Bytes(std::min<std::uint64_t>(in.VarUnsigned(), kTagBytesMax + 1));
      if (!gtid.tag.empty() && !IsTag(gtid.tag)) in.Fail();
    } else {
      in.VarUnsigned();  // flags
    }
  }
  if (!in.ok()) return Corrupt("GTID_TAGGED_LOG_EVENT does not decode");
  return gtid;
}

}  // namespace

base::Result<mysql::Gtid> ParseMySqlGtid(const Event& event) {
  return event.header.type == EventType::kGtidTagged ? ParseTaggedGtid(event) : ParsePlainGtid(event);
}

base::Result<MariaGtid> ParseMariaGtid(const Event& event) {
  constexpr std::uint8_t kStandalone = 0x01;
  Cursor in(event.body);
  MariaGtid gtid;
  gtid.number = in.U64();
  gtid.domain_id = in.U32();
  gtid.standalone = (in.U8() & kStandalone) != 0;
  gtid.server_id = event.header.server_id;
  if (!in.ok()) return Corrupt("GTID_EVENT cut short");
  return gtid;
}

// The count of sources, each with its UUID and its intervals. With tags in it the first and the last byte of the count
// are 1, the six between are the count, and a tag follows each UUID.
base::Result<mysql::GtidSet> ParsePreviousGtids(const Event& event) {
  Cursor in(event.body);
  mysql::GtidSet set;
  std::uint64_t sources = in.U64();
  const bool tagged = (sources >> 56) == 1 && (sources & 0xff) == 1;
  if (tagged) sources = (sources >> 8) & 0xffffffffffff;
  for (std::uint64_t i = 0; i < sources && in.ok(); ++i) {
    mysql::GtidSet::Source source;
    const std::string_view uuid = in.Bytes(source.uuid.size());
    std::copy(uuid.begin(), uuid.end(), source.uuid.begin());
    if (tagged) source.tag = in.Bytes(std::min<std::uint64_t>(in.VarUnsigned(), kTagBytesMax + 1));
    if (!source.tag.empty() && !IsTag(source.tag)) in.Fail();
    const std::uint64_t intervals = in.U64();
    for (std::uint64_t j = 0; j < intervals && in.ok(); ++j) {
      const std::uint64_t first = in.U64();
      const std::uint64_t last_plus_1 = in.U64();
      if (first == 0 || first >= last_plus_1 || last_plus_1 - 1 > kGtidNumberMax) in.Fail();
      if (in.ok()) set.Add(source, {first, last_plus_1});
    }
  }
  if (!in.ok() || in.remaining() > 0) return Corrupt("PREVIOUS_GTIDS_LOG_EVENT does not decode");
  return set;
}

base::Result<std::vector<MariaGtid>> ParseMariaGtidList(const Event& event) {
  constexpr std::uint32_t kCountMask = (1u << 28) - 1;  // the rest are flags
  Cursor in(event.body);
  const std::uint32_t count = in.U32() & kCountMask;
  std::vector<MariaGtid> list;
  for (std::uint32_t i = 0; i < count && in.ok(); ++i) {
    MariaGtid gtid;
    gtid.domain_id = in.U32();
    gtid.server_id = in.U32();
    gtid.number = in.U64();
    if (in.ok()) list.push_back(gtid);
  }
  if (!in.ok()) return Corrupt("GTID_LIST_EVENT cut short");
  return list;
}

}  // namespace shardlift::binlog
