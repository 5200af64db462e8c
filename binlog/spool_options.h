// How a spool is to be kept.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "mysql/position.h"

namespace shardlift::binlog {

struct SpoolOptions {
  std::string directory;  // of this source alone; made when it is not there, its parent must be
  std::string identity;   // whose binlog it is (a server's uuid); another one is refused
  // Where a new spool begins; not looked at when there is one. Its flavour is the source's.
  mysql::SourcePosition start;
  // A segment ends with the group that fills it, or that makes four times as much of it uncompressed: the last one is
  // read when a spool is opened.
  std::uint64_t segment_bytes = 64ull << 20;
  std::uint64_t block_bytes = 1ull << 20;  // of events in one block, uncompressed; at most kSpoolBlockBytesMax
  std::uint64_t bytes_max = 0;             // of all segments; 0: no limit. At least two segments
  int zstd_level = 1;
  std::chrono::seconds lock_wait{0};  // how long another process that uses the spool is waited for
};

}  // namespace shardlift::binlog
