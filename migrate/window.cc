#include "migrate/window.h"

#include <chrono>
#include <set>

namespace shardlift::migrate {
namespace {
// Beyond this a window is voided and its chunk read again: memory stays bounded, no row is dropped.
constexpr std::uint64_t kTouchedBytesMax = 8u << 20;
constexpr std::size_t kXaOwnersMax = 50'000;
constexpr std::uint64_t kOwnerOverheadBytes = 64;
}  // namespace

std::shared_ptr<ChunkWindow> WindowBook::Open(const job::CatalogTable* table, const CopyMark& from) {
  auto window = std::make_shared<ChunkWindow>();
  window->table = table;
  window->from = from;
  return Add(std::move(window));
}

std::shared_ptr<ChunkWindow> WindowBook::OpenForKeys(const job::CatalogTable* table, std::vector<std::string> owner_ids,
                                                     std::shared_ptr<OwnerLook> look) {
  auto window = std::make_shared<ChunkWindow>();
  window->table = table;
  window->keys = std::move(owner_ids);
  window->look = std::move(look);
  return Add(std::move(window));
}

std::shared_ptr<ChunkWindow> WindowBook::Add(std::shared_ptr<ChunkWindow> window) {
  const std::lock_guard lock(mutex_);
  window->must_see = must_see_;
  if (const auto xa = xa_owners_.find(window->table->ordinal); xa != xa_owners_.end()) {
    window->locking_read = xa->second.too_many;
    if (!window->look) {
      window->touched = xa->second.owners;
    } else {
      for (const std::string& key : window->keys) window->locking_read |= xa->second.owners.contains(key);
    }
  }
  windows_.push_back(window);
  return window;
}

void WindowBook::Submit(const std::shared_ptr<ChunkWindow>& window, ChunkData data) {
  {
    const std::lock_guard lock(mutex_);
    window->data = std::move(data);
    if (window->state == WindowState::kRecording) window->state = WindowState::kRead;
  }
  changed_.notify_all();
}

void WindowBook::Void(const std::shared_ptr<ChunkWindow>& window) {
  {
    const std::lock_guard lock(mutex_);
    window->state = WindowState::kVoided;
  }
  changed_.notify_all();
}

void WindowBook::WaitForChange() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::milliseconds(20));
}

WindowState WindowBook::StateOf(const ChunkWindow& window) {
  const std::lock_guard lock(mutex_);
  return window.state;
}

void WindowBook::Record(std::uint32_t table_ordinal, const std::string& owner_id) {
  for (const auto& window : windows_) {
    if (window->table->ordinal != table_ordinal || window->state == WindowState::kVoided) continue;
    if (!window->touched.insert(owner_id).second) continue;
    window->touched_bytes += owner_id.size() + kOwnerOverheadBytes;
    if (window->touched_bytes > kTouchedBytesMax) window->state = WindowState::kVoided;
  }
}

void WindowBook::RecordXa(std::uint32_t table_ordinal, const std::string& owner_id) {
  if (flavour_ != mysql::Flavour::kMariaDb) return;
  XaOwners& xa = xa_owners_[table_ordinal];
  if (xa.owners.size() >= kXaOwnersMax) {
    xa.too_many = true;
  } else {
    xa.owners.insert(owner_id);
  }
}

std::vector<std::shared_ptr<ChunkWindow>> WindowBook::TakeReady(const mysql::SourcePosition& passed) {
  std::vector<std::shared_ptr<ChunkWindow>> ready;
  std::set<std::uint32_t> waiting;  // tables with an earlier chunk that is not merged yet
  std::set<std::uint32_t> voided;   // tables with an earlier voided chunk: the reader goes back to it
  for (auto it = windows_.begin(); it != windows_.end();) {
    ChunkWindow& window = **it;
    const std::uint32_t table = window.table->ordinal;
    if (voided.contains(table)) window.state = WindowState::kVoided;
    if (window.state == WindowState::kVoided) {
      voided.insert(table);
      it = windows_.erase(it);
      changed_.notify_all();
    } else if (window.state == WindowState::kRead && !waiting.contains(table) && passed.Contains(window.data.high)) {
      ready.push_back(*it);
      it = windows_.erase(it);
    } else {
      waiting.insert(table);
      ++it;
    }
  }
  return ready;
}

void WindowBook::SetMerged(const std::shared_ptr<ChunkWindow>& window) {
  {
    const std::lock_guard lock(mutex_);
    window->state = WindowState::kMerged;
  }
  changed_.notify_all();
}

void WindowBook::VoidAll() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& window : windows_) window->state = WindowState::kVoided;
  }
  changed_.notify_all();
}

bool WindowBook::empty() {
  const std::lock_guard lock(mutex_);
  return windows_.empty();
}

}  // namespace shardlift::migrate
