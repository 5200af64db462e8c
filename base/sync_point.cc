#include "base/sync_point.h"

#include <atomic>
#include <memory>
#include <vector>

namespace shardlift::base {
namespace {
std::atomic<const SyncPointHandler*> g_handler{nullptr};
}

void SetSyncPointHandler(SyncPointHandler handler) {
  // An old handler is never freed: a thread may still be inside it, and this is called a few times per process.
  static auto* const all = new std::vector<std::unique_ptr<SyncPointHandler>>;
  if (!handler) return g_handler.store(nullptr);
  all->push_back(std::make_unique<SyncPointHandler>(std::move(handler)));
  g_handler.store(all->back().get());
}

void SyncPoint(std::string_view point, std::string_view detail) {
  if (const SyncPointHandler* handler = g_handler.load(std::memory_order_acquire)) (*handler)(point, detail);
}

}  // namespace shardlift::base
