#include "rehearse/writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/check.h"

namespace shardlift::rehearse {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kErrorLockWait = 1205;
constexpr unsigned kErrorDeadlock = 1213;
constexpr unsigned kErrorXaDeadlock = 1614;     // XA_RBDEADLOCK
constexpr unsigned kErrorRecordChanged = 1020;  // MariaDB: "Record has changed since last read"
constexpr int kRetriesMax = 20;

bool IsLockTrouble(const base::Status& status) {
  const unsigned number = status.server_errno();
  return number == kErrorLockWait || number == kErrorDeadlock || number == kErrorXaDeadlock ||
         number == kErrorRecordChanged;
}

std::uint64_t ToNumber(std::string_view text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

struct Counters {
  std::atomic<std::uint64_t> changes{0};
  std::atomic<std::uint64_t> transactions{0};
  std::atomic<std::uint64_t> aimed_changes{0};
  std::atomic<std::uint64_t> retries{0};
  std::atomic<std::uint64_t> clashes{0};
  std::atomic<std::uint64_t> rolled_back{0};
  std::atomic<std::uint64_t> big_transactions{0};
  std::atomic<std::uint64_t> big_changes{0};
  std::array<std::atomic<std::uint64_t>, kWriteKinds> by_kind{};
};

base::Result<std::unique_ptr<mysql::Session>> OpenWriter(const mysql::Endpoint& endpoint) {
  SL_ASSIGN(auto session, mysql::Session::Open(endpoint, {}));
  SL_TRY(session->Execute("SET NAMES utf8mb4", "set names"));
  SL_TRY(session->Execute("SET SESSION innodb_lock_wait_timeout = 5", "lock wait"));
  return session;
}

// Runs whole transactions on one connection.
class Runner {
 public:
  Runner(mysql::Session& session, std::string xid) : session_(session), xid_(std::move(xid)) {}

  // Row changes that were committed. kDuplicate: a key was taken, all undone. Lock trouble is left to the caller.
  base::Result<std::uint64_t> Run(const WriteOp& op) {
    const bool xa = op.ending == Ending::kXaCommit || op.ending == Ending::kXaRollback;
    SL_TRY(session_.Execute(xa ? fmt::format("XA START '{}'", xid_) : "BEGIN", "begin"));
    std::uint64_t changes = 0;
    for (std::size_t i = 0; i < op.statements.size(); ++i) {
      if (op.statements[i].empty()) {
        SL_TRY(session_.Execute("COMMIT", "commit"));
        SL_TRY(session_.Execute("BEGIN", "begin"));
        continue;
      }
      auto count = session_.ExecuteCount(op.statements[i], WriteKindName(op.kind));
      if (!count.ok()) {
        Undo(xa);
        return count.status();
      }
      if (op.counted[i]) changes += *count;
    }
    SL_TRY(End(op.ending));
    if (op.numbered_by_server) {
      SL_ASSIGN(const auto rows, session_.Query("SELECT LAST_INSERT_ID()", "last id"));
      SL_ASSIGN(const std::string last, rows.Single());
      RaiseTo(op.table->last[0], ToNumber(last) + changes - 1);
    }
    return changes;
  }

 private:
  static void RaiseTo(std::atomic<std::uint64_t>& last, std::uint64_t value) {
    std::uint64_t seen = last;
    while (seen < value && !last.compare_exchange_weak(seen, value)) {
    }
  }
  void Undo(bool xa) {
    // Errors do not matter: a deadlock has rolled back already, and a lost connection shows at the next statement.
    if (xa) {
      (void)session_.Execute(fmt::format("XA END '{}'", xid_), "undo");
      (void)session_.Execute(fmt::format("XA ROLLBACK '{}'", xid_), "undo");
    } else {
      (void)session_.Execute("ROLLBACK", "undo");
    }
  }
  base::Status End(Ending ending) {
    switch (ending) {
      case Ending::kCommit: return session_.Execute("COMMIT", "commit");
      case Ending::kRollback: return session_.Execute("ROLLBACK", "rollback");
      case Ending::kXaCommit:
      case Ending::kXaRollback: break;
    }
    SL_TRY(session_.Execute(fmt::format("XA END '{}'", xid_), "xa end"));
    SL_TRY(session_.Execute(fmt::format("XA PREPARE '{}'", xid_), "xa prepare"));
    const char* verb = ending == Ending::kXaCommit ? "COMMIT" : "ROLLBACK";
    return session_.Execute(fmt::format("XA {} '{}'", verb, xid_), "xa end");
  }

  mysql::Session& session_;
  std::string xid_;
};

}  // namespace

struct Writers::Impl {
  WriterOptions options;
  std::vector<mysql::Endpoint> sources;
  std::vector<std::unique_ptr<TableState>> tables;
  Counters counters;
  Clock::time_point started = Clock::now();
  std::optional<Clock::time_point> ended;

  mutable std::mutex mutex;
  std::condition_variable stopped;  // waited for with `mutex`
  bool stop = false;
  std::vector<ChunkAim> aims = std::vector<ChunkAim>(2);  // per source
  base::Status failed;
  std::vector<std::thread> threads;

  ~Impl() { Join(); }
  void Join() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    stopped.notify_all();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
    if (!ended.has_value()) ended = Clock::now();
  }
  void Fail(const base::Status& status) {
    const std::lock_guard lock(mutex);
    if (failed.ok()) failed = status;
  }
  bool Stopping() const {
    const std::lock_guard lock(mutex);
    return stop;
  }
  // False when it is time to stop.
  bool SleepUntil(Clock::time_point until) {
    std::unique_lock lock(mutex);
    stopped.wait_until(lock, until, [this] { return stop; });
    return !stop;
  }
  std::vector<TableState*> TablesOf(std::uint32_t source) const {
    std::vector<TableState*> out;
    for (const auto& table : tables) {
      if (table->table.source == source) out.push_back(table.get());
    }
    return out;
  }

  base::Status ReadLastKeys();
  base::Status WriterLoop(std::uint32_t source, std::uint32_t number);
  base::Status RunOp(Runner& runner, mysql::Session& session, const WriteOp& op, std::uint64_t* changes);
  base::Status BigLoop(std::uint32_t source);
  base::Result<std::uint64_t> BigTransaction(mysql::Session& session, const std::vector<TableState*>& mine,
                                             Random& random);
};

base::Status Writers::Impl::ReadLastKeys() {
  for (std::uint32_t s = 0; s < sources.size(); ++s) {
    SL_ASSIGN(auto session, OpenWriter(sources[s]));
    for (TableState* state : TablesOf(s)) {
      if (state->table.family == Family::kNotice) {
        for (auto& last : state->last) last = 1;
        SL_ASSIGN(const auto rows,
                  session->Query("SELECT region, MAX(seq) FROM oldsys.sys_notice GROUP BY region", "last keys"));
        for (const auto& row : rows.rows) {
          const std::uint64_t region = ToNumber(row[0].value_or(""));
          if (region < state->last.size()) state->last[region] = ToNumber(row[1].value_or(""));
        }
      } else {
        const std::string_view column = state->table.family == Family::kIm ? "id" : "push_id";
        SL_ASSIGN(const auto rows,
                  session->Query(fmt::format("SELECT COALESCE(MAX({}), 1) FROM {}", column, state->table.Text()),
                                 "last keys"));
        SL_ASSIGN(const std::string last, rows.Single());
        state->last[0] = ToNumber(last);
      }
    }
    if (session->flavour() == mysql::Flavour::kMariaDb) {
      SL_TRY(session->Execute("CREATE DATABASE IF NOT EXISTS test_tmp", "schema of temporary tables"));
    }
  }
  return base::Ok();
}

base::Status Writers::Impl::RunOp(Runner& runner, mysql::Session& session, const WriteOp& op, std::uint64_t* changes) {
  for (int attempt = 0;; ++attempt) {
    auto done = runner.Run(op);
    if (done.ok()) {
      *changes = *done;
      break;
    }
    if (done.status().code() == base::Code::kDuplicate) {
      ++counters.clashes;
      return base::Ok();
    }
    if (!session.alive() || !IsLockTrouble(done.status())) return done.status();
    ++counters.retries;
    if (attempt >= kRetriesMax || Stopping()) return base::Ok();
  }
  ++counters.by_kind[static_cast<std::size_t>(op.kind)];
  if (op.ending == Ending::kRollback || op.ending == Ending::kXaRollback) {
    ++counters.rolled_back;
    return base::Ok();
  }
  ++counters.transactions;
  counters.changes += *changes;
  if (op.aimed) counters.aimed_changes += *changes;
  return base::Ok();
}

base::Status Writers::Impl::WriterLoop(std::uint32_t source, std::uint32_t number) {
  SL_ASSIGN(auto session, OpenWriter(sources[source]));
  const bool mariadb = session->flavour() == mysql::Flavour::kMariaDb;
  WriteOpMaker maker(TablesOf(source), mariadb, options.xa,
                     Random::For(options.seed, "writer", source * 1000ULL + number));
  Runner runner(*session, fmt::format("rehearse-{}-{}", source, number));
  const double per_thread = static_cast<double>(options.changes_per_second) /
                            static_cast<double>(sources.size() * options.threads_per_source);
  // Work is due at a steady pace; after a stall the backlog is caught up, so that the average holds.
  const auto cost = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1.0 / per_thread));
  Clock::time_point due = Clock::now();
  while (SleepUntil(due)) {
    ChunkAim aim;
    {
      const std::lock_guard lock(mutex);
      aim = aims[source];
    }
    std::uint64_t changes = 0;
    SL_TRY(RunOp(runner, *session, maker.Next(aim), &changes));
    // A transaction that changes nothing still costs something: no busy loop on an emptied table.
    due += changes > 0 ? cost * static_cast<Clock::duration::rep>(changes) : std::chrono::microseconds(500);
    due = std::max(due, Clock::now() - std::chrono::seconds(5));
  }
  return base::Ok();
}

// Row changes in one transaction: whole tables are touched, in random order, until there are enough.
base::Result<std::uint64_t> Writers::Impl::BigTransaction(mysql::Session& session, const std::vector<TableState*>& mine,
                                                          Random& random) {
  SL_TRY(session.Execute("BEGIN", "begin"));
  std::uint64_t changes = 0;
  std::uint64_t empty_rounds = 0;
  while (changes < options.big_transaction_rows && empty_rounds < 100) {
    const LegacyTable& table = mine[random.Below(mine.size())]->table;
    SL_ASSIGN(const std::uint64_t count,
              session.ExecuteCount(fmt::format("UPDATE {} SET {} LIMIT {}", table.Text(), TouchAllList(table.family),
                                               options.big_transaction_rows - changes),
                                   "big transaction"));
    changes += count;
    if (count == 0) ++empty_rounds;
  }
  SL_TRY(session.Execute("COMMIT", "commit"));
  return changes;
}

base::Status Writers::Impl::BigLoop(std::uint32_t source) {
  SL_ASSIGN(auto session, OpenWriter(sources[source]));
  const std::vector<TableState*> mine = TablesOf(source);
  Random random = Random::For(options.seed, "big", source);
  const auto every = std::chrono::seconds(options.big_transaction_every_seconds);
  for (auto due = started + std::chrono::seconds(2); SleepUntil(due); due = Clock::now() + every) {
    for (int attempt = 0; attempt < kRetriesMax && !Stopping(); ++attempt) {
      auto done = BigTransaction(*session, mine, random);
      if (done.ok()) {
        ++counters.big_transactions;
        counters.big_changes += *done;
        break;
      }
      if (!session->alive() || !IsLockTrouble(done.status())) return done.status();
      ++counters.retries;
      SL_TRY(session->Execute("ROLLBACK", "undo"));
    }
  }
  return base::Ok();
}

Writers::Writers(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Writers::~Writers() = default;

base::Result<std::unique_ptr<Writers>> Writers::Start(std::span<const mysql::Endpoint> sources,
                                                      const WriterOptions& options) {
  SL_CHECK(sources.size() == 2);
  auto impl = std::make_unique<Impl>();
  impl->options = options;
  impl->sources.assign(sources.begin(), sources.end());
  for (LegacyTable& table : AllTables()) {
    auto state = std::make_unique<TableState>();
    state->table = std::move(table);
    impl->tables.push_back(std::move(state));
  }
  SL_TRY(impl->ReadLastKeys());
  impl->started = Clock::now();
  Impl* raw = impl.get();
  for (std::uint32_t s = 0; s < sources.size(); ++s) {
    for (std::uint32_t n = 0; n < options.threads_per_source; ++n) {
      impl->threads.emplace_back([raw, s, n] {
        const base::Status status = raw->WriterLoop(s, n);
        if (!status.ok()) raw->Fail(status);
      });
    }
    impl->threads.emplace_back([raw, s] {
      const base::Status status = raw->BigLoop(s);
      if (!status.ok()) raw->Fail(status);
    });
  }
  return std::unique_ptr<Writers>(new Writers(std::move(impl)));
}

void Writers::AimAt(std::string_view table, std::string_view after, std::uint64_t rows) {
  for (const auto& state : impl_->tables) {
    if (state->table.Text() != table) continue;
    ChunkAim aim;
    aim.table = state.get();
    aim.rows = rows;
    const std::size_t comma = after.find(',');
    if (state->table.family == Family::kNotice) {
      aim.after.major = after.empty() ? 1 : ToNumber(after.substr(0, comma));
      aim.after.minor = comma == std::string_view::npos ? 0 : ToNumber(after.substr(comma + 1));
    } else {
      aim.after.minor = ToNumber(after);
    }
    const std::lock_guard lock(impl_->mutex);
    impl_->aims[state->table.source] = aim;
    return;
  }
}

WriterReport Writers::Snapshot() const {
  WriterReport report;
  const Counters& c = impl_->counters;
  report.seconds = std::chrono::duration<double>(impl_->ended.value_or(Clock::now()) - impl_->started).count();
  report.changes = c.changes;
  report.transactions = c.transactions;
  report.aimed_changes = c.aimed_changes;
  report.retries = c.retries;
  report.clashes = c.clashes;
  report.rolled_back = c.rolled_back;
  report.big_transactions = c.big_transactions;
  report.big_changes = c.big_changes;
  for (std::size_t i = 0; i < kWriteKinds; ++i) report.transactions_by_kind[i] = c.by_kind[i];
  return report;
}

base::Status Writers::Failure() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->failed;
}

base::Result<WriterReport> Writers::Stop() {
  impl_->Join();
  SL_TRY(Failure());
  return Snapshot();
}

}  // namespace shardlift::rehearse
