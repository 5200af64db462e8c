// One program for each target; FUZZ_TARGET is its function.
#include <cstddef>
#include <cstdint>

#include "tests/binlog/fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  shardlift::binlog::fuzz::FUZZ_TARGET({reinterpret_cast<const char*>(data), size});
  return 0;
}
