#include "migrate/follower.h"

#include <chrono>

#include "migrate/routing_record.h"

namespace shardlift::migrate {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;

namespace {
constexpr auto kWatchEvery = 100ms;
constexpr auto kLocksKeptEvery = 5s;
constexpr auto kSettleLookEvery = 5ms;

std::vector<std::string> OwnerIds(const job::CatalogTable& table, std::span<const std::string> owner_keys) {
  std::vector<std::string> owner_ids;
  for (const std::string& key : owner_keys) {
    owner_ids.push_back(MakeOwnerId(table.mapper->config().origin, table.ordinal, key));
  }
  return owner_ids;
}

}  // namespace

Result<std::unique_ptr<Follower>> Follower::Start(const job::JobConfig& config, const job::Catalog& catalog,
                                                  const store::Router& router, const FollowerOptions& options) {
  std::unique_ptr<Follower> follower(new Follower(config, options));
  SL_ASSIGN(follower->locks_, JobLocks::Acquire(config, options.takeover));
  SL_TRY(CheckRouting(config, router));
  follower->migrate_options_.copy_must_be_done = true;
  follower->state_.journal = options.journal;
  for (std::uint32_t source = 0; source < config.sources.size(); ++source) {
    follower->pipelines_.push_back(std::make_unique<SourcePipeline>(config, catalog, source, router,
                                                                    follower->migrate_options_, &follower->state_));
    SL_TRY(follower->pipelines_.back()->Prepare());
  }
  for (const auto& pipeline : follower->pipelines_) pipeline->Start();
  follower->watch_ = std::thread([raw = follower.get()] { raw->Watch(); });
  return follower;
}

Follower::~Follower() { EndThreads(); }

void Follower::EndThreads() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  if (watch_.joinable()) watch_.join();
  for (const auto& pipeline : pipelines_) pipeline->RequestStop();
  for (const auto& pipeline : pipelines_) pipeline->Join();
  pipelines_.clear();
  locks_.reset();
}

void Follower::Watch() {
  auto kept_at = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!closing_) {
    changed_.wait_for(lock, kWatchEvery);
    if (options_.stop != nullptr && options_.stop->load()) {
      for (const auto& pipeline : pipelines_) pipeline->RequestStop();
    }
    if (std::chrono::steady_clock::now() - kept_at < kLocksKeptEvery) continue;
    lock.unlock();
    if (Status status = locks_->Maintain(); !status.ok()) state_.Fail(std::move(status));
    lock.lock();
    kept_at = std::chrono::steady_clock::now();
  }
}

Status Follower::Outcome() const {
  if (state_.aborted()) return state_.failure();
  if (options_.stop != nullptr && options_.stop->load()) {
    return {Code::kStopped, "stopped on request; the checkpoints are stored"};
  }
  return base::Ok();
}

Status Follower::Settle() {
  for (const auto& pipeline : pipelines_) pipeline->AskSettle();
  for (const auto& pipeline : pipelines_) {
    while (!pipeline->settled()) {
      SL_TRY(Outcome());
      std::this_thread::sleep_for(kSettleLookEvery);
    }
  }
  return Outcome();
}

Status Follower::Reread(const job::CatalogTable& table, std::span<const std::string> owner_keys) {
  SL_TRY(pipelines_[table.source]->Reread(table, OwnerIds(table, owner_keys)));
  return Outcome();
}

Result<LookOutcome> Follower::Look(const job::CatalogTable& table, std::span<const std::string> owner_keys,
                                   std::shared_ptr<OwnerLook> look, std::chrono::steady_clock::time_point deadline) {
  SL_ASSIGN(LookOutcome outcome,
            pipelines_[table.source]->Look(table, OwnerIds(table, owner_keys), std::move(look), deadline));
  SL_TRY(Outcome());
  return outcome;
}

Status Follower::Close() {
  EndThreads();
  return state_.aborted() ? state_.failure() : base::Ok();
}

}  // namespace shardlift::migrate
