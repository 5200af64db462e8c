#include "rehearse/seed_data.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "rehearse/families.h"
#include "rehearse/random.h"

namespace shardlift::rehearse {
namespace {

constexpr std::uint64_t kStatementBytes = 400'000;
constexpr std::uint64_t kStatementRows = 2'000;

// A run of seed keys of one table; small enough that connections share the work evenly.
struct RowRange {
  const LegacyTable* table = nullptr;
  std::uint64_t major = 0;
  std::uint64_t first = 0;  // n of SeedKey
  std::uint64_t rows = 0;
};

void AddRanges(const LegacyTable& table, std::uint64_t major, std::uint64_t rows, std::vector<RowRange>* out) {
  constexpr std::uint64_t kRangeRows = 50'000;
  for (std::uint64_t first = 0; first < rows; first += kRangeRows) {
    out->push_back({&table, major, first, std::min(kRangeRows, rows - first)});
  }
}

struct Shared {
  const SeedOptions& options;
  std::atomic<std::uint64_t> rows_done{0};
  std::mutex mutex;
  base::Status failed;  // guarded by mutex
  std::atomic<bool> stop{false};

  void Fail(base::Status status) {
    const std::lock_guard lock(mutex);
    if (failed.ok()) failed = std::move(status);
    stop = true;
  }
  bool Stopped() const { return stop || (options.stop != nullptr && *options.stop); }
};

base::Status InsertRange(mysql::Session& session, const RowRange& range, Shared& shared) {
  Random random = Random::For(shared.options.seed, range.table->Text(), (range.major << 40) + range.first);
  std::string sql;
  std::uint64_t in_statement = 0;
  for (std::uint64_t n = 0; n < range.rows; ++n) {
    if (in_statement == 0) {
      sql = InsertHead(*range.table, true);
    } else {
      sql.push_back(',');
    }
    AppendRow(*range.table, {range.major, SeedKey(range.first + n)}, random, &sql);
    ++in_statement;
    if (sql.size() < kStatementBytes && in_statement < kStatementRows && n + 1 < range.rows) continue;
    if (shared.Stopped()) return {base::Code::kStopped, "seeding was stopped"};
    SL_TRY(session.Execute(sql, "seed " + range.table->Text()));
    const std::uint64_t done = shared.rows_done += in_statement;
    in_statement = 0;
    if (shared.options.progress) {
      const std::lock_guard lock(shared.mutex);
      shared.options.progress(done);
    }
  }
  return base::Ok();
}

void SeedThread(const mysql::Endpoint& endpoint, const std::vector<RowRange>& ranges, std::atomic<std::size_t>& next,
                Shared& shared) {
  auto session = mysql::Session::Open(endpoint, {});
  base::Status names = session.ok() ? (*session)->Execute("SET NAMES utf8mb4", "set names") : session.status();
  if (!names.ok()) {
    shared.Fail(std::move(names));
    return;
  }
  for (std::size_t i = next++; i < ranges.size() && !shared.Stopped(); i = next++) {
    base::Status status = InsertRange(**session, ranges[i], shared);
    if (!status.ok()) {
      shared.Fail(std::move(status));
      return;
    }
  }
}

base::Status Prepare(const mysql::Endpoint& endpoint, std::uint32_t source) {
  SL_ASSIGN(auto session, mysql::Session::Open(endpoint, {}));
  for (const std::string& sql : SourceDdl(source)) SL_TRY(session->Execute(sql, "create legacy tables"));
  SL_TRY(session->Execute("SET GLOBAL sync_binlog = 0", "relax durability"));
  return session->Execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0", "relax durability");
}

base::Status Finish(const mysql::Endpoint& endpoint, std::uint32_t source) {
  SL_ASSIGN(auto session, mysql::Session::Open(endpoint, {}));
  SL_TRY(session->Execute("SET GLOBAL sync_binlog = 1", "restore durability"));
  SL_TRY(session->Execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1", "restore durability"));
  // Fresh statistics: row estimates are read by the tool under test.
  for (const LegacyTable& table : AllTables()) {
    if (table.source != source) continue;
    SL_ASSIGN([[maybe_unused]] const auto ignored, session->Query("ANALYZE TABLE " + table.Text(), "analyze"));
  }
  return base::Ok();
}

}  // namespace

base::Result<SeedReport> SeedSources(std::span<const mysql::Endpoint> sources, const SeedOptions& options) {
  SL_CHECK(sources.size() == 2);
  const std::vector<LegacyTable> tables = AllTables();
  SeedReport report;
  report.push = options.rows * 25 / 100;
  report.notice = options.rows * 15 / 100;
  report.im = options.rows - report.push - report.notice;
  std::vector<std::vector<RowRange>> ranges(2);
  for (const LegacyTable& table : tables) {
    std::vector<RowRange>& out = ranges[table.source];
    switch (table.family) {
      case Family::kIm: AddRanges(table, 0, report.im / 64 + (table.index < report.im % 64 ? 1 : 0), &out); break;
      case Family::kPush: AddRanges(table, 0, report.push / 4 + (table.index < report.push % 4 ? 1 : 0), &out); break;
      case Family::kNotice:
        for (std::uint64_t r = 0; r < kNoticeRegions; ++r) {
          AddRanges(table, r + 1, report.notice / kNoticeRegions + (r < report.notice % kNoticeRegions ? 1 : 0), &out);
        }
        break;
    }
  }
  for (std::uint32_t s = 0; s < 2; ++s) SL_TRY(Prepare(sources[s], s));
  Shared shared{options, {}, {}, {}, {}};
  std::vector<std::atomic<std::size_t>> next(2);
  std::vector<std::thread> threads;
  for (std::size_t s = 0; s < 2; ++s) {
    for (std::uint32_t c = 0; c < options.connections_per_source; ++c) {
      threads.emplace_back([&, s] { SeedThread(sources[s], ranges[s], next[s], shared); });
    }
  }
  for (std::thread& thread : threads) thread.join();
  if (shared.Stopped() && shared.failed.ok()) return base::Status(base::Code::kStopped, "seeding was stopped");
  SL_TRY(shared.failed);
  for (std::uint32_t s = 0; s < 2; ++s) SL_TRY(Finish(sources[s], s));
  return report;
}

}  // namespace shardlift::rehearse
