// Pins what results depend on, then reads it back: a proxy or an init_connect may have had other ideas.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

// Strict, backslash escapes on (Session::Quote), a literal 0 stays 0 in AUTO_INCREMENT columns. Zero dates are left as
// they are: legacy rows hold them, and mappings decide what becomes of them.
constexpr std::string_view kSqlMode =
    "NO_AUTO_VALUE_ON_ZERO,STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION";

struct Setting {
  std::string name;
  std::string sql_value;
  std::string expected;  // as SELECT @@name prints it
};

std::set<std::string, std::less<>> SplitWords(std::string_view text) {
  std::set<std::string, std::less<>> words;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    words.emplace(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return words;
}

unsigned MajorVersion(std::string_view version) {
  unsigned major = 0;
  std::from_chars(version.data(), version.data() + version.size(), major);
  return major;
}

std::vector<Setting> Settings(Flavour flavour, unsigned major, const SessionOptions& options) {
  const std::string lock_wait = std::to_string(std::max<std::int64_t>(1, options.lock_wait_timeout.count()));
  std::vector<Setting> list = {
      {"sql_mode", fmt::format("'{}'", kSqlMode), std::string(kSqlMode)},
      {"time_zone", "'+00:00'", "+00:00"},
      {"autocommit", "1", "1"},
      {"lock_wait_timeout", lock_wait, lock_wait},
      {"innodb_lock_wait_timeout", lock_wait, lock_wait},
      {"net_read_timeout", "600", "600"},
      {"net_write_timeout", "600", "600"},
      {"wait_timeout", "28800", "28800"},
      // The rest are session defaults that a server's configuration may have changed and that alter results.
      {"sql_select_limit", "18446744073709551615", "18446744073709551615"},
      {"div_precision_increment", "4", "4"},
      {"sql_auto_is_null", "0", "0"},
      {"sql_safe_updates", "0", "0"},
      {"foreign_key_checks", "1", "1"},
      {"unique_checks", "1", "1"},
      {"lc_time_names", "'en_US'", "en_US"},
  };
  if (flavour == Flavour::kMariaDb) {
    list.push_back({"max_statement_time", "0", "0.000000"});
  } else {
    list.push_back({"max_execution_time", "0", "0"});
    if (major >= 8) list.push_back({"information_schema_stats_expiry", "0", "0"});
  }
  return list;
}

base::Status ReadIdentity(Session& session, Session::Impl* impl) {
  SL_ASSIGN(auto rows,
            session.Query("SELECT VERSION(), @@version_comment, CONNECTION_ID()", "read the server's version"));
  if (rows.rows.size() != 1 || !rows.rows[0][0] || !rows.rows[0][2]) {
    return {base::Code::kInternal, session.endpoint().Text() + ": the server does not tell its version"};
  }
  const auto& row = rows.rows[0];
  impl->server_version = *row[0];
  const bool maria =
      row[0]->find("MariaDB") != std::string::npos || (row[1] && row[1]->find("MariaDB") != std::string::npos);
  impl->flavour = maria ? Flavour::kMariaDb : Flavour::kMySql;
  std::from_chars(row[2]->data(), row[2]->data() + row[2]->size(), impl->connection_id);
  return base::Ok();
}

base::Status Mismatch(const Session& session, std::string_view name, std::string_view got, std::string_view want) {
  return {
      base::Code::kRefused,
      fmt::format("{}: the session setting {} is \"{}\" although it was set to \"{}\": connect to the server itself, "
                  "not through a proxy that rewrites settings",
                  session.endpoint().Text(), name, got, want)};
}

}  // namespace

base::Status PinSettings(Session& session, Session::Impl* impl) {
  const SessionOptions& options = impl->options;
  SL_TRY(ReadIdentity(session, impl));
  const auto settings = Settings(session.flavour(), MajorVersion(session.server_version()), options);
  const bool read_committed = options.isolation == Isolation::kReadCommitted;
  SL_TRY(session.Execute(
      fmt::format("SET SESSION TRANSACTION ISOLATION LEVEL {}", read_committed ? "READ COMMITTED" : "REPEATABLE READ"),
      "set the isolation level"));
  SL_TRY(session.Execute("SET NAMES utf8mb4 COLLATE utf8mb4_bin", "set the character set"));
  std::string set = "SET character_set_results = NULL";
  std::string get = "SELECT @@character_set_results, @@character_set_client, @@collation_connection, ";
  get += session.flavour() == Flavour::kMariaDb ? "@@tx_isolation" : "@@transaction_isolation";
  for (const Setting& s : settings) {
    set += fmt::format(", SESSION {} = {}", s.name, s.sql_value);
    get += fmt::format(", @@SESSION.{}", s.name);
  }
  SL_TRY(session.Execute(set, "pin the session settings"));
  SL_ASSIGN(auto rows, session.Query(get, "read the session settings back"));
  if (rows.rows.size() != 1) return {base::Code::kInternal, session.endpoint().Text() + ": settings: no row"};
  const auto& row = rows.rows[0];
  const auto text = [&](std::size_t i) { return row[i].value_or(""); };
  if (row[0]) return Mismatch(session, "character_set_results", text(0), "NULL");
  if (text(1) != "utf8mb4") return Mismatch(session, "character_set_client", text(1), "utf8mb4");
  if (text(2) != "utf8mb4_bin") return Mismatch(session, "collation_connection", text(2), "utf8mb4_bin");
  const std::string_view isolation = read_committed ? "READ-COMMITTED" : "REPEATABLE-READ";
  if (text(3) != isolation) return Mismatch(session, "transaction_isolation", text(3), isolation);
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const std::string got = text(4 + i);
    const bool same = settings[i].name == "sql_mode" ? SplitWords(got) == SplitWords(settings[i].expected)
                                                     : got == settings[i].expected;
    if (!same) return Mismatch(session, settings[i].name, got, settings[i].expected);
  }
  return base::Ok();
}

}  // namespace shardlift::mysql
