// Arena: memory for the values of one decoded row. Views stay valid until Reset, which keeps the memory for the next
// row.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "base/check.h"

namespace shardlift::binlog {

class Arena {
 public:
  char* Allocate(std::size_t n) {
    if (static_cast<std::size_t>(end_ - at_) < n) NextBlock(n);
    char* const place = at_;
    at_ += n;
    return place;
  }

  // Gives back what lies from `end` on. Only of what Allocate returned last.
  void Shrink(char* end) {
    SL_CHECK(end <= at_);
    at_ = end;
  }

  std::string_view Copy(std::string_view bytes) {
    if (bytes.empty()) return {};
    char* place = Allocate(bytes.size());
    std::memcpy(place, bytes.data(), bytes.size());
    return {place, bytes.size()};
  }

  // Forgets all values. Blocks made for one huge value are given back.
  void Reset() {
    if (blocks_.empty()) return;
    if (blocks_.size() > 1 || blocks_[0].size > kBlockBytes) {
      std::size_t kept = 0;
      while (kept < blocks_.size() && kept < kBlocksKept && blocks_[kept].size == kBlockBytes) ++kept;
      blocks_.resize(kept);
    }
    next_ = 0;
    at_ = end_ = nullptr;
    if (!blocks_.empty()) Enter();
  }

 private:
  static constexpr std::size_t kBlockBytes = 64 << 10;
  static constexpr std::size_t kBlocksKept = 4;
  struct Block {
    std::unique_ptr<char[]> data;
    std::size_t size;
  };

  // Not inlined, so that Allocate is.
  [[gnu::noinline]] void NextBlock(std::size_t n) {
    while (next_ < blocks_.size() && blocks_[next_].size < n) ++next_;
    if (next_ == blocks_.size()) {
      const std::size_t size = n > kBlockBytes ? n : kBlockBytes;
      blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
    }
    Enter();
  }
  void Enter() {
    at_ = blocks_[next_].data.get();
    end_ = at_ + blocks_[next_].size;
    ++next_;
  }

  std::vector<Block> blocks_;
  std::size_t next_ = 0;  // the block after the one in use
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace shardlift::binlog
