#include "tests/binlog/fuzz/targets.h"

#include <sys/mman.h>
#include <unistd.h>

#include <optional>

#include "base/check.h"
#include "binlog/event_scan.h"
#include "binlog/group_reader.h"
#include "binlog/json_binary.h"
#include "binlog/json_difference.h"
#include "binlog/row_decoder.h"
#include "binlog/row_walk.h"
#include "tests/binlog/event_builder.h"

namespace shardlift::binlog::fuzz {
namespace {

// Decodes the rows and counts them: what decodes has as many rows as the walk finds.
base::Status ReadRows(const DescribedTable& table, RowOp op, bool partial, std::string_view data) {
  std::uint64_t decoded = 0;
  RowDecoder decoder;
  const base::Status status = decoder.Decode(table, op, partial, data, [&](const RowChange& change) {
    SL_CHECK(change.before.empty() || change.before.size() == table.columns.size());
    SL_CHECK(change.after.empty() || change.after.size() == table.columns.size());
    ++decoded;
    return base::Ok();
  });
  const base::Result<std::uint64_t> counted = RowWalk(table.columns).CountRows(op, partial, data);
  SL_CHECK(!status.ok() || (counted.ok() && *counted == decoded));
  return status;
}

class RowVisitor : public EventVisitor {
 public:
  base::Status OnEvent(const ScannedEvent&, bool*) override { return base::Ok(); }
  base::Status OnRows(const ScannedEvent&, const DescribedTable& table, const RowEventKind& kind,
                      std::string_view data) override {
    return ReadRows(table, kind.op, kind.partial, data);
  }
};

Format PlainFormat(bool maria) {
  EventBuilder build(maria, false);
  const std::string bytes = build.FormatDescription();
  const auto event = ParseEvent(bytes, Format());
  SL_CHECK(event.ok());
  const auto format = ParseFormatDescription(*event);
  SL_CHECK(format.ok());
  return *format;
}

Event EventOf(EventType type, std::string_view body) {
  Event event;
  event.header.type = type;
  event.body = body;
  return event;
}

}  // namespace

void File(std::string_view bytes) {
  const int fd = memfd_create("binlog", MFD_CLOEXEC);
  SL_CHECK(fd >= 0);
  SL_CHECK(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  auto reader = FileReader::Open("/proc/self/fd/" + std::to_string(fd));
  SL_CHECK(reader.ok());
  RowVisitor visitor;
  SL_CHECK(EventScan(visitor).Scan(**reader).ok());
  SL_CHECK((*reader)->error_offset() <= bytes.size());
  SL_CHECK((*reader)->error().ok() == ((*reader)->end() == FileEnd::kClean || (*reader)->end() == FileEnd::kInUse));
  close(fd);
}

void EventStream(std::string_view bytes) {
  Cursor in(bytes);
  const bool maria = (in.U8() & 1) != 0;
  EventBuilder build(maria, false);
  GroupReaderOptions options;
  options.start = {"bin.000001", kFirstEventOffset};
  options.describe = [](std::string_view, std::string_view) { return true; };
  GroupReader reader(options);
  SL_CHECK(reader.Feed(build.FormatDescription()).ok());
  while (in.remaining() > 0) {
    const auto type = static_cast<EventType>(in.U8());
    const std::string_view body = in.Bytes(in.U16());
    if (!in.ok()) return;
    auto group = reader.Feed(build.Make(type, body));
    if (!group.ok()) return;
    if (*group && !(*group)->ForEachRow([](const RowChange&) { return base::Ok(); }).ok()) return;
  }
}

void RowImage(std::string_view bytes) {
  Cursor in(bytes);
  const std::uint8_t kind = in.U8();
  const std::string_view map_body = in.Bytes(in.U16());
  if (!in.ok()) return;
  const bool maria = (kind & 1) != 0;
  const auto map = ParseTableMap(EventOf(EventType::kTableMap, map_body), PlainFormat(maria));
  if (!map.ok()) return;
  const auto table = DescribeTable(*map, maria ? mysql::Flavour::kMariaDb : mysql::Flavour::kMySql, 0);
  if (!table.ok()) return;
  const auto op = static_cast<RowOp>((kind >> 1) % 3);
  (void)ReadRows(**table, op, op == RowOp::kUpdate && (kind & 0x80) != 0, in.Rest()).ok();
}

void Json(std::string_view bytes) {
  std::string text;
  const bool whole = AppendJsonText(bytes, text).ok();
  SL_CHECK(text.size() <= 64 * bytes.size() + 4096);
  Cursor in(bytes);
  const std::string_view before = in.Bytes(in.U16());
  if (!in.ok()) return;
  std::string after;
  if (AppendJsonAfterDifferences(before, in.Rest(), JsonForm::kText, after).ok()) SL_CHECK(!after.empty());
  SL_CHECK(after.size() <= 64 * bytes.size() + 4096);
  // No difference, no change.
  text.clear();
  after.clear();
  if (!before.empty() && AppendJsonText(before, text).ok()) {
    SL_CHECK(AppendJsonAfterDifferences(before, {}, JsonForm::kText, after).ok() && after == text);
  }
  (void)whole;
}

void Payload(std::string_view bytes) {
  PayloadReader reader;
  std::uint64_t seen = 0;
  (void)reader
      .Read(bytes,
            [&](std::string_view event) {
              // A payload may inflate to any size; a test need not.
              return (seen += event.size()) < (8u << 20) ? base::Ok() : Corrupt("enough");
            })
      .ok();
  std::string out;
  (void)UncompressEventPart(bytes, out).ok();
  (void)UncompressColumn(bytes, out).ok();
}

void GtidText(std::string_view bytes) {
  if (const auto set = mysql::GtidSet::Parse(bytes); set.ok()) {
    const auto again = mysql::GtidSet::Parse(set->ToText());
    SL_CHECK(again.ok() && *again == *set);
    const std::string encoded = set->EncodeForDump();
    const auto decoded = ParsePreviousGtids(EventOf(EventType::kPreviousGtids, encoded));
    SL_CHECK(decoded.ok() && *decoded == *set);
  }
  if (const auto set = mysql::MariaGtidSet::Parse(bytes); set.ok()) {
    const auto again = mysql::MariaGtidSet::Parse(set->ToText());
    SL_CHECK(again.ok() && *again == *set);
  }
  if (const auto set = ParsePreviousGtids(EventOf(EventType::kPreviousGtids, bytes)); set.ok()) (void)set->ToText();
  for (const EventType type : {EventType::kGtid, EventType::kGtidTagged}) {
    if (const auto gtid = ParseMySqlGtid(EventOf(type, bytes)); gtid.ok()) (void)gtid->ToText();
  }
  (void)ParseMariaGtidList(EventOf(EventType::kMariaGtidList, bytes)).ok();
}

}  // namespace shardlift::binlog::fuzz
