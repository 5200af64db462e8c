#include "binlog/spool_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <utility>

namespace shardlift::binlog {

base::Status SpoolIoError(std::string_view action, const std::string& path, int error) {
  std::string_view remedy = "see that this program may use the spool's directory, or give it another one";
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) {
    remedy = "free space there, raise the limit, or give the spool another directory; nothing of it is lost";
  } else if (error == EIO) {
    remedy = "check the disk";
  }
  return {base::Code::kEnvironment, fmt::format("{} {}: {}; {}", action, path, std::strerror(error), remedy)};
}

base::Status SpoolDamage(const std::string& path, std::uint64_t offset, std::string_view what) {
  return {
      base::Code::kCorrupt,
      fmt::format("{}:{}: {}; the spool is damaged. Check the disk, then remove {}: a new spool begins at the job's "
                  "checkpoint, as long as the source still has its binlog from there",
                  path, offset, what, std::filesystem::path(path).parent_path().string())};
}

base::Status SyncDirectory(const std::string& directory) {
  SL_ASSIGN(const SpoolFile file, SpoolFile::OpenForReading(directory));
  return fsync(file.fd()) == 0 ? base::Ok() : SpoolIoError("sync", directory, errno);
}

SpoolFile::~SpoolFile() { Close(); }

SpoolFile::SpoolFile(SpoolFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}

SpoolFile& SpoolFile::operator=(SpoolFile&& other) noexcept {
  if (this != &other) {
    Close();
    fd_ = std::exchange(other.fd_, -1);
    path_ = std::move(other.path_);
  }
  return *this;
}

void SpoolFile::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

base::Result<SpoolFile> SpoolFile::Open(const std::string& path, int flags, std::string_view action) {
  SpoolFile file;
  file.path_ = path;
  do {
    file.fd_ = open(path.c_str(), flags | O_CLOEXEC, 0600);
  } while (file.fd_ < 0 && errno == EINTR);
  if (file.fd_ < 0) return SpoolIoError(action, path, errno);
  return file;
}

base::Result<SpoolFile> SpoolFile::OpenForReading(const std::string& path) { return Open(path, O_RDONLY, "open"); }
base::Result<SpoolFile> SpoolFile::OpenForWriting(const std::string& path) { return Open(path, O_RDWR, "open"); }
base::Result<SpoolFile> SpoolFile::Create(const std::string& path) {
  return Open(path, O_RDWR | O_CREAT | O_TRUNC, "create");
}

base::Status SpoolFile::WriteAt(std::uint64_t offset, std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return SpoolIoError("write", path_, n < 0 ? errno : ENOSPC);
    offset += static_cast<std::uint64_t>(n);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return base::Ok();
}

base::Result<std::size_t> SpoolFile::ReadAt(std::uint64_t offset, char* out, std::size_t bytes) const {
  std::size_t done = 0;
  while (done < bytes) {
    const ssize_t n = pread(fd_, out + done, bytes - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return SpoolIoError("read", path_, errno);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

base::Status SpoolFile::Truncate(std::uint64_t bytes) const {
  int result = 0;
  do {
    result = ftruncate(fd_, static_cast<off_t>(bytes));
  } while (result < 0 && errno == EINTR);
  return result == 0 ? base::Ok() : SpoolIoError("truncate", path_, errno);
}

base::Status SpoolFile::Rename(const std::string& path) {
  if (rename(path_.c_str(), path.c_str()) != 0) return SpoolIoError("rename", path_, errno);
  path_ = path;
  return base::Ok();
}

base::Status SpoolFile::Sync() const { return fdatasync(fd_) == 0 ? base::Ok() : SpoolIoError("sync", path_, errno); }

base::Result<std::uint64_t> SpoolFile::Size() const {
  struct stat status{};
  if (fstat(fd_, &status) != 0) return SpoolIoError("look at", path_, errno);
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace shardlift::binlog
