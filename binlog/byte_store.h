// ByteStore: append-only bytes that move to an unlinked file once they are too many for memory.
//
// Ownership: the file has no name and goes away with the store, also when the process is killed. Reading from one
// thread at a time per scratch string; no reads during Append or Truncate.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace shardlift::binlog {

struct SpillOptions {
  std::uint64_t memory_bytes_max = 32ull << 20;  // of one group
  std::string directory;                         // empty: TMPDIR, else /tmp
};

class ByteStore {
 public:
  explicit ByteStore(SpillOptions options) : options_(std::move(options)) {}
  ~ByteStore();
  ByteStore(const ByteStore&) = delete;
  ByteStore& operator=(const ByteStore&) = delete;

  std::uint64_t size() const { return file_bytes_ + tail_.size(); }
  // kEnvironment when the file cannot be made or written (disk full).
  base::Status Append(std::string_view bytes);
  // Bytes appended by one Append. The view lives until the next call with the same scratch, or the next change.
  base::Result<std::string_view> Read(std::uint64_t offset, std::size_t bytes, std::string& scratch) const;
  // Keeps the first `size` bytes; must be where an Append began or ended.
  void Truncate(std::uint64_t size);

 private:
  base::Status Spill();

  SpillOptions options_;
  int fd_ = -1;
  std::uint64_t file_bytes_ = 0;  // what lies in the file; the rest is tail_
  std::string tail_;
};

}  // namespace shardlift::binlog
