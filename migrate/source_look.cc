// SourcePipeline, the part that looks at owners without writing (migrate/owner_look.h).
#include <chrono>
#include <mutex>
#include <thread>

#include "migrate/source_pipeline.h"

namespace shardlift::migrate {

using base::Result;
using base::Status;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

namespace {
constexpr auto kLanesLookedAtEvery = 2ms;
}  // namespace

Result<LookOutcome> SourcePipeline::Look(const job::CatalogTable& table, std::vector<std::string> owner_ids,
                                         std::shared_ptr<OwnerLook> look, Clock::time_point deadline) {
  LookOutcome outcome;
  std::shared_ptr<ChunkWindow> window;
  {
    const std::lock_guard lock(looker_mutex_);
    if (!looker_) looker_ = std::make_unique<ChunkReader>(NewReaderContext());
    SL_ASSIGN(window, looker_->Look(table, std::move(owner_ids), std::move(look), deadline));
  }
  if (!window) {
    outcome.reason = "its source could not be read: commits hang, rows are locked, or the server was away";
    return outcome;
  }
  for (WindowState state = book_->StateOf(*window); state != WindowState::kMerged; state = book_->StateOf(*window)) {
    if (state == WindowState::kVoided) {
      outcome.reason = "too much changed while it was read, or its source was away";
      return outcome;
    }
    if (Clock::now() >= deadline || stopping_.load() || state_->aborted()) {
      book_->Void(window);
      outcome.reason = "the source's stream, or a lane that holds it up, was too slow";
      return outcome;
    }
    book_->WaitForChange();
  }
  while (!HaveCommitted(window->look_batches)) {
    if (Clock::now() >= deadline || state_->aborted()) {
      outcome.reason = "a shard was too slow";
      return outcome;
    }
    std::this_thread::sleep_for(kLanesLookedAtEvery);
  }
  outcome.touched = std::move(window->touched);
  outcome.is_done = true;
  return outcome;
}

// Between two groups, as all chunks. What was streamed before has been handed to the lanes before, so that each of them
// looks behind it.
void SourcePipeline::MergeLook(ChunkWindow& window) {
  FlushRound(false);
  for (const std::unique_ptr<Lane>& lane : lanes_) {
    auto batch = std::make_unique<LaneBatch>();
    batch->look = window.look;
    lane->Enqueue(std::move(batch));
  }
  window.look_batches = Enqueued();
}

}  // namespace shardlift::migrate
