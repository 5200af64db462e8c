// SL_CHECK: an invariant of our own. Stays on in release builds; a failure prints the place and aborts,
// because a migration that goes on with a broken invariant may damage other people's messages.
#pragma once

namespace shardlift::base {
[[noreturn]] void CheckFailed(const char* expression, const char* file, int line);
}

#define SL_CHECK(condition)                                                           \
  do {                                                                                \
    if (!(condition)) ::shardlift::base::CheckFailed(#condition, __FILE__, __LINE__); \
  } while (false)
