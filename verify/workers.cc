#include "verify/workers.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "base/progress.h"
#include "verify/digest_check.h"
#include "verify/pass_log.h"

namespace shardlift::verify {
namespace {

using base::Status;

constexpr auto kProgressInterval = std::chrono::milliseconds(200);
// A table is cut into parts of so many chunks, and into so many parts for each thread: parts are even in keys, not in
// rows.
constexpr std::uint64_t kChunksOfAPart = 4;
constexpr std::uint64_t kPartsPerThread = 4;

// What one thread does at a time.
struct Unit {
  std::size_t table = 0;
  std::optional<OwnerPart> part;  // none: all of the table is settled
  bool counts = false;            // also counts the table's source rows
};

// Gives the units to the workers, and keeps the first failure that ends the run.
class Workers {
 public:
  Workers(const CheckContext& context, std::vector<TableResult>* results)
      : context_(context), results_(results), states_(context.catalog.tables.size()) {}

  Status Run() {
    if (context_.log != nullptr) Resume(*context_.log);
    SL_TRY(MakeUnits());
    const std::size_t count = std::max<std::size_t>(1, std::min<std::size_t>(context_.options.threads, units_.size()));
    base::ProgressOptions progress_options;
    progress_options.enabled = context_.options.progress;
    base::ProgressReporter progress("verify", progress_options);
    std::uint64_t total = 0;
    for (const job::CatalogTable& table : context_.catalog.tables) total += table.schema().rows_estimate;
    progress.SetTotal(total);
    running_ = count;
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this, &progress] { Work(progress); });
    {
      std::unique_lock lock(mutex_);
      while (!finished_.wait_for(lock, kProgressInterval, [this] { return running_ == 0; })) {
        progress.SetDone(context_.rows_done->load(std::memory_order_relaxed));
      }
    }
    for (std::thread& thread : threads) thread.join();
    progress.SetDone(context_.rows_done->load());
    progress.SetTotal(context_.rows_done->load());  // the estimates have served
    if (failure_.ok()) Finish();
    return failure_;
  }

 private:
  Status MakeUnits() {
    const auto& tables = context_.catalog.tables;
    std::vector<std::size_t> order(tables.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return tables[a].schema().rows_estimate > tables[b].schema().rows_estimate;
    });
    TableChecker sessions(context_);
    for (const std::size_t index : order) {
      if ((*results_)[index].is_settled) continue;
      std::vector<OwnerPart> parts(1);
      if (context_.options.method == VerifyMethod::kServer) {
        SL_TRY(Cut(sessions, tables[index], &parts));
      }
      AddUnits(index, parts);
    }
    return base::Ok();
  }

  void AddUnits(std::size_t table, const std::vector<OwnerPart>& parts) {
    const PassLog* const log = context_.log;
    bool counts = log == nullptr || !log->IsCounted(table);
    for (const OwnerPart& part : parts) {
      for (OwnerPart& left : log == nullptr ? std::vector{part} : Without(part, log->Settled(table))) {
        units_.push_back({table, std::move(left), std::exchange(counts, false)});
      }
    }
    if (counts && context_.options.method == VerifyMethod::kServer) units_.push_back({table, std::nullopt, true});
  }

  void Resume(PassLog& log) {
    log.Restore(results_);
    context_.rows_done->store(log.rows_restored());
    for (std::size_t i = 0; i < states_.size(); ++i) {
      const std::uint64_t equal_by_meaning = (*results_)[i].counts.equal_by_meaning;
      states_[i].equal_by_meaning.store(equal_by_meaning);
      states_[i].json_by_rows.store(equal_by_meaning > context_.options.equal_by_meaning_max);
    }
  }

  Status Cut(TableChecker& sessions, const job::CatalogTable& table, std::vector<OwnerPart>* parts) const {
    const VerifyOptions& options = context_.options;
    const std::uint64_t wanted = std::min(table.schema().rows_estimate / (kChunksOfAPart * options.chunk_rows),
                                          kPartsPerThread * std::max(1u, options.threads));
    if (wanted < 2 || !HasKeyRanges(*table.mapper)) return base::Ok();
    return sessions.CutEvenly(table, wanted, parts);
  }

  void Work(base::ProgressReporter& progress) {
    TableChecker rows(context_);
    DigestChecker digests(context_, &rows);
    for (;;) {
      const std::size_t turn = next_.fetch_add(1);
      if (turn >= units_.size() || failed_.load()) break;
      const Unit& unit = units_[turn];
      progress.SetNote(context_.catalog.tables[unit.table].schema().name.Text());
      TableResult result;
      const Status status = Check(rows, digests, unit, &result);
      const std::lock_guard lock(mutex_);
      if (!status.ok()) {
        if (!failed_.exchange(true)) failure_ = status;
        break;
      }
      AddResult(std::move(result), context_.options.findings_max, &(*results_)[unit.table]);
    }
    const std::lock_guard lock(mutex_);
    --running_;
    finished_.notify_one();
  }

  Status Check(TableChecker& rows, DigestChecker& digests, const Unit& unit, TableResult* result) {
    const job::CatalogTable& table = context_.catalog.tables[unit.table];
    if (context_.options.method == VerifyMethod::kClient) return CheckTable(rows, table, result);
    TableResult counted;
    if (unit.counts) {
      SL_TRY(rows.Try(table, &counted,
                      [&](TableResult* attempt, std::uint64_t*) { return rows.CountSourceRows(table, attempt); }));
      if (context_.log != nullptr && counted.failure.ok()) context_.log->AddCount(table, counted);
    }
    if (unit.part) SL_TRY(digests.Check(table, *unit.part, &states_[unit.table], result));
    AddResult(std::move(counted), 0, result);
    return base::Ok();
  }

  Status CheckTable(TableChecker& rows, const job::CatalogTable& table, TableResult* result) {
    const auto begun = std::chrono::steady_clock::now();
    SL_TRY(rows.Check(table, result));
    if (context_.log == nullptr || !result->failure.ok()) return base::Ok();
    context_.log->AddCount(table, *result);
    context_.log->AddPart(table, OwnerPart(), *result,
                          std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    return base::Ok();
  }

  // A table's parts come in any order.
  void Finish() {
    if (context_.options.method != VerifyMethod::kServer) return;
    for (TableResult& result : *results_) {
      std::sort(result.findings.begin(), result.findings.end(),
                [](const Finding& a, const Finding& b) { return a.owner_key < b.owner_key; });
      if (result.failure.ok() && context_.options.prober == nullptr) result.failure = CheckBalance(result);
    }
  }

  const CheckContext& context_;
  std::vector<TableResult>* const results_;
  std::deque<TableState> states_;  // of each table
  std::vector<Unit> units_;
  std::atomic<std::size_t> next_{0};
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // guards what follows, and the results
  std::condition_variable finished_;
  std::size_t running_ = 0;  // threads
  Status failure_;
};

}  // namespace

Status RunChecks(const CheckContext& context, std::vector<TableResult>* results) {
  results->resize(context.catalog.tables.size());
  return Workers(context, results).Run();
}

}  // namespace shardlift::verify
