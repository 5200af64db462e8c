#include "mysql/position.h"

#include <fmt/format.h>

#include <charconv>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

base::Result<std::uint64_t> ParseOffset(const std::string& text, const Session& session) {
  std::uint64_t v = 0;
  const char* end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, v);
  if (ec != std::errc() || at != end) {
    return base::Status(base::Code::kRefused,
                        session.endpoint().Text() + ": the server's binlog position is not a number");
  }
  return v;
}

base::Result<SourcePosition> ReadGtidExecuted(Session& session) {
  SL_ASSIGN(auto rows, session.Query("SELECT @@GLOBAL.gtid_mode, @@GLOBAL.gtid_executed", "read gtid_executed"));
  if (rows.rows.size() != 1 || !rows.rows[0][0] || !rows.rows[0][1]) {
    return base::Status(base::Code::kInternal, session.endpoint().Text() + ": read gtid_executed: no row");
  }
  // Without GTIDs the set stays empty whatever was committed: no bound at all.
  if (*rows.rows[0][0] != "ON") {
    return base::Status(base::Code::kRefused,
                        fmt::format("{}: gtid_mode is {}, needed is ON: SET GLOBAL gtid_mode = ON "
                                    "(step by step: OFF_PERMISSIVE, ON_PERMISSIVE, ON)",
                                    session.endpoint().Text(), *rows.rows[0][0]));
  }
  auto set = GtidSet::Parse(*rows.rows[0][1]);
  if (!set.ok()) return set.status().WithContext(session.endpoint().Text() + ": gtid_executed");
  return SourcePosition::FromGtidSet(std::move(set).value());
}

base::Result<SourcePosition> ReadMasterStatus(Session& session) {
  SL_ASSIGN(auto rows, session.Query("SHOW MASTER STATUS", "read the binlog position"));
  if (rows.rows.size() != 1 || rows.rows[0].size() < 2 || !rows.rows[0][0] || !rows.rows[0][1]) {
    return base::Status(base::Code::kRefused,
                        session.endpoint().Text() + ": the binary log is off: start the server with log_bin");
  }
  FilePosition position;
  position.file = *rows.rows[0][0];
  SL_ASSIGN(position.offset, ParseOffset(*rows.rows[0][1], session));
  return SourcePosition::FromFile(std::move(position));
}

}  // namespace

base::Result<SourcePosition> ReadVisibleLowerBound(Session& session) {
  if (session.flavour() == Flavour::kMySql) return ReadGtidExecuted(session);
  return ProveVisiblePosition(session, session.impl_.get());
}

base::Result<SourcePosition> ReadUpperBound(Session& session) {
  return session.flavour() == Flavour::kMySql ? ReadGtidExecuted(session) : ReadMasterStatus(session);
}

}  // namespace shardlift::mysql
