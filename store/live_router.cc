// LiveRouter: maps replaced under threads that route. Each reader shows in a slot which map it stands at, and leaves it
// there between calls, so that a call needs no write at all while the map is the same. The slot and the current map are
// sequentially consistent: either Load sees the slot, or the reader sees the new map and shows that instead.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "base/check.h"
#include "store/router.h"

namespace shardlift::store {

using base::Code;
using base::Status;

struct LiveRouter::Slots {
  // A cache line each: readers never write to each other's.
  struct alignas(64) Slot {
    std::atomic<const Router*> held{nullptr};
    bool taken = false;
  };
  std::deque<Slot> slots;  // never move, never shrink
  std::vector<std::unique_ptr<const Router>> maps;

  void FreeUnused(const Router* current) {
    const auto unused = [&](const auto& map) {
      return map.get() != current &&
             std::none_of(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.held.load() == map.get(); });
    };
    std::erase_if(maps, unused);
  }
};

LiveRouter::LiveRouter(Router router) : current_(nullptr), slots_(std::make_unique<Slots>()) {
  slots_->maps.push_back(std::make_unique<const Router>(std::move(router)));
  current_ = slots_->maps.back().get();
}

LiveRouter::~LiveRouter() {
  for (const Slots::Slot& slot : slots_->slots) SL_CHECK(!slot.taken);
}

Status LiveRouter::Load(Router next) {
  const std::lock_guard lock(mutex_);
  const Router* now = current_.load();
  if (&next.rules() != &now->rules() && next.rules().Text() != now->rules().Text()) {
    return Status(Code::kRefused,
                  "the map comes with other routing rules; rows lie where the old rules put them: "
                  "changing rules is a move of data, not a reload");
  }
  if (next.epoch() < now->epoch()) {
    return Status(Code::kRefused, fmt::format("the map has epoch {}, the one in use {}; take the newer map",
                                              next.epoch(), now->epoch()));
  }
  if (next.epoch() == now->epoch()) {
    if (next.MapText() == now->MapText()) return base::Ok();
    return Status(Code::kRefused,
                  fmt::format("another map of epoch {} is in use; give the new one a larger epoch", now->epoch()));
  }
  slots_->maps.push_back(std::make_unique<const Router>(std::move(next)));
  current_.store(slots_->maps.back().get());
  slots_->FreeUnused(current_.load());
  return base::Ok();
}

std::size_t LiveRouter::maps_kept() const {
  const std::lock_guard lock(mutex_);
  return slots_->maps.size();
}

LiveRouter::Reader::Reader(LiveRouter& live) : live_(live) {
  const std::lock_guard lock(live.mutex_);
  auto& slots = live.slots_->slots;
  auto free = std::find_if(slots.begin(), slots.end(), [](const auto& slot) { return !slot.taken; });
  Slots::Slot& slot = free != slots.end() ? *free : slots.emplace_back();
  slot.taken = true;
  slot_ = &slot.held;
}

LiveRouter::Reader::~Reader() {
  const std::lock_guard lock(live_.mutex_);
  for (auto& slot : live_.slots_->slots) {
    if (&slot.held != slot_) continue;
    slot.held.store(nullptr);
    slot.taken = false;
  }
  live_.slots_->FreeUnused(live_.current_.load());
}

const Router& LiveRouter::Reader::MoveOn(const Router* now) {
  for (;;) {
    slot_->store(now);
    const Router* again = live_.current_.load();
    if (again == now) break;
    now = again;  // freed, perhaps, before the slot said so
  }
  held_ = now;
  return *now;
}

}  // namespace shardlift::store
