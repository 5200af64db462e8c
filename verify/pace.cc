#include "verify/pace.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "mysql/session.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Status;
using std::chrono::steady_clock;

// Threads look this often whether they may go on.
constexpr auto kTurnInterval = std::chrono::milliseconds(50);
constexpr auto kLoadInterval = std::chrono::seconds(1);
// Servers whose load cannot be read count as busy for so long; then the pass ends.
constexpr auto kUnknownLoadMax = std::chrono::seconds(60);
// Time in which fewer rows were taken than allowed is made up for so far.
constexpr auto kCreditMax = std::chrono::seconds(2);

}  // namespace

void RowBudget::Take(std::uint64_t rows, Clock::time_point now) {
  if (rows_per_second_max_ == 0) return;
  const std::chrono::duration<double> costs(static_cast<double>(rows) / static_cast<double>(rows_per_second_max_));
  free_at_ = std::max(free_at_, now - kCreditMax) + std::chrono::duration_cast<Clock::duration>(costs);
}

Pace::Pace(const job::JobConfig& config, const PaceOptions& options, const std::atomic<bool>* stop)
    : config_(config), options_(options), stop_(stop), budget_(options.rows_per_second_max) {
  budget_.Take(0, steady_clock::now() + kCreditMax);  // no credit for the time before
  if (options_.threads_running_max == 0) return;
  busy_ = "the servers' load is not known yet";
  load_read_at_ = steady_clock::now();
  load_thread_ = std::thread([this] { WatchLoad(); });
}

Pace::~Pace() {
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  ended_.notify_all();
  if (load_thread_.joinable()) load_thread_.join();
}

Status Pace::Stopped() const {
  if (stop_ != nullptr && stop_->load()) return {Code::kStopped, "stopped on request"};
  if (options_.until && steady_clock::now() >= *options_.until) {
    return {Code::kStopped, "the time given with --max-duration or --until is over"};
  }
  const std::lock_guard lock(mutex_);
  return failure_;
}

void Pace::Watch() {
  if (!Stopped().ok()) stop_flag_.store(true);
}

Status Pace::Turn() {
  for (;;) {
    SL_TRY(Stopped());
    std::unique_lock lock(mutex_);
    const auto now = steady_clock::now();
    if (!busy_.empty() && !load_known_ && now - load_read_at_ > kUnknownLoadMax) {
      failure_ = Status(Code::kEnvironment, busy_ + "; the pass waited for it (--max-load)");
      stop_flag_.store(true);
      return failure_;
    }
    if (busy_.empty() && now >= budget_.free_at()) return base::Ok();
    ended_.wait_for(lock, kTurnInterval);
  }
}

void Pace::Took(std::uint64_t rows) {
  const std::lock_guard lock(mutex_);
  budget_.Take(rows, steady_clock::now());
}

std::string Pace::waiting() {
  const std::lock_guard lock(mutex_);
  return busy_;
}

void Pace::WatchLoad() {
  sessions_.resize(config_.sources.size() + config_.shards.size());
  for (;;) {
    std::string busy = ReadLoad();
    std::unique_lock lock(mutex_);
    busy_ = std::move(busy);
    if (ended_.wait_for(lock, kLoadInterval, [this] { return ends_; })) break;
  }
}

// Why to wait; empty: no reason.
std::string Pace::ReadLoad() {
  std::string busy;
  bool known = true;
  for (std::size_t i = 0; i < sessions_.size(); ++i) {
    const bool is_source = i < config_.sources.size();
    const mysql::Endpoint& endpoint =
        is_source ? config_.sources[i].endpoint : config_.shards[i - config_.sources.size()].endpoint;
    const std::string name = fmt::format("{} {}", is_source ? "source" : "shard", endpoint.name);
    std::uint64_t running = 0;
    const Status status = [&]() -> Status {
      if (!sessions_[i]) {
        SL_ASSIGN(sessions_[i], mysql::Session::Open(endpoint, mysql::SessionOptions()));
      }
      SL_ASSIGN(const mysql::Rows rows,
                sessions_[i]->Query("SHOW GLOBAL STATUS LIKE 'Threads_running'", "read the server's load"));
      const std::string text = rows.rows.empty() ? "" : rows.rows[0].at(1).value_or("");
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), running);
      return error == std::errc() ? base::Ok() : Status(Code::kEnvironment, "no number of running threads");
    }();
    if (!status.ok()) {
      sessions_[i].reset();
      known = false;
      busy = fmt::format("the load of {} cannot be read: {}", name, status.message());
    } else if (running > options_.threads_running_max && busy.empty()) {
      busy = fmt::format("{} is busy: {} threads run, --max-load is {}", name, running, options_.threads_running_max);
    }
  }
  const std::lock_guard lock(mutex_);
  load_known_ = known;
  if (known) load_read_at_ = steady_clock::now();
  return busy;
}

}  // namespace shardlift::verify
