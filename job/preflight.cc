#include "job/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "job/grants.h"
#include "mapping/table_mapper.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;
using mysql::Flavour;
using Variables = std::map<std::string, std::string>;
using PatternsUsed = std::set<std::pair<std::string, std::string>>;  // mapping name, pattern

// Collects failures; the first one decides the class of the whole.
class Failures {
 public:
  void Add(const std::string& where, const Status& status) {
    if (status.ok()) return;
    if (count_++ == 0) code_ = status.code();
    if (!text_.empty()) text_ += "\n  ";
    text_ += status.message().find(where) == std::string::npos ? where + ": " + status.message() : status.message();
  }
  void Add(const std::string& where, Code code, std::string message) { Add(where, Status(code, std::move(message))); }
  Status ToStatus() const {
    if (count_ == 0) return base::Ok();
    return Status(code_, count_ == 1 ? text_ : fmt::format("{} checks failed:\n  {}", count_, text_));
  }

 private:
  Code code_ = Code::kOk;
  int count_ = 0;
  std::string text_;
};

Result<Variables> ReadVariables(mysql::Session& session) {
  SL_ASSIGN(
      auto rows,
      session.Query("SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format', 'binlog_row_image', "
                    "'gtid_mode', 'binlog_row_value_options', 'local_infile', 'read_only', 'super_read_only', "
                    "'sql_log_bin')",
                    "read server settings"));
  Variables variables;
  for (const auto& row : rows.rows) variables[row[0].value_or("")] = row[1].value_or("");
  return variables;
}

struct WantedSetting {
  const char* name;
  const char* value;
  const char* remedy;
  bool mysql_only;
};
constexpr WantedSetting kSourceSettings[] = {
    {"log_bin", "ON",
     "changes cannot be followed without the binary log: set log_bin in the server's configuration and restart it",
     false},
    {"binlog_format", "ROW", "run SET GLOBAL binlog_format = 'ROW' and let old sessions reconnect", false},
    {"binlog_row_image", "FULL", "run SET GLOBAL binlog_row_image = 'FULL' and let old sessions reconnect", false},
    {"gtid_mode", "ON",
     "enable GTIDs step by step: enforce_gtid_consistency = ON, then gtid_mode = OFF_PERMISSIVE, ON_PERMISSIVE, and ON",
     true},
    {"binlog_row_value_options", "", "run SET GLOBAL binlog_row_value_options = '' and let old sessions reconnect",
     true},
};

void CheckSettings(Flavour flavour, const Variables& variables, const std::string& where, Failures* failures) {
  const auto log_bin = variables.find("log_bin");
  for (const WantedSetting& wanted : kSourceSettings) {
    if (wanted.mysql_only && flavour != Flavour::kMySql) continue;
    const auto found = variables.find(wanted.name);
    if (found == variables.end() || found->second == wanted.value) continue;
    // Without a binary log the other settings say nothing.
    if (log_bin != variables.end() && log_bin->second == "OFF" && std::string_view(wanted.name) != "log_bin") continue;
    failures->Add(where, Code::kRefused,
                  fmt::format("{} is {}, wanted {}; {}", wanted.name, found->second.empty() ? "empty" : found->second,
                              *wanted.value == '\0' ? "empty" : wanted.value, wanted.remedy));
  }
}

void CheckSourcePrivileges(mysql::Session& session, const SourceConfig& source, const std::string& where,
                           Failures* failures) {
  const Result<Grants> grants = Grants::Read(session);
  if (!grants.ok()) return failures->Add(where, grants.status());
  const std::string& user = source.endpoint.user;
  if (!grants->HasGlobal("REPLICATION SLAVE")) {
    failures->Add(
        where, Code::kUsage,
        fmt::format("user {} lacks REPLICATION SLAVE; run GRANT REPLICATION SLAVE ON *.* TO that user", user));
  }
  if (const Status status = session.Execute("XA RECOVER", "list prepared XA transactions"); !status.ok()) {
    failures->Add(
        where, Code::kUsage,
        fmt::format("user {} cannot list prepared XA transactions; run GRANT XA_RECOVER_ADMIN ON *.* TO that user",
                    user));
  }
  if (session.flavour() == Flavour::kMariaDb && !session.Execute("SHOW MASTER STATUS", "read binlog position").ok()) {
    failures->Add(
        where, Code::kUsage,
        fmt::format("user {} cannot read the binlog position; run GRANT BINLOG MONITOR ON *.* TO that user", user));
  }
  // What readers see can be told on MariaDB only from InnoDB's list of transactions.
  if (session.flavour() == Flavour::kMariaDb &&
      !session.Execute("SHOW ENGINE INNODB STATUS", "list transactions that are being committed").ok()) {
    failures->Add(
        where, Code::kUsage,
        fmt::format("user {} cannot see which transactions are being committed; run GRANT PROCESS ON *.* TO that "
                    "user",
                    user));
  }
}

// Matched tables must be readable; a pattern without a table may be a misspelling or a missing privilege.
void CheckTables(const JobConfig& config, mysql::Session& session, const SourceConfig& source, const std::string& where,
                 PatternsUsed* used, Failures* failures) {
  const auto tables = mysql::ListTables(session);
  if (!tables.ok()) return failures->Add(where, tables.status());
  for (const mysql::TableName& table : *tables) {
    bool wanted = false;
    for (const mapping::MappingConfig& mapping : config.mappings) {
      const auto& sources = mapping.sources;
      if (!sources.empty() && std::find(sources.begin(), sources.end(), source.endpoint.name) == sources.end())
        continue;
      for (const std::string& pattern : mapping.match) {
        const Result<bool> matches = mapping::MatchesPattern(pattern, table.schema, table.table);
        if (!matches.ok() || !*matches) continue;  // LoadCatalog reports bad patterns
        wanted = true;
        used->insert({mapping.name, pattern});
      }
    }
    if (!wanted) continue;
    const Status status =
        session.Execute(fmt::format("SELECT 1 FROM {} LIMIT 0", table.Quoted()), "read " + table.Text());
    if (status.server_errno() == 1142 || status.server_errno() == 1143) {
      failures->Add(where, Code::kUsage,
                    fmt::format("user {} cannot read table {}; run GRANT SELECT ON {} TO that user",
                                source.endpoint.user, table.Text(), table.Quoted()));
    } else {
      failures->Add(where, status);
    }
  }
}

void CheckPatterns(const JobConfig& config, const PatternsUsed& used, Failures* failures) {
  for (const mapping::MappingConfig& mapping : config.mappings) {
    for (const std::string& pattern : mapping.match) {
      if (used.contains({mapping.name, pattern})) continue;
      failures->Add(
          fmt::format("mapping {} ({})", mapping.name, mapping.place), Code::kUsage,
          fmt::format("pattern \"{}\" matches no table on its sources; check the spelling and the users' SELECT "
                      "privileges",
                      pattern));
    }
  }
}

// Returns false if the source could not be looked at.
bool CheckSource(const JobConfig& config, const SourceConfig& source, PatternsUsed* used, Failures* failures) {
  const std::string where = "source " + source.endpoint.Text();
  const auto session = mysql::Session::Open(source.endpoint, mysql::SessionOptions());
  if (!session.ok()) {
    failures->Add(where, session.status());
    return false;
  }
  const Result<Variables> variables = ReadVariables(**session);
  if (variables.ok()) {
    CheckSettings((*session)->flavour(), *variables, where, failures);
  } else {
    failures->Add(where, variables.status());
  }
  CheckSourcePrivileges(**session, source, where, failures);
  CheckTables(config, **session, source, where, used, failures);
  if (!source.reader) return true;
  const auto reader = mysql::Session::Open(*source.reader, mysql::SessionOptions());
  if (!reader.ok()) {
    failures->Add("reader of " + where, reader.status());
  } else if ((*reader)->flavour() != Flavour::kMySql) {
    failures->Add(where, Code::kUsage, "\"reader\" is for MySQL sources only; remove it");
  }
  return true;
}

void CheckShard(const ShardConfig& shard, bool own_targets, Failures* failures) {
  const std::string where = "shard " + shard.endpoint.Text();
  const auto session = mysql::Session::Open(shard.endpoint, mysql::SessionOptions());
  if (!session.ok()) return failures->Add(where, session.status());
  const Result<Variables> variables = ReadVariables(**session);
  if (!variables.ok()) return failures->Add(where, variables.status());
  const auto is = [&](const char* name, const char* value) {
    const auto found = variables->find(name);
    return found != variables->end() && found->second == value;
  };
  if (is("read_only", "ON") || is("super_read_only", "ON")) {
    failures->Add(where, Code::kRefused, "read_only is ON; run SET GLOBAL read_only = OFF on the shard's primary");
  }
  if (is("local_infile", "OFF")) {
    base::LogWarning(
        "local_infile is OFF: rows go in by multi-row INSERT, which takes about half as much time again; "
        "SET GLOBAL local_infile = ON makes it faster",
        {{"shard", shard.endpoint.Text()}});
  }
  const Result<Grants> grants = Grants::Read(**session);
  if (!grants.ok()) return failures->Add(where, grants.status());
  std::string missing;
  std::vector<const char*> wanted = {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"};
  if (own_targets) wanted.push_back("CREATE TEMPORARY TABLES");  // definitions are compared with such a table
  for (const char* privilege : wanted) {
    if (!grants->HasOnDatabase(privilege, shard.database))
      missing += (missing.empty() ? "" : ", ") + std::string(privilege);
  }
  if (missing.empty()) return;
  failures->Add(where, Code::kUsage,
                fmt::format("user {} lacks {} on database {}; run GRANT {} ON `{}`.* TO that user", shard.endpoint.user,
                            missing, shard.database, missing, shard.database));
}

}  // namespace

Status CheckServers(const JobConfig& config) {
  Failures failures;
  PatternsUsed used;
  bool all_seen = true;
  for (const SourceConfig& source : config.sources) all_seen &= CheckSource(config, source, &used, &failures);
  if (all_seen) CheckPatterns(config, used, &failures);
  for (const ShardConfig& shard : config.shards) CheckShard(shard, !config.targets.empty(), &failures);
  return failures.ToStatus();
}

}  // namespace shardlift::job
