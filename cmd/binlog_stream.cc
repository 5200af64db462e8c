// `shardlift binlog stream`: committed row changes, from files or from a live server.
#include "cmd/binlog_stream.h"

#include <CLI/CLI.hpp>
#include <memory>

#include "binlog/file_set.h"
#include "cmd/binlog_dump.h"
#include "cmd/support.h"

namespace shardlift::cmd {

using base::Code;
using base::Result;
using base::Status;

namespace {

struct StreamFlags {
  std::vector<std::string> files, tables;
  std::string from, max_duration, source, job;
  bool positions = false;
  bool until_now = false;
};

Result<StreamRequest> ReadFlags(const StreamFlags& flags) {
  StreamRequest request;
  request.stop = InstallStopSignals();
  request.positions = flags.positions;
  request.until_now = flags.until_now;
  SL_ASSIGN(request.tables, TablePatterns::Create(flags.tables));
  if (!flags.from.empty()) {
    SL_ASSIGN(request.from, ParseStreamFrom(flags.from));
  }
  if (!flags.max_duration.empty()) {
    SL_ASSIGN(const std::chrono::seconds duration, ParseDuration(flags.max_duration));
    request.deadline = std::chrono::steady_clock::now() + duration;
  }
  if (flags.files.empty() && flags.source.empty()) {
    return Status(Code::kUsage, "binlog stream: write binlog FILEs, or --source NAME -c JOB.json");
  }
  if (flags.files.empty()) return request;
  if (flags.until_now) return Status(Code::kUsage, "--until-now is for --source without FILE: files end by themselves");
  if (flags.from == "now") return Status(Code::kUsage, "--from now is for --source without FILE");
  return request;
}

Status Stream(const StreamFlags& flags, LineWriter& out) {
  SL_ASSIGN(const StreamRequest request, ReadFlags(flags));
  if (flags.files.empty()) {
    SL_ASSIGN(const NamedSource source, FindSource(flags.job, flags.source));
    return StreamServer(source, request, out);
  }
  SL_ASSIGN(const std::vector<std::string> paths, binlog::FindBinlogFiles(flags.files));
  SL_ASSIGN(const auto live, OpenLiveSchemas(flags.job, flags.source, paths));
  return StreamFiles(paths, request, live.get(), out);
}

int RunStream(const StreamFlags& flags) {
  LineWriter out;
  const Status status = Stream(flags, out);
  const Status written = out.Flush();
  // Who reads has had enough: nothing to tell, but lines may be lost.
  if ((!written.ok() || !status.ok()) && LineWriter::ReaderIsGone()) return base::ExitCodeOf({Code::kEnvironment, ""});
  if (!written.ok()) return Fail(written);
  if (status.ok()) return 0;
  Fail(status);
  return status.code() == Code::kCorrupt && !flags.files.empty() ? 1 : base::ExitCodeOf(status);
}

}  // namespace

void AddBinlogStream(CLI::App& binlog, int* exit_code) {
  CLI::App* const sub = binlog.add_subcommand(
      "stream",
      "Print the row changes of committed transactions, of files or of a live server, one JSON object a line");
  const auto flags = std::make_shared<StreamFlags>();
  sub->add_option("FILE", flags->files, "Binlog or relay log files, an index file, or a directory of binlogs")
      ->type_name("");
  sub->add_option("--table", flags->tables, "Only tables SCHEMA.TABLE; * and ? stand for any characters; repeatable")
      ->type_name("PATTERN")
      ->allow_extra_args(false);
  sub->add_option("--from", flags->from,
                  "Begin here: now, FILE:OFFSET, a position of --positions, or the GTIDs that were seen. Without it: "
                  "now, or all of the files")
      ->type_name("POSITION");
  sub->add_flag("--positions", flags->positions,
                "A line behind each transaction with the position that a later run can begin --from");
  sub->add_flag("--until-now", flags->until_now, "End where the server's binlog ended when the stream began");
  sub->add_option("--max-duration", flags->max_duration, "Stop gently after this time (90s, 10m, 2h)")
      ->type_name("TIME");
  auto* const job =
      sub->add_option("-c,--config", flags->job, "The job file that names --source")->type_name("JOB.json");
  auto* const source = sub->add_option("--source", flags->source,
                                       "Follow this server; with FILE: ask it what the files do not say of its tables")
                           ->type_name("NAME");
  source->needs(job);
  job->needs(source);
  sub->footer(
      "Transactions stand in the order of their commits; what was rolled back is not there. A live server is followed "
      "until SIGTERM\nor SIGINT, which let the transaction end: exit code 0. A lost server is waited for "
      "(apply.retry_seconds of the job file, then\nexit code 3); 4: its binlog does not go on where it was. 5: stopped "
      "before the end of the files, or of --until-now.\n"
      "  shardlift binlog stream /var/lib/mysql --table 'shop.*'\n"
      "  shardlift binlog stream --source legacy0 -c job.json --from now --positions");
  sub->callback([flags, exit_code] { *exit_code = RunStream(*flags); });
}

}  // namespace shardlift::cmd
