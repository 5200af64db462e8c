// SourcePipeline, the part that hands errands to the lanes (migrate/lane_errand.h).
#include "migrate/source_pipeline.h"

namespace shardlift::migrate {

using base::Code;
using base::Status;
using namespace std::chrono_literals;

namespace {
constexpr auto kErrandsLookedAtEvery = 1ms;
}  // namespace

Status SourcePipeline::RunErrands(std::vector<ShardErrand> errands) {
  const auto asked = std::make_shared<AskedErrands>();
  asked->errands = std::move(errands);
  {
    const std::lock_guard lock(errands_mutex_);
    errands_.push_back(asked);
  }
  errands_expected_.store(true);
  while (true) {
    if (state_->aborted()) return state_->failure();
    const bool ended = finished_.load();  // before the question, so that nothing is given after it
    if (asked->given.load()) {
      if (HaveCommitted(asked->batches)) return base::Ok();
    } else if (ended) {
      return {Code::kStopped, "stopped on request; the checkpoints are stored"};
    }
    std::this_thread::sleep_for(kErrandsLookedAtEvery);
  }
}

// Between two groups. What was streamed before has been handed to the lanes before.
void SourcePipeline::GiveErrands() {
  std::vector<std::shared_ptr<AskedErrands>> all;
  {
    const std::lock_guard lock(errands_mutex_);
    all.swap(errands_);
  }
  if (all.empty()) return;
  FlushRound(false);
  for (const std::shared_ptr<AskedErrands>& asked : all) {
    for (const ShardErrand& one : asked->errands) {
      auto batch = std::make_unique<LaneBatch>();
      batch->errand = one.errand;
      lanes_[one.shard]->Enqueue(std::move(batch));
    }
    asked->batches = Enqueued();
    asked->given.store(true);
  }
}

}  // namespace shardlift::migrate
