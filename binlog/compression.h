// The three compressed forms a binlog can hold. All take untrusted bytes; sizes are claimed by the data and bounded
// here.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"

namespace shardlift::binlog {

// More than any server's max_allowed_packet for one event.
inline constexpr std::uint64_t kEventBytesMax = (std::uint64_t{1} << 30) + (1 << 20);

// MariaDB's compressed events (log_bin_compress): a head with algorithm and length, then a zlib stream. Replaces `out`.
base::Status UncompressEventPart(std::string_view stored, std::string& out);

// MariaDB's COMPRESSED column attribute: a head byte, the length, raw deflate; or the bytes as they are. Replaces
// `out`.
base::Status UncompressColumn(std::string_view stored, std::string& out);

// MySQL's TRANSACTION_PAYLOAD: calls `event` with each whole event inside, without checksum; the view lives during the
// call. The payload may be any size: one event at a time is held.
class PayloadReader {
 public:
  PayloadReader();
  ~PayloadReader();
  base::Status Read(std::string_view payload_event_body, const std::function<base::Status(std::string_view)>& event);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shardlift::binlog
