// SpoolLog: what the writer and the reader of a spool share.
//
// Thread rules: any thread; one mutex. Files are read and synced outside of it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/continuity.h"
#include "binlog/group_bounds.h"
#include "binlog/spool_appender.h"
#include "binlog/spool_reader.h"

namespace shardlift::binlog {

class SpoolLog {
 public:
  static base::Result<std::unique_ptr<SpoolLog>> Open(const SpoolOptions& options);

  // As in SpoolWriter.
  const std::optional<SpoolCut>& cut() const { return cut_; }
  mysql::SourcePosition position() const;
  mysql::SourcePosition durable_position() const;
  std::optional<GroupMark> last_group() const;
  base::Status StartConnection(const mysql::FilePosition& start, bool checksum_at_start, bool proof);
  base::Status Append(std::string_view event);
  bool full() const;
  base::Status WaitForRoom(std::chrono::milliseconds timeout);
  base::Status Flush();
  base::Status Sync();
  base::Status Trim(const mysql::SourcePosition& position);
  std::uint64_t bytes() const;
  void Close(base::Status reason);
  base::Result<std::unique_ptr<SpoolReader>> OpenReader(const mysql::SourcePosition& position);

  // For the reader.
  enum class More : std::uint8_t { kInSegment, kNextSegment, kNothing };
  // What there is behind `*end` of segment `number`; sets *end. Waits until `deadline`.
  base::Result<More> WaitForMore(std::uint64_t number, std::uint64_t* end,
                                 std::chrono::steady_clock::time_point deadline);
  bool AtEnd(std::uint64_t number, std::uint64_t end) const;
  std::uint32_t source_seconds() const;
  std::string PathOf(std::uint64_t number) const;
  void StopReader();
  void ReaderIsAt(std::uint64_t number);  // kNoReader: it is gone
  static constexpr std::uint64_t kNoReader = ~std::uint64_t{0};

 private:
  SpoolLog(const SpoolOptions& options, SpoolFile lock, RecoveredSpool recovered);
  base::Status Full(std::uint64_t event_bytes);
  base::Status Store(const Event& event, std::string_view bytes);
  base::Status Keep(const Event& event, std::string_view bytes, bool again);
  base::Result<bool> IsSentAgain(const Event& event);

  const SpoolOptions options_;
  const SpoolFile lock_;
  const std::optional<SpoolCut> cut_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SpoolAppender appender_;
  GroupBounds bounds_;
  LastGroup last_;
  PassedFilter filter_;
  bool resending_ = false;  // the connection has sent nothing new yet
  mysql::SourcePosition resent_upto_;
  base::Status failed_;              // until StartConnection
  base::Status broken_;              // for good
  std::uint64_t refused_bytes_ = 0;  // of the event that found the spool full; 0: it is not
  bool closed_ = false;
  base::Status close_reason_;
  bool heartbeat_ = false;  // the last thing that came
  std::uint32_t source_seconds_ = 0;

  bool reader_waits_ = false;
  bool reader_stopped_ = false;
  std::uint64_t reader_number_ = kNoReader;
};

}  // namespace shardlift::binlog
