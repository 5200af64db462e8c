// `shardlift binlog stat`: what binlog files hold, and how they end.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <ctime>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "binlog/event_scan.h"
#include "binlog/file_set.h"
#include "binlog/row_decoder.h"
#include "binlog/row_hash.h"
#include "binlog/row_walk.h"
#include "cmd/binlog.h"
#include "cmd/binlog_largest.h"
#include "cmd/support.h"

namespace shardlift::cmd {
namespace {

using base::Result;
using base::Status;
using binlog::EventType;
using Json = nlohmann::ordered_json;

struct StatFlags {
  std::vector<std::string> files;
  bool json = false;
  bool headers_only = false;
  bool hash = false;
};

using RowCounts = std::array<std::uint64_t, 3>;  // by binlog::RowOp

constexpr std::size_t kLargestShown = 10;
constexpr std::size_t kTablesShown = 20;  // as text; JSON has all

struct FileStat {
  std::string file;
  binlog::Format format;
  bool relay_log = false;
  std::uint64_t size = 0;
  std::uint64_t first_position = 0, last_position = 0;
  std::uint32_t first_time = 0, last_time = 0;
  RowCounts rows{};
  std::map<std::pair<std::string, std::string>, RowCounts> tables;
  std::map<std::string, std::uint64_t> events;
  std::map<std::string, std::uint64_t> payload_events;
  std::vector<LargeTransaction> largest;
  std::string content_hash;  // empty: not asked for
  std::string gtid, previous_gtid;
  binlog::FileEnd end = binlog::FileEnd::kClean;
  Status error;
  std::uint64_t error_offset = 0;
};

bool IsDamaged(const FileStat& stat) {
  return stat.end != binlog::FileEnd::kClean && stat.end != binlog::FileEnd::kInUse;
}

class StatVisitor : public binlog::EventVisitor {
 public:
  StatVisitor(const StatFlags& flags, FileStat* stat)
      : headers_only_(flags.headers_only), hashes_(flags.hash), stat_(stat) {}

  Status OnEvent(const binlog::ScannedEvent& event, bool* wanted) override {
    const auto type = static_cast<std::size_t>(event.type());
    ++(event.in_payload ? payload_events_ : events_)[type];
    if (stat_->first_position == 0) stat_->first_position = event.offset;
    stat_->last_position = event.end_offset;
    if (const std::uint32_t time = event.timestamp_seconds(); time != 0) {
      if (stat_->first_time == 0) stat_->first_time = time;
      stat_->last_time = time;
    }
    if (headers_only_) *wanted = IsGtid(event.type());
    if (!headers_only_ && !event.in_payload) largest_.Note(stat_->file, event);
    if (event.type() == EventType::kQuery) *wanted = false;
    if (event.type() == EventType::kPreviousGtids) {
      SL_ASSIGN(const mysql::GtidSet set, ParsePreviousGtids(*event.event));
      stat_->previous_gtid = set.ToText();
    } else if (event.type() == EventType::kMariaGtidList) {
      SL_ASSIGN(const auto list, ParseMariaGtidList(*event.event));
      stat_->previous_gtid.clear();
      for (const binlog::MariaGtid& gtid : list) Append(gtid, stat_->previous_gtid);
    }
    return base::Ok();
  }
  Status OnMySqlGtid(const binlog::ScannedEvent&, const mysql::Gtid& gtid) override {
    if (gtid.number != 0) gtids_.Add(gtid);
    return base::Ok();
  }
  Status OnMariaGtid(const binlog::ScannedEvent&, const binlog::MariaGtid& gtid) override {
    maria_gtids_[gtid.domain_id] = gtid;
    return base::Ok();
  }
  Status OnTable(const binlog::DescribedTable& table) override {
    const mysql::TableName& name = table.schema->name;
    walks_.push_back(
        {binlog::RowWalk(table.columns), &stat_->tables[{name.schema, name.table}], binlog::RowHash::TableKey(name)});
    return base::Ok();
  }
  Status OnRows(const binlog::ScannedEvent&, const binlog::DescribedTable& table, const binlog::RowEventKind& kind,
                std::string_view data) override {
    const Walk& walk = walks_[static_cast<std::size_t>(table.number)];
    std::uint64_t rows = 0;
    if (hashes_) {
      SL_TRY(decoder_.Begin(table, kind.op, kind.partial, data));
      for (; decoder_.Next(); ++rows) hash_.Add(walk.table_key, decoder_.row());
      SL_TRY(decoder_.status());
    } else {
      SL_ASSIGN(rows, walk.rows.CountRows(kind.op, kind.partial, data));
    }
    (*walk.counts)[static_cast<std::size_t>(kind.op)] += rows;
    stat_->rows[static_cast<std::size_t>(kind.op)] += rows;
    largest_.AddRows(rows);
    return base::Ok();
  }

  void Finish() {
    Name(events_, stat_->events);
    Name(payload_events_, stat_->payload_events);
    stat_->largest = largest_.Take();
    if (hashes_) stat_->content_hash = hash_.Hex();
    stat_->gtid = gtids_.ToText();
    for (const auto& [domain, gtid] : maria_gtids_) Append(gtid, stat_->gtid);
    // A table map without rows is no table that the file changes.
    std::erase_if(stat_->tables, [](const auto& table) { return table.second == RowCounts{}; });
  }

 private:
  using EventCounts = std::array<std::uint64_t, 256>;
  struct Walk {
    binlog::RowWalk rows;
    RowCounts* counts;
    std::uint64_t table_key;
  };

  static bool IsGtid(EventType type) {
    return type == EventType::kGtid || type == EventType::kGtidTagged || type == EventType::kMariaGtid;
  }
  static void Append(const binlog::MariaGtid& gtid, std::string& list) {
    list += (list.empty() ? "" : ",") + gtid.ToText();
  }
  static void Name(const EventCounts& counts, std::map<std::string, std::uint64_t>& named) {
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto type = static_cast<EventType>(i);
      if (counts[i] == 0) continue;
      named[binlog::IsKnown(type) ? std::string(EventTypeName(type)) : fmt::format("UNKNOWN_EVENT_{}", i)] = counts[i];
    }
  }

  const bool headers_only_;
  const bool hashes_;
  FileStat* const stat_;
  binlog::RowDecoder decoder_;
  binlog::RowHash hash_;
  LargestTransactions largest_{kLargestShown};
  EventCounts events_{};
  EventCounts payload_events_{};
  mysql::GtidSet gtids_;
  std::map<std::uint32_t, binlog::MariaGtid> maria_gtids_;
  std::vector<Walk> walks_;  // by DescribedTable::number
};

Result<FileStat> StatFile(const std::string& path, const StatFlags& flags) {
  SL_ASSIGN(const auto reader, binlog::FileReader::Open(path));
  FileStat stat;
  stat.file = path;
  stat.size = reader->size();
  StatVisitor visitor(flags, &stat);
  SL_TRY(binlog::EventScan(visitor).Scan(*reader));
  if (reader->error().code() == base::Code::kEnvironment) return reader->error();
  visitor.Finish();
  stat.format = reader->format();
  stat.relay_log = reader->is_relay_log();
  stat.end = reader->end();
  stat.error = reader->error();
  stat.error_offset = reader->error_offset();
  return stat;
}

using Table = decltype(FileStat::tables)::value_type;
// By rows changed, then by name.
std::vector<const Table*> HottestFirst(const FileStat& stat) {
  std::vector<const Table*> tables;
  for (const Table& table : stat.tables) tables.push_back(&table);
  const auto changes = [](const Table* table) { return table->second[0] + table->second[1] + table->second[2]; };
  std::stable_sort(tables.begin(), tables.end(),
                   [&](const Table* a, const Table* b) { return changes(a) > changes(b); });
  return tables;
}

Json CountsJson(const RowCounts& counts) {
  return {{"insert", counts[0]}, {"update", counts[1]}, {"delete", counts[2]}};
}

Json FileJson(const FileStat& stat, bool headers_only) {
  const bool maria = stat.format.flavour == mysql::Flavour::kMariaDb;
  const auto or_null = [](bool known, auto value) { return known ? Json(value) : Json(nullptr); };
  Json file{{"file", stat.file},
            {"server_version", or_null(stat.format.known, stat.format.server_version)},
            {"flavour", or_null(stat.format.known, maria ? "mariadb" : "mysql")},
            {"format_version", or_null(stat.format.known, stat.format.binlog_version)},
            {"checksum", or_null(stat.format.known, stat.format.checksum ? "crc32" : "none")},
            {"relay_log", stat.relay_log},
            {"size", stat.size},
            {"first_position", or_null(stat.first_position != 0, stat.first_position)},
            {"last_position", or_null(stat.last_position != 0, stat.last_position)},
            {"first_time", or_null(stat.first_time != 0, stat.first_time)},
            {"last_time", or_null(stat.last_time != 0, stat.last_time)}};
  if (!headers_only) {
    file["rows"] = CountsJson(stat.rows);
    if (!stat.content_hash.empty()) file["content_hash"] = stat.content_hash;
    file["tables"] = Json::array();
    for (const Table* const table : HottestFirst(stat)) {
      Json entry{{"schema", table->first.first}, {"table", table->first.second}};
      entry.update(CountsJson(table->second));
      file["tables"].push_back(std::move(entry));
    }
    file["largest_transactions"] = Json::array();
    for (const LargeTransaction& each : stat.largest) {
      file["largest_transactions"].push_back({{"pos", each.position},
                                              {"bytes", each.bytes},
                                              {"rows", each.rows},
                                              {"time", or_null(each.time != 0, each.time)},
                                              {"gtid", or_null(!each.gtid.empty(), each.gtid)}});
    }
  }
  file["events"] = stat.events;
  if (!stat.payload_events.empty()) file["payload_events"] = stat.payload_events;
  file["gtid"] = stat.gtid;
  file["previous_gtid"] = stat.previous_gtid;
  file["end"] = std::string(FileEndName(stat.end));
  file["error"] = or_null(!stat.error.ok(), stat.error.message());
  file["error_offset"] = or_null(!stat.error.ok(), stat.error_offset);
  return file;
}

std::string StatsJson(const std::vector<FileStat>& stats, bool headers_only) {
  Json files = Json::array();
  Json next_steps = Json::array();
  for (const FileStat& stat : stats) {
    files.push_back(FileJson(stat, headers_only));
    if (!stat.error.ok()) next_steps.push_back(stat.error.message());
  }
  const Json out{{"schema", "shardlift.binlog-stat/1"}, {"files", std::move(files)}, {"next_steps", next_steps}};
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string TimeText(std::uint32_t seconds) {
  if (seconds == 0) return "-";
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string CountsText(const RowCounts& counts) {
  return fmt::format("{} inserted, {} updated, {} deleted", counts[0], counts[1], counts[2]);
}

std::string StatText(const FileStat& stat, bool headers_only) {
  const bool maria = stat.format.flavour == mysql::Flavour::kMariaDb;
  std::string text = fmt::format("{}\n", stat.file);
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fmt::format("  {:<10} {}\n", name, value);
  };
  if (stat.format.known) {
    line("server", fmt::format("{} {}, format {}, checksum {}{}", maria ? "mariadb" : "mysql",
                               stat.format.server_version, stat.format.binlog_version,
                               stat.format.checksum ? "crc32" : "none", stat.relay_log ? ", relay log" : ""));
  }
  line("positions", fmt::format("{} to {} of {}", stat.first_position, stat.last_position, stat.size));
  line("time", fmt::format("{} to {}", TimeText(stat.first_time), TimeText(stat.last_time)));
  line("before", stat.previous_gtid);
  line("gtid", stat.gtid);
  if (!headers_only) line("rows", CountsText(stat.rows));
  line("hash", stat.content_hash);
  const std::vector<const Table*> tables = HottestFirst(stat);
  for (std::size_t i = 0; i < std::min(tables.size(), kTablesShown); ++i) {
    text +=
        fmt::format("    {}.{}: {}\n", tables[i]->first.first, tables[i]->first.second, CountsText(tables[i]->second));
  }
  if (tables.size() > kTablesShown)
    text += fmt::format("    and {} other tables (--json)\n", tables.size() - kTablesShown);
  if (!stat.largest.empty()) text += "  largest transactions\n";
  for (const LargeTransaction& each : stat.largest) {
    text += fmt::format("    at {}: {} bytes, {} rows, {}{}{}\n", each.position, each.bytes, each.rows,
                        TimeText(each.time), each.gtid.empty() ? "" : ", ", each.gtid);
  }
  text += "  events\n";
  for (const auto& [name, count] : stat.events) text += fmt::format("    {:<30} {}\n", name, count);
  for (const auto& [name, count] : stat.payload_events) text += fmt::format("    {:<30} {} in payloads\n", name, count);
  line("end", std::string(FileEndName(stat.end)));
  return text;
}

int RunStat(const StatFlags& flags) {
  const std::string json_command = flags.json ? "binlog-stat" : "";
  const auto files = binlog::FindBinlogFiles(flags.files);
  if (!files.ok()) return Fail(files.status(), json_command);
  std::vector<FileStat> stats;
  bool damaged = false;
  for (const std::string& file : *files) {
    auto stat = StatFile(file, flags);
    if (!stat.ok()) return Fail(stat.status(), json_command);
    damaged = damaged || IsDamaged(*stat);
    stats.push_back(std::move(*stat));
  }
  std::string text;
  if (flags.json) text = StatsJson(stats, flags.headers_only);
  for (const FileStat& stat : stats) {
    if (!flags.json) text += StatText(stat, flags.headers_only);
  }
  const int exit_code = Finish(text, damaged ? 1 : 0);
  for (const FileStat& stat : stats) {
    if (!stat.error.ok()) Fail(stat.error);
  }
  return exit_code;
}

}  // namespace

void AddBinlogStat(CLI::App& binlog, int* exit_code) {
  CLI::App* const sub = binlog.add_subcommand(
      "stat", "Count the events and rows of binlog files, table by table, and say how each file ends");
  const auto flags = std::make_shared<StatFlags>();
  sub->add_option("FILE", flags->files, "Binlog or relay log files, an index file, or a directory of binlogs")
      ->required()
      ->type_name("");
  sub->add_flag("--json", flags->json, "Print JSON");
  auto* const headers_only = sub->add_flag("--headers-only", flags->headers_only, "Count events only, no rows");
  sub->add_flag("--hash", flags->hash, "Decode all values and print a hash over them")->excludes(headers_only);
  sub->footer(
      "Rows are counted as the events hold them, rolled back or not. Exit code 1: a file is truncated, corrupt, "
      "encrypted or unsupported;\nwhat stands before that place is counted. Files with the same hash hold the same "
      "changes of rows in the same order.");
  sub->callback([flags, exit_code] { *exit_code = RunStat(*flags); });
}

}  // namespace shardlift::cmd
