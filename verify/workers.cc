#include "verify/workers.h"

#include <fmt/format.h>

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
#include "verify/pace.h"
#include "verify/pass_log.h"
#include "verify/touched_owners.h"
#include "verify/unit_plan.h"

namespace shardlift::verify {
namespace {

using base::Status;

constexpr auto kProgressInterval = std::chrono::milliseconds(200);
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
    progress.SetTotal(is_full() ? total : 0);
    progress.SetDone(context_.rows_done->load());
    running_ = count;
    std::vector<std::thread> threads;
    threads.reserve(count);
    for (std::size_t i = 0; i < count; ++i) threads.emplace_back([this] { Work(); });
    {
      std::unique_lock lock(mutex_);
      while (!finished_.wait_for(lock, kProgressInterval, [this] { return running_ == 0; })) {
        progress.SetDone(context_.rows_done->load(std::memory_order_relaxed));
        progress.SetNote(NoteText());
        if (context_.pace != nullptr) context_.pace->Watch();
      }
    }
    for (std::thread& thread : threads) thread.join();
    progress.SetNote(NoteText());
    progress.SetDone(context_.rows_done->load());
    if (failure_.ok()) progress.SetTotal(context_.rows_done->load());  // the estimates have served
    if (failure_.ok()) Finish();
    return failure_;
  }

 private:
  bool is_full() const { return context_.options.mode == VerifyMode::kFull; }

  // The table, what was found so far, and why nothing goes on.
  std::string NoteText() const {
    std::string note = context_.catalog.tables[current_.load()].schema().name.Text();
    if (context_.findings_done != nullptr && context_.findings_done->load() > 0) {
      note += fmt::format("  {} findings", base::FormatCount(context_.findings_done->load()));
    }
    const std::string waiting = context_.pace == nullptr ? "" : context_.pace->waiting();
    return waiting.empty() ? note : note + "  waiting: " + waiting;
  }

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
      if (context_.touched != nullptr) {
        SL_TRY(AddTouchedUnits(context_, sessions, index, context_.touched->tables[index], &units_));
      } else if (context_.options.mode == VerifyMode::kSample) {
        SL_TRY(AddSampleUnits(context_, sessions, index, &units_));
      } else if (context_.options.method == VerifyMethod::kServer) {
        SL_ASSIGN(const std::vector<OwnerPart> parts, PartsForThreads(context_, sessions, tables[index]));
        AddUnits(index, parts);
      } else {
        AddUnits(index, {OwnerPart()});
      }
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
      for (const std::uint64_t findings : (*results_)[i].counts.findings) {
        if (context_.findings_done != nullptr) *context_.findings_done += findings;
      }
    }
  }

  void Work() {
    TableChecker rows(context_);
    DigestChecker digests(context_, &rows);
    for (;;) {
      const std::size_t turn = next_.fetch_add(1);
      if (turn >= units_.size() || failed_.load()) break;
      const Unit& unit = units_[turn];
      current_.store(unit.table);
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
    if (unit.by_rows) return CheckByRows(rows, table, *unit.part, result);
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

  Status CheckByRows(TableChecker& rows, const job::CatalogTable& table, const OwnerPart& part, TableResult* result) {
    const auto begun = std::chrono::steady_clock::now();
    const Status tried = rows.Try(table, result, [&](TableResult* attempt, std::uint64_t*) -> Status {
      if (context_.pace != nullptr) SL_TRY(context_.pace->Turn());
      return rows.CompareRows(table, {part, false}, attempt, nullptr);
    });
    SL_TRY(tried);
    const std::uint64_t compared = result->counts.source_rows;
    result->digests = {1, 1, compared, 0};
    context_.rows_done->fetch_add(compared, std::memory_order_relaxed);
    if (context_.pace != nullptr) context_.pace->Took(compared);
    if (context_.log != nullptr && result->failure.ok()) {
      context_.log->AddPart(table, part, *result,
                            std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count());
    }
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
    if (context_.options.method != VerifyMethod::kServer && is_full()) return;
    for (TableResult& result : *results_) {
      std::sort(result.findings.begin(), result.findings.end(),
                [](const Finding& a, const Finding& b) { return a.owner_key < b.owner_key; });
      if (result.failure.ok() && is_full() && context_.options.prober == nullptr) result.failure = CheckBalance(result);
    }
  }

  const CheckContext& context_;
  std::vector<TableResult>* const results_;
  std::deque<TableState> states_;  // of each table
  std::vector<Unit> units_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> current_{0};  // a table that is worked on
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
