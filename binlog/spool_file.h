// SpoolFile: one open file of a spool, with errors that name the file and the remedy.
//
// Ownership: closes its descriptor. Thread rules: WriteAt, ReadAt and Sync may run on different threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace shardlift::binlog {

// kEnvironment: "write PATH: No space left on device; ...".
base::Status SpoolIoError(std::string_view action, const std::string& path, int error);
// kCorrupt: "PATH:OFFSET: what; ...".
base::Status SpoolDamage(const std::string& path, std::uint64_t offset, std::string_view what);
// What was created, renamed or removed in the directory is on disk for good.
base::Status SyncDirectory(const std::string& directory);

class SpoolFile {
 public:
  SpoolFile() = default;
  ~SpoolFile();
  SpoolFile(SpoolFile&& other) noexcept;
  SpoolFile& operator=(SpoolFile&& other) noexcept;

  static base::Result<SpoolFile> OpenForReading(const std::string& path);
  static base::Result<SpoolFile> OpenForWriting(const std::string& path);  // must be there
  static base::Result<SpoolFile> Create(const std::string& path);          // mode 0600; an old one is emptied

  bool is_open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  const std::string& path() const { return path_; }

  // All or nothing as far as Ok tells; what a failed write left behind is the caller's to cut off.
  base::Status WriteAt(std::uint64_t offset, std::string_view bytes) const;
  // Fewer bytes than asked for only at the end of the file.
  base::Result<std::size_t> ReadAt(std::uint64_t offset, char* out, std::size_t bytes) const;
  base::Status Truncate(std::uint64_t bytes) const;
  base::Status Rename(const std::string& path);
  base::Status Sync() const;
  base::Result<std::uint64_t> Size() const;

 private:
  static base::Result<SpoolFile> Open(const std::string& path, int flags, std::string_view action);
  void Close();

  int fd_ = -1;
  std::string path_;
};

}  // namespace shardlift::binlog
