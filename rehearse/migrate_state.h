// MigrateState: what a migrate child has said about itself through its events.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

namespace shardlift::rehearse {

struct MigrateState {
  std::string phase = "start";  // "start", "copy", "catch-up"
  std::string chunk_state;      // of the last chunk event
  std::string chunk_table;      // "im_0.msg_03"
  std::string chunk_after;
  std::uint64_t chunk_rows = 0;
  std::uint64_t chunks_merged = 0;
  std::set<std::string> sources_merging;  // those of which a chunk was merged
  std::uint64_t rows_copied = 0;
  std::uint64_t changes_applied = 0;
  double lag_seconds = 0;
  std::string pause_point;  // not empty: the process is held there
  std::string pause_detail;
  bool caught_up = false;
  std::uint32_t shards_lost = 0;
  std::uint32_t shards_back = 0;
  bool new_chunk = false;  // a chunk is being read since the last look; the reader of the state clears it

  // Takes one JSON line. False when the line is not an event.
  bool Take(std::string_view line);
};

}  // namespace shardlift::rehearse
