#include "migrate/lane_claim.h"

#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>

#include <charconv>
#include <chrono>
#include <set>

#include "base/log.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr int kLane = 0;
constexpr int kLaneCount = 1;

Result<std::uint64_t> ParseNumber(const std::optional<std::string>& text, std::string_view what) {
  std::uint64_t value = 0;
  if (text) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error == std::errc() && end == text->data() + text->size()) return value;
  }
  return Status(Code::kCorrupt, fmt::format("{} is not a number", what));
}

std::string Holder() {
  char host[65] = {};
  gethostname(host, sizeof host - 1);
  return fmt::format("{}:{}", host, getpid());
}

mysql::SessionOptions OptionsFor(const job::ShardConfig& shard) {
  mysql::SessionOptions options;
  options.database = shard.database;
  return options;
}

Status LockBusy(mysql::Session& session, const job::ShardConfig& shard) {
  std::string holder = "unknown";
  if (auto rows = session.Query("SELECT holder FROM sl_lane ORDER BY updated_at DESC LIMIT 1", "read lock holder");
      rows.ok() && !rows->rows.empty() && rows->rows[0][0]) {
    holder = *rows->rows[0][0];
  }
  return Status(
      Code::kRefused,
      fmt::format("shard {}: another process is migrating into this store (last holder {}) and did not end within {} "
                  "s; stop it first, or run with --takeover to end it",
                  shard.endpoint.Text(), holder, kHolderEndsSeconds));
}

Status AcquireOne(mysql::Session& session, const job::ShardConfig& shard, const std::string& lock, bool takeover) {
  const std::string name = session.Quote(lock);
  const auto get = [&](int wait_seconds) -> Result<bool> {
    SL_ASSIGN(auto rows, session.Query(fmt::format("SELECT GET_LOCK({}, {})", name, wait_seconds), "take job lock"));
    return !rows.rows.empty() && rows.rows[0][0] == "1";
  };
  SL_ASSIGN(const bool got, get(takeover ? 0 : kHolderEndsSeconds));
  if (got) return base::Ok();
  if (!takeover) return LockBusy(session, shard);
  SL_ASSIGN(auto used, session.Query(fmt::format("SELECT IS_USED_LOCK({})", name), "find lock holder"));
  if (!used.rows.empty() && used.rows[0][0]) {
    SL_ASSIGN(const std::uint64_t id, ParseNumber(used.rows[0][0], "lock holder"));
    SL_TRY(session.Kill(id));
  }
  SL_ASSIGN(const bool got_after_kill, get(30));
  return got_after_kill ? base::Ok() : LockBusy(session, shard);
}

Result<std::unique_ptr<mysql::Session>> LockShard(const job::JobConfig& config, const job::ShardConfig& shard,
                                                  bool takeover) {
  std::set<std::uint32_t> origins;
  for (const mapping::MappingConfig& mapping : config.mappings) origins.insert(mapping.origin);
  mysql::SessionOptions options = OptionsFor(shard);
  options.read_timeout = std::chrono::seconds(60);  // longer than any wait for a lock
  SL_ASSIGN(auto session, mysql::Session::Open(shard.endpoint, options));
  for (const std::uint32_t origin : origins) {
    SL_TRY(AcquireOne(*session, shard, JobLockName(shard.database, origin), takeover));
  }
  return session;
}

Result<LaneClaim> ClaimLane(mysql::Session& session, const job::JobConfig& config, const std::string& fingerprint,
                            const std::string& source) {
  const std::string where = fmt::format("WHERE source = {} AND lane = {}", session.Quote(source), kLane);
  SL_TRY(session.Execute(
      fmt::format("INSERT INTO sl_lane (source, lane, job, epoch, seq, position, applied, fingerprint, lane_count, "
                  "format_version, holder, updated_at) SELECT {}, {}, {}, 0, 0, '', '', {}, {}, {}, '', NOW(6) FROM "
                  "(SELECT 1) one "
                  "WHERE NOT EXISTS (SELECT 1 FROM sl_lane {})",
                  session.Quote(source), kLane, session.Quote(config.name), session.Quote(fingerprint), kLaneCount,
                  kCheckpointFormat, where),
      "create lane"));
  SL_TRY(session.Execute(fmt::format("UPDATE sl_lane SET epoch = epoch + 1, holder = {}, updated_at = NOW(6) {}",
                                     session.Quote(Holder()), where),
                         "claim lane"));
  SL_ASSIGN(auto rows,
            session.Query("SELECT epoch, seq, position, applied, fingerprint, lane_count, format_version FROM "
                          "sl_lane " +
                              where,
                          "read lane"));
  if (rows.rows.size() != 1) return Status(Code::kCorrupt, "sl_lane lost its row while it was claimed");
  const auto& row = rows.rows[0];
  if (row[4] != fingerprint) {
    return Status(
        Code::kRefused,
        fmt::format("the checkpoints of source {} were written under other mappings, targets or routing rules "
                    "(fingerprint {} there, {} in {}); continue with the old job file or start with empty shards",
                    source, row[4]->substr(0, 12), fingerprint.substr(0, 12), config.path));
  }
  SL_ASSIGN(const std::uint64_t lane_count, ParseNumber(row[5], "lane count"));
  SL_ASSIGN(const std::uint64_t format, ParseNumber(row[6], "checkpoint format"));
  if (lane_count != kLaneCount || format != kCheckpointFormat) {
    return Status(Code::kRefused, fmt::format("the checkpoints of source {} have format {} with {} lanes; this program "
                                              "reads format {} with {}; use the program that wrote them",
                                              source, format, lane_count, kCheckpointFormat, kLaneCount));
  }
  LaneClaim claim;
  SL_ASSIGN(claim.epoch, ParseNumber(row[0], "epoch"));
  SL_ASSIGN(claim.seq, ParseNumber(row[1], "seq"));
  claim.fresh = !row[2] || row[2]->empty();
  if (!claim.fresh) {
    SL_ASSIGN(claim.restart, mysql::SourcePosition::Parse(*row[2]));
    SL_ASSIGN(claim.applied, mysql::SourcePosition::Parse(*row[3]));
  }
  return claim;
}

using Marks = std::map<std::uint32_t, CopyMark>;

Result<Marks> ReadMarks(mysql::Session& session, const std::string& source) {
  SL_ASSIGN(auto rows,
            session.Query(fmt::format("SELECT table_ordinal, copied_upto, done FROM sl_copy WHERE source = {} "
                                      "AND lane = {}",
                                      session.Quote(source), kLane),
                          "read copy marks"));
  Marks marks;
  for (const auto& row : rows.rows) {
    SL_ASSIGN(const std::uint64_t ordinal, ParseNumber(row[0], "table ordinal"));
    SL_ASSIGN(marks[static_cast<std::uint32_t>(ordinal)], DecodeMark(*row[1], row[2] == "1"));
  }
  return marks;
}

Status SetMark(mysql::Session& session, const std::string& source, std::uint32_t ordinal, const CopyMark& mark) {
  return session.Execute(
      fmt::format(
          "UPDATE sl_copy SET copied_upto = {}, done = {} WHERE source = {} AND lane = {} AND table_ordinal = {}",
          session.Quote(EncodeMark(mark)), mark.done ? 1 : 0, session.Quote(source), kLane, ordinal),
      "set back copy mark");
}

// Sets every shard's mark of each table to the earliest one. After a crash between two shards' commits of a chunk the
// marks differ by that chunk; left so, a later chunk of another size could make equal numbers mean different cursors.
Result<Marks> Agree(std::vector<std::unique_ptr<mysql::Session>>& sessions, const std::vector<Marks>& per_shard,
                    const std::string& source) {
  std::set<std::uint32_t> ordinals;
  for (const Marks& marks : per_shard) {
    for (const auto& [ordinal, mark] : marks) ordinals.insert(ordinal);
  }
  Marks agreed;
  for (const std::uint32_t ordinal : ordinals) {
    const CopyMark* earliest = nullptr;
    static const CopyMark kNothing;
    for (const Marks& marks : per_shard) {
      const auto found = marks.find(ordinal);
      const CopyMark* mark = found == marks.end() ? &kNothing : &found->second;
      if (earliest == nullptr || mark->chunk_number < earliest->chunk_number) earliest = mark;
    }
    for (std::size_t shard = 0; shard < per_shard.size(); ++shard) {
      const auto found = per_shard[shard].find(ordinal);
      if (found == per_shard[shard].end() || found->second.chunk_number == earliest->chunk_number) continue;
      SL_TRY(SetMark(*sessions[shard], source, ordinal, *earliest));
    }
    agreed[ordinal] = *earliest;
  }
  return agreed;
}

}  // namespace

// At most 64 characters on MySQL, so the database goes in as its CRC.
std::string JobLockName(const std::string& database, std::uint32_t origin) {
  const auto crc = static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const unsigned char*>(database.data()), static_cast<unsigned>(database.size())));
  return fmt::format("shardlift:{:08x}:{}", crc, origin);
}

std::string EncodeMark(const CopyMark& mark) { return fmt::format("{}|{}", mark.chunk_number, mark.cursor); }

Result<CopyMark> DecodeMark(std::string_view text, bool done) {
  const std::size_t bar = text.find('|');
  CopyMark mark;
  mark.done = done;
  if (bar != std::string_view::npos) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + bar, mark.chunk_number);
    if (error == std::errc() && end == text.data() + bar) {
      mark.cursor = text.substr(bar + 1);
      return mark;
    }
  }
  return Status(Code::kCorrupt, "sl_copy.copied_upto is not a copy mark (\"<chunk number>|<cursor>\")");
}

Result<std::unique_ptr<JobLocks>> JobLocks::Acquire(const job::JobConfig& config, bool takeover) {
  auto locks = std::make_unique<JobLocks>();
  locks->config_ = &config;
  for (const job::ShardConfig& shard : config.shards) {
    SL_ASSIGN(locks->sessions_.emplace_back(), LockShard(config, shard, takeover));
  }
  return locks;
}

// A session only closed would hold its locks until the server has seen that.
JobLocks::~JobLocks() {
  for (const auto& session : sessions_) {
    if (!session) continue;
    const Status released = session->Execute("DO RELEASE_ALL_LOCKS()", "release job locks");
    if (!released.ok())
      base::LogWarning("the job lock is released by the server only", {{"error", released.message()}});
  }
}

Status JobLocks::Maintain() {
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    if (sessions_[i] && sessions_[i]->Execute("DO 1", "keep job lock").ok()) continue;
    sessions_[i].reset();
    Result<std::unique_ptr<mysql::Session>> again = LockShard(*config_, config_->shards[i], false);
    if (again.ok()) {
      sessions_[i] = std::move(again).value();
    } else if (again.status().code() == Code::kRefused) {
      return again.status();
    }
  }
  return base::Ok();
}

Result<SourceClaim> ClaimSource(const job::JobConfig& config, const job::Catalog& catalog, std::uint32_t source) {
  const std::string& name = config.sources[source].endpoint.name;
  SourceClaim claim;
  std::vector<std::unique_ptr<mysql::Session>> sessions;
  std::vector<Marks> per_shard;
  for (const job::ShardConfig& shard : config.shards) {
    SL_ASSIGN(auto session, mysql::Session::Open(shard.endpoint, OptionsFor(shard)));
    Result<LaneClaim> lane = ClaimLane(*session, config, catalog.fingerprint, name);
    if (!lane.ok()) return lane.status().WithContext("shard " + shard.endpoint.Text());
    claim.lanes.push_back(*lane);
    sessions.push_back(std::move(session));
  }
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    Result<Marks> marks = ReadMarks(*sessions[i], name);
    if (!marks.ok()) return marks.status().WithContext("shard " + config.shards[i].endpoint.Text());
    per_shard.push_back(*marks);
  }
  SL_ASSIGN(claim.marks, Agree(sessions, per_shard, name));
  for (const job::CatalogTable& table : catalog.tables) {
    if (table.source == source) claim.marks.try_emplace(table.ordinal);
  }
  return claim;
}

Status StoreStart(const job::JobConfig& config, std::uint32_t source, const mysql::SourcePosition& start,
                  SourceClaim* claim) {
  const std::string& name = config.sources[source].endpoint.name;
  for (std::size_t i = 0; i < claim->lanes.size(); ++i) {
    LaneClaim& lane = claim->lanes[i];
    if (!lane.fresh) continue;
    const job::ShardConfig& shard = config.shards[i];
    SL_ASSIGN(auto session, mysql::Session::Open(shard.endpoint, OptionsFor(shard)));
    const std::string text = session->Quote(start.ToText());
    SL_ASSIGN(const std::uint64_t changed,
              session->ExecuteCount(
                  fmt::format("UPDATE sl_lane SET position = {0}, applied = {0}, seq = seq + 1 WHERE source = {1} "
                              "AND lane = {2} AND epoch = {3} AND seq = {4}",
                              text, session->Quote(name), kLane, lane.epoch, lane.seq),
                  "store start position"));
    if (changed != 1) {
      return Status(Code::kRefused, fmt::format("shard {}: lane of source {} was taken over by another process",
                                                shard.endpoint.Text(), name));
    }
    ++lane.seq;
    lane.restart = lane.applied = start;
    lane.fresh = false;
  }
  return base::Ok();
}

}  // namespace shardlift::migrate
