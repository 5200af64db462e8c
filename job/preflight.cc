#include "job/preflight.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;
using mysql::Flavour;
using Variables = std::map<std::string, std::string>;

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

// What SHOW GRANTS says of the current user. Roles are not followed: with one, a missing privilege proves nothing.
struct Grants {
  std::vector<std::string> lines;
  bool has_roles = false;

  // `scopes`: "*.*" or "`db`.*" as SHOW GRANTS prints them.
  bool Has(const std::string& privilege, const std::vector<std::string>& scopes) const {
    if (has_roles) return true;
    return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) {
      const std::size_t on = line.find(" ON ");
      if (on == std::string::npos) return false;
      const bool in_scope = std::any_of(scopes.begin(), scopes.end(), [&](const std::string& scope) {
        return line.compare(on + 4, scope.size(), scope) == 0;
      });
      const std::string privileges = "," + line.substr(6, on - 6) + ",";
      return in_scope && (privileges.find(privilege) != std::string::npos ||
                          privileges.find("ALL PRIVILEGES") != std::string::npos);
    });
  }
};

Result<Grants> ReadGrants(mysql::Session& session) {
  SL_ASSIGN(auto rows, session.Query("SHOW GRANTS", "read privileges"));
  Grants grants;
  for (const auto& row : rows.rows) {
    grants.lines.push_back(row[0].value_or(""));
    if (grants.lines.back().find(" ON ") == std::string::npos) grants.has_roles = true;
  }
  return grants;
}

void CheckSourcePrivileges(mysql::Session& session, const SourceConfig& source, const std::string& where,
                           Failures* failures) {
  const Result<Grants> grants = ReadGrants(session);
  if (!grants.ok()) return failures->Add(where, grants.status());
  const std::string& user = source.endpoint.user;
  if (!grants->Has("REPLICATION SLAVE", {"*.*"})) {
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
}

void CheckSource(const SourceConfig& source, Failures* failures) {
  const std::string where = "source " + source.endpoint.Text();
  const auto session = mysql::Session::Open(source.endpoint, mysql::SessionOptions());
  if (!session.ok()) return failures->Add(where, session.status());
  const Result<Variables> variables = ReadVariables(**session);
  if (!variables.ok()) return failures->Add(where, variables.status());
  CheckSettings((*session)->flavour(), *variables, where, failures);
  CheckSourcePrivileges(**session, source, where, failures);
  if (!source.reader) return;
  const auto reader = mysql::Session::Open(*source.reader, mysql::SessionOptions());
  if (!reader.ok()) {
    failures->Add("reader of " + where, reader.status());
  } else if ((*reader)->flavour() != Flavour::kMySql) {
    failures->Add(where, Code::kUsage, "\"reader\" is for MySQL sources only; remove it");
  }
}

// SHOW GRANTS prints `_` of a database name as `\_` when it was granted so.
std::vector<std::string> DatabaseScopes(const std::string& database) {
  std::string escaped;
  for (const char c : database) {
    if (c == '_') escaped += '\\';
    escaped += c;
  }
  return {"*.*", "`" + database + "`.*", "`" + escaped + "`.*"};
}

void CheckShard(const ShardConfig& shard, Failures* failures) {
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
        where +
        ": local_infile is OFF: rows go in by multi-row INSERT, which takes about half as much time again; "
        "SET GLOBAL local_infile = ON makes it faster");
  }
  const Result<Grants> grants = ReadGrants(**session);
  if (!grants.ok()) return failures->Add(where, grants.status());
  std::string missing;
  for (const char* privilege : {"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"}) {
    if (!grants->Has(privilege, DatabaseScopes(shard.database)))
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
  for (const SourceConfig& source : config.sources) CheckSource(source, &failures);
  for (const ShardConfig& shard : config.shards) CheckShard(shard, &failures);
  return failures.ToStatus();
}

}  // namespace shardlift::job
