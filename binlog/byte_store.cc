#include "binlog/byte_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "base/check.h"

namespace shardlift::binlog {
namespace {

constexpr std::uint64_t kTailBytesMax = 1 << 20;  // once a file is in use

// An open file without a name in `directory`; -1 with errno set.
int OpenUnnamed(const std::string& directory) {
  const int fd = open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string path = directory + "/shardlift-group-XXXXXX";
  const int named = mkostemp(path.data(), O_CLOEXEC);
  if (named >= 0) unlink(path.c_str());
  return named;
}

}  // namespace

ByteStore::~ByteStore() {
  if (fd_ >= 0) close(fd_);
}

base::Status ByteStore::Append(std::string_view bytes) {
  tail_.append(bytes);
  const std::uint64_t limit = fd_ < 0 ? options_.memory_bytes_max : std::min(options_.memory_bytes_max, kTailBytesMax);
  return tail_.size() > limit ? Spill() : base::Ok();
}

base::Status ByteStore::Spill() {
  if (fd_ < 0) {
    std::string directory = options_.directory;
    if (directory.empty()) {
      std::error_code error;
      directory = std::filesystem::temp_directory_path(error);
      if (error) {
        return {base::Code::kEnvironment, fmt::format("there is no directory for large transactions: {}; give a "
                                                      "writable one with TMPDIR",
                                                      error.message())};
      }
    }
    fd_ = OpenUnnamed(directory);
    if (fd_ < 0) {
      return {base::Code::kEnvironment, fmt::format("cannot make a file for a large transaction in {}: {}; give a "
                                                    "writable directory with TMPDIR",
                                                    directory, std::strerror(errno))};
    }
  }
  std::size_t done = 0;
  while (done < tail_.size()) {
    const ssize_t n = pwrite(fd_, tail_.data() + done, tail_.size() - done, static_cast<off_t>(file_bytes_ + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return {base::Code::kEnvironment,
              fmt::format("writing a large transaction of {} bytes to a file: {}; free disk space under TMPDIR", size(),
                          std::strerror(errno))};
    }
    done += static_cast<std::size_t>(n);
  }
  file_bytes_ += tail_.size();
  std::string().swap(tail_);
  return base::Ok();
}

base::Result<std::string_view> ByteStore::Read(std::uint64_t offset, std::size_t bytes, std::string& scratch) const {
  SL_CHECK(offset + bytes <= size());
  if (offset >= file_bytes_) {
    return std::string_view(tail_).substr(static_cast<std::size_t>(offset - file_bytes_), bytes);
  }
  SL_CHECK(offset + bytes <= file_bytes_);
  scratch.resize(bytes);
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t n = pread(fd_, scratch.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return base::Status(base::Code::kEnvironment,
                          fmt::format("reading a large transaction back from its file: {}", std::strerror(errno)));
    }
    done += static_cast<std::size_t>(n);
  }
  return std::string_view(scratch);
}

void ByteStore::Truncate(std::uint64_t size) {
  SL_CHECK(size <= this->size());
  if (size >= file_bytes_) {
    tail_.resize(static_cast<std::size_t>(size - file_bytes_));
  } else {
    file_bytes_ = size;
    tail_.clear();
  }
}

}  // namespace shardlift::binlog
