// Arena: memory for the values of one decoded row. Views stay valid until Reset, which keeps the memory for the next
// row.
#pragma once

#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace shardlift::binlog {

class Arena {
 public:
  char* Allocate(std::size_t n) {
    while (block_ < blocks_.size() && blocks_[block_].size - used_ < n) {
      ++block_;
      used_ = 0;
    }
    if (block_ == blocks_.size()) {
      const std::size_t size = n > kBlockBytes ? n : kBlockBytes;
      blocks_.push_back({std::make_unique_for_overwrite<char[]>(size), size});
      used_ = 0;
    }
    char* place = blocks_[block_].data.get() + used_;
    used_ += n;
    return place;
  }

  std::string_view Copy(std::string_view bytes) {
    if (bytes.empty()) return {};
    char* place = Allocate(bytes.size());
    std::memcpy(place, bytes.data(), bytes.size());
    return {place, bytes.size()};
  }

  // Forgets all values. Blocks made for one huge value are given back.
  void Reset() {
    std::size_t kept = 0;
    while (kept < blocks_.size() && kept < kBlocksKept && blocks_[kept].size == kBlockBytes) ++kept;
    blocks_.resize(kept);
    block_ = 0;
    used_ = 0;
  }

 private:
  static constexpr std::size_t kBlockBytes = 64 << 10;
  static constexpr std::size_t kBlocksKept = 4;
  struct Block {
    std::unique_ptr<char[]> data;
    std::size_t size;
  };
  std::vector<Block> blocks_;
  std::size_t block_ = 0;
  std::size_t used_ = 0;
};

}  // namespace shardlift::binlog
