#include "base/sync_point.h"

#include <atomic>
#include <memory>

namespace shardlift::base {
namespace {
std::atomic<const SyncPointHandler*> g_handler{nullptr};
}

void SetSyncPointHandler(SyncPointHandler handler) {
  // An old handler is never freed: a thread may still be inside it, and this is called a few times per process.
  g_handler.store(handler ? new SyncPointHandler(std::move(handler)) : nullptr);
}

void SyncPoint(std::string_view point, std::string_view detail) {
  if (const SyncPointHandler* handler = g_handler.load(std::memory_order_acquire)) (*handler)(point, detail);
}

}  // namespace shardlift::base
