#include "binlog/spool_writer.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "binlog/spool_log.h"

namespace shardlift::binlog {

base::Result<std::unique_ptr<SpoolWriter>> SpoolWriter::Open(const SpoolOptions& options) {
  SL_ASSIGN(std::unique_ptr<SpoolLog> log, SpoolLog::Open(options));
  return std::unique_ptr<SpoolWriter>(new SpoolWriter(std::move(log)));
}

SpoolWriter::SpoolWriter(std::unique_ptr<SpoolLog> log) : log_(std::move(log)) {}

SpoolWriter::~SpoolWriter() { (void)log_->Sync().ok(); }

const std::optional<SpoolCut>& SpoolWriter::cut() const { return log_->cut(); }
mysql::SourcePosition SpoolWriter::position() const { return log_->position(); }
mysql::SourcePosition SpoolWriter::durable_position() const { return log_->durable_position(); }
std::optional<GroupMark> SpoolWriter::last_group() const { return log_->last_group(); }

base::Status SpoolWriter::StartConnection(const mysql::FilePosition& start, bool checksum_at_start, bool proof) {
  return log_->StartConnection(start, checksum_at_start, proof);
}
base::Status SpoolWriter::Append(std::string_view event) { return log_->Append(event); }
bool SpoolWriter::full() const { return log_->full(); }
base::Status SpoolWriter::WaitForRoom(std::chrono::milliseconds timeout) { return log_->WaitForRoom(timeout); }
base::Status SpoolWriter::Flush() { return log_->Flush(); }
base::Status SpoolWriter::Sync() { return log_->Sync(); }
base::Status SpoolWriter::Trim(const mysql::SourcePosition& position) { return log_->Trim(position); }
std::uint64_t SpoolWriter::bytes() const { return log_->bytes(); }
void SpoolWriter::Close(base::Status reason) { log_->Close(std::move(reason)); }

base::Result<std::unique_ptr<SpoolReader>> SpoolWriter::OpenReader(const mysql::SourcePosition& position) {
  return log_->OpenReader(position);
}

base::Status RemoveSpool(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error) && !error) return base::Ok();
  SL_ASSIGN(const SpoolFile lock, LockSpool(directory, std::chrono::seconds(0)));
  // Others in the directory are not ours to remove.
  std::vector<std::string> paths;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (ParseSpoolSegmentName(name) || name.ends_with(".spool.new") || name == "lock") paths.push_back(it->path());
  }
  if (error) return SpoolIoError("list", directory, error.value());
  for (const std::string& path : paths) {
    if (unlink(path.c_str()) != 0) return SpoolIoError("remove", path, errno);
  }
  if (rmdir(directory.c_str()) != 0 && errno != ENOTEMPTY) return SpoolIoError("remove", directory, errno);
  return base::Ok();
}

}  // namespace shardlift::binlog
