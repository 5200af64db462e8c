// Row changes as JSON lines.
#include <fmt/format.h>

#include <string>

#include "base/json_text.h"
#include "binlog/event_scan.h"
#include "binlog/row_decoder.h"
#include "cmd/binlog_change_writer.h"
#include "cmd/binlog_dump.h"

namespace shardlift::cmd {
namespace {

using base::Status;

class ChangeVisitor : public binlog::EventVisitor {
 public:
  ChangeVisitor(const DumpFile& file, std::uint64_t file_number, LiveSchemas* live, LineWriter& out)
      : file_(file), file_number_(file_number), live_(live), writer_(out) {
    base::AppendJsonString(file.path, file_json_);
  }

  // Table maps count wherever they stand; all other events by their place.
  Status OnEvent(const binlog::ScannedEvent& event, bool* wanted) override {
    *wanted = event.type() != binlog::EventType::kQuery;
    if (event.type() == binlog::EventType::kIncident && incident_.ok()) {
      incident_ = {
          base::Code::kCorrupt,
          fmt::format("binlog file {}: offset {}: INCIDENT_EVENT: the server lost changes here, so that they are "
                      "in no binlog; compare the tables themselves",
                      file_.path, event.offset)};
    }
    return base::Ok();
  }
  // Ok, or the first place where the binlog itself says that it lacks changes.
  const Status& incident() const { return incident_; }
  bool WantsTable(const binlog::TableMapName& name) override {
    return file_.filter.tables.Match(name.schema, name.table);
  }
  base::Result<const mysql::TableSchema*> KnownSchema(const binlog::ScannedEvent& event,
                                                      const binlog::TableMapName& name) override {
    if (live_ == nullptr) return nullptr;
    return live_->Find(name.schema, name.table, file_number_, event.offset);
  }
  Status OnMySqlGtid(const binlog::ScannedEvent&, const mysql::Gtid& gtid) override {
    gtid_json_ = gtid.number == 0 ? "null" : fmt::format("\"{}\"", gtid.ToText());
    gtid_wanted_ = !file_.filter.gtids || file_.filter.gtids->Match(gtid);
    return base::Ok();
  }
  Status OnMariaGtid(const binlog::ScannedEvent&, const binlog::MariaGtid& gtid) override {
    gtid_json_ = fmt::format("\"{}\"", gtid.ToText());
    gtid_wanted_ = !file_.filter.gtids || file_.filter.gtids->Match(gtid);
    return base::Ok();
  }
  Status OnTable(const binlog::DescribedTable& table) override {
    if (live_ != nullptr) live_->Report(table);
    return base::Ok();
  }
  Status OnRows(const binlog::ScannedEvent& event, const binlog::DescribedTable& table,
                const binlog::RowEventKind& kind, std::string_view data) override {
    const bool wanted = file_.filter.gtids ? gtid_wanted_ : true;
    if (!wanted || !file_.filter.MatchPlace(event.offset, event.timestamp_seconds())) return base::Ok();
    writer_.Event({file_json_, event.offset, gtid_json_, event.timestamp_seconds()}, table, kind.op);
    SL_TRY(decoder_.Begin(table, kind.op, kind.partial, data));
    while (decoder_.Next()) SL_TRY(writer_.Row(decoder_.row()));
    return decoder_.status();
  }

 private:
  const DumpFile& file_;
  const std::uint64_t file_number_;
  LiveSchemas* const live_;
  ChangeWriter writer_;
  binlog::RowDecoder decoder_;
  Status incident_;
  std::string file_json_;
  std::string gtid_json_ = "null";
  bool gtid_wanted_ = false;  // no group has begun
};

}  // namespace

Status DumpChanges(const std::vector<DumpFile>& files, LiveSchemas* live, LineWriter& out) {
  Status incident;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const DumpFile& file = files[i];
    SL_ASSIGN(const auto reader, binlog::FileReader::Open(file.path));
    ChangeVisitor visitor(file, i, live, out);
    SL_TRY(binlog::EventScan(visitor).Scan(*reader));
    SL_TRY(DamageOf(*reader));
    if (incident.ok()) incident = visitor.incident();
  }
  return incident;
}

}  // namespace shardlift::cmd
