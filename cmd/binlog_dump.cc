// `shardlift binlog dump`: the row changes in binlog files, as JSON lines or as SQL.
#include "cmd/binlog_dump.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <ctime>
#include <memory>

#include "binlog/event_scan.h"
#include "binlog/file_set.h"
#include "cmd/support.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;

struct DumpFlags {
  std::vector<std::string> files, tables, gtids;
  std::optional<std::uint64_t> from_position, to_position;
  std::string from_time, to_time;
  bool sql = false;
  bool flashback = false;
  std::string source, job;
};

// Tells the live schemas of all statements in the files.
class StatementVisitor : public binlog::EventVisitor {
 public:
  StatementVisitor(std::uint64_t file, LiveSchemas& live) : file_(file), live_(live) {}
  Status OnEvent(const binlog::ScannedEvent& event, bool* wanted) override {
    const binlog::EventType type = event.type();
    *wanted = type == binlog::EventType::kQuery || type == binlog::EventType::kMariaQueryCompressed ||
              type == binlog::EventType::kTransactionPayload;
    return base::Ok();
  }
  Status OnQuery(const binlog::ScannedEvent& event, const binlog::QueryEvent& query) override {
    live_.AddStatement(file_, event.offset, query.default_schema, query.sql);
    return base::Ok();
  }

 private:
  const std::uint64_t file_;
  LiveSchemas& live_;
};

// "2026-01-31 10:00:00" in UTC (a T between is fine, also a Z behind), or unix seconds.
Result<std::uint32_t> ParseTime(std::string_view flag, const std::string& text) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) return seconds;
  for (const char* const format : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* const rest = strptime(text.c_str(), format, &parts);
    if (rest == nullptr || *rest != '\0') continue;
    const std::time_t time = timegm(&parts);
    if (time >= 0 && time <= std::numeric_limits<std::uint32_t>::max()) return static_cast<std::uint32_t>(time);
  }
  return Status(Code::kUsage, fmt::format("{} {}: write \"YYYY-MM-DD hh:mm:ss\" in UTC, or unix seconds", flag, text));
}

Result<std::vector<DumpFile>> Choose(const DumpFlags& flags) {
  SL_ASSIGN(std::vector<std::string> paths, binlog::FindBinlogFiles(flags.files));
  DumpFilter filter;
  SL_ASSIGN(filter.tables, TablePatterns::Create(flags.tables));
  if (!flags.gtids.empty()) {
    SL_ASSIGN(filter.gtids, GtidFilter::Parse(flags.gtids));
  }
  if (!flags.from_time.empty()) {
    SL_ASSIGN(filter.from_time, ParseTime("--from-time", flags.from_time));
  }
  if (!flags.to_time.empty()) {
    SL_ASSIGN(filter.to_time, ParseTime("--to-time", flags.to_time));
  }
  std::vector<DumpFile> files;
  for (std::string& path : paths) files.push_back({std::move(path), filter});
  if (files.empty()) return files;
  if (flags.from_position) files.front().filter.from_position = *flags.from_position;
  if (flags.to_position) files.back().filter.to_position = *flags.to_position;
  return files;
}

int RunDump(const DumpFlags& flags) {
  const auto files = Choose(flags);
  if (!files.ok()) return Fail(files.status());
  std::vector<std::string> paths;
  for (const DumpFile& file : *files) paths.push_back(file.path);
  const auto live = OpenLiveSchemas(flags.job, flags.source, paths);
  if (!live.ok()) return Fail(live.status());
  LineWriter out;
  Status status = flags.sql || flags.flashback ? DumpSql(*files, flags.flashback, live->get(), out)
                                               : DumpChanges(*files, live->get(), out);
  // What was read before a damage is shown all the same.
  const Status written = out.Flush();
  if (!written.ok() && LineWriter::ReaderIsGone()) LineWriter::EndWithTheReader();
  if (!written.ok()) return Fail(written);
  if (status.ok()) return 0;
  Fail(status);
  return status.code() == Code::kCorrupt ? 1 : base::ExitCodeOf(status);
}

}  // namespace

Result<std::unique_ptr<LiveSchemas>> OpenLiveSchemas(const std::string& job, const std::string& source,
                                                     const std::vector<std::string>& paths) {
  if (source.empty()) return std::unique_ptr<LiveSchemas>();
  SL_ASSIGN(const NamedSource named, FindSource(job, source));
  SL_ASSIGN(auto live, LiveSchemas::Open(named));
  for (std::size_t i = 0; i < paths.size(); ++i) {
    SL_ASSIGN(const auto reader, binlog::FileReader::Open(paths[i]));
    StatementVisitor visitor(i, *live);
    SL_TRY(binlog::EventScan(visitor).Scan(*reader));  // a damage is told by what reads the rows
  }
  return live;
}

Result<GtidFilter> GtidFilter::Parse(const std::vector<std::string>& texts) {
  GtidFilter filter;
  for (const std::string& text : texts) {
    std::vector<mysql::MariaGtid> list;
    bool all = true;
    for (std::size_t begin = 0; begin <= text.size() && all;) {
      const std::size_t end = std::min(text.find(',', begin), text.size());
      const auto gtid = mysql::MariaGtid::Parse(std::string_view(text).substr(begin, end - begin));
      all = gtid.ok();
      if (all) list.push_back(*gtid);
      begin = end + 1;
    }
    if (all) {
      filter.maria_.insert(filter.maria_.end(), list.begin(), list.end());
      continue;
    }
    const auto set = mysql::GtidSet::Parse(text);
    if (!set.ok()) return Status(Code::kUsage, fmt::format("--gtid: {}", set.status().message()));
    filter.set_.UnionWith(*set);
  }
  return filter;
}

Status DamageOf(const binlog::FileReader& reader) {
  const Status& error = reader.error();
  return error.code() == Code::kRefused ? Status(Code::kCorrupt, error.message()) : error;
}

bool GtidFilter::Match(const mysql::MariaGtid& gtid) const {
  return std::find(maria_.begin(), maria_.end(), gtid) != maria_.end();
}

void AddBinlogDump(CLI::App& binlog, int* exit_code) {
  CLI::App* const sub = binlog.add_subcommand("dump", "Print the row changes of binlog files, one JSON object a line");
  const auto flags = std::make_shared<DumpFlags>();
  sub->add_option("FILE", flags->files, "Binlog or relay log files, an index file, or a directory of binlogs")
      ->required()
      ->type_name("");
  sub->add_option("--table", flags->tables, "Only tables SCHEMA.TABLE; * and ? stand for any characters; repeatable")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  sub->add_option("--gtid", flags->gtids, "Only these transactions: a GTID set, or MariaDB GTIDs; repeatable")
      ->type_name("SET")
      ->allow_extra_args(false);
  sub->add_option("--from-pos", flags->from_position, "Only events from this offset of the first file on");
  sub->add_option("--to-pos", flags->to_position, "Only events before this offset of the last file");
  sub->add_option("--from-time", flags->from_time, "Only events from this time on: \"YYYY-MM-DD hh:mm:ss\" in UTC")
      ->type_name("TIME");
  sub->add_option("--to-time", flags->to_time, "Only events before this time")->type_name("TIME");
  auto* const sql = sub->add_flag("--sql", flags->sql, "SQL that does the committed transactions again");
  sub->add_flag("--flashback", flags->flashback, "SQL that undoes the committed transactions, the last one first")
      ->excludes(sql);
  auto* const job =
      sub->add_option("-c,--config", flags->job, "The job file that names --source")->type_name("JOB.json");
  auto* const source =
      sub->add_option("--source", flags->source, "Take from this live server what the files do not say of its tables")
          ->type_name("NAME");
  source->needs(job);
  job->needs(source);
  sub->footer(
      "JSON shows changes as the events hold them, rolled back or not; SQL only what was committed. SQL needs "
      "column names: in the\nbinlog (binlog_row_metadata=FULL), or from the live server (--source NAME -c JOB.json), "
      "which also tells generated columns.\nThe first damage ends it with exit code 1, after "
      "all that stands before it.");
  sub->callback([flags, exit_code] { *exit_code = RunDump(*flags); });
}

}  // namespace shardlift::cmd
