#include "repair/live_prober.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "migrate/batch.h"
#include "migrate/owner_look.h"
#include "verify/owner_rows.h"

namespace shardlift::repair {
namespace {

using base::Result;
using base::Status;
using verify::ProbeResult;
using verify::ProbeState;
using Clock = std::chrono::steady_clock;

constexpr const char* kHot = "hot: it changed each time it was looked at";

class RowsLook final : public migrate::OwnerLook {
 public:
  RowsLook(const job::JobConfig& config, const job::CatalogTable& table, const store::Router& router,
           std::vector<std::string> owner_keys, std::uint64_t bytes_max)
      : rows_(config, table, router, std::move(owner_keys), bytes_max) {}
  Status AtSource(mysql::Session& source, bool lock) override { return rows_.ReadSource(source, lock); }
  Status AtShard(std::uint32_t shard, mysql::Session& session) override { return rows_.ReadShard(shard, session); }
  verify::OwnerRows& rows() { return rows_; }

 private:
  verify::OwnerRows rows_;
};

}  // namespace

Status LiveProber::Start(const job::JobConfig& config, const job::Catalog& catalog, const store::Router& router) {
  config_ = &config;
  router_ = &router;
  SL_ASSIGN(follower_, migrate::Follower::Start(config, catalog, router, {options_.takeover, options_.stop, nullptr}));
  return follower_->Settle();
}

Status LiveProber::Outcome() const { return follower_->Outcome(); }

Status LiveProber::Close() {
  if (!follower_) return base::Ok();
  const std::unique_ptr<migrate::Follower> follower = std::move(follower_);
  return follower->Close();
}

Result<std::vector<ProbeResult>> LiveProber::Probe(const job::CatalogTable& table,
                                                   std::span<const std::string> owner_keys) {
  Results results;
  for (const std::string& key : owner_keys) results[key].reason = kHot;
  std::vector<std::string> open(owner_keys.begin(), owner_keys.end());
  auto pause = options_.pause_first;
  for (int look = 0; look < options_.looks_max && !open.empty(); ++look) {
    if (look > 0) {
      std::this_thread::sleep_for(pause);
      pause = std::min(2 * pause, options_.pause_max);
    }
    SL_TRY(LookAtAll(table, open, &results));
    std::erase_if(open, [&](const std::string& key) { return results.at(key).state != ProbeState::kOpen; });
  }
  std::vector<ProbeResult> in_order;
  for (const std::string& key : owner_keys) in_order.push_back(results.at(key));
  return in_order;
}

Status LiveProber::LookAtAll(const job::CatalogTable& table, std::span<const std::string> owner_keys,
                             Results* results) {
  for (std::size_t i = 0; i < owner_keys.size(); i += options_.owners_per_look) {
    SL_TRY(LookOnce(table, owner_keys.subspan(i, std::min(options_.owners_per_look, owner_keys.size() - i)), results));
  }
  return base::Ok();
}

Status LiveProber::LookOnce(const job::CatalogTable& table, std::span<const std::string> owner_keys, Results* results) {
  // The lanes share it: a look that was given up may still be waiting in one of them.
  const auto look = std::make_shared<RowsLook>(
      *config_, table, *router_, std::vector<std::string>(owner_keys.begin(), owner_keys.end()), options_.bytes_max);
  SL_ASSIGN(const migrate::LookOutcome outcome,
            follower_->Look(table, owner_keys, look, Clock::now() + options_.look_deadline));
  if (!outcome.is_done) {
    for (const std::string& key : owner_keys) (*results)[key].reason = outcome.reason;
    return base::Ok();
  }
  if (look->rows().too_large()) {
    const std::size_t half = owner_keys.size() / 2;
    SL_TRY(LookOnce(table, owner_keys.first(half), results));
    return LookOnce(table, owner_keys.subspan(half), results);
  }
  SL_ASSIGN(std::vector<ProbeResult> verdicts, look->rows().Judge());
  const std::uint32_t origin = table.mapper->config().origin;
  for (std::size_t i = 0; i < owner_keys.size(); ++i) {
    ProbeResult& result = (*results)[owner_keys[i]];
    if (outcome.touched.contains(migrate::MakeOwnerId(origin, table.ordinal, owner_keys[i]))) {
      result.reason = kHot;
    } else {
      result = std::move(verdicts[i]);
    }
  }
  return base::Ok();
}

}  // namespace shardlift::repair
