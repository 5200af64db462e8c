#include "base/status.h"

#include <cstdio>
#include <cstdlib>

namespace shardlift::base {

void CheckFailed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "shardlift: internal error: check failed: %s at %s:%d\n", expression, file, line);
  std::fflush(stderr);
  std::abort();
}

Status& Status::WithContext(std::string_view frame) {
  if (ok()) return *this;
  message_.insert(0, std::string(frame) + ": ");
  return *this;
}

int ExitCodeOf(const Status& status) {
  switch (status.code()) {
    case Code::kOk: return 0;
    case Code::kFindings: return 1;
    case Code::kUsage: return 2;
    case Code::kEnvironment: return 3;
    case Code::kRefused: return 4;
    case Code::kDuplicate: return 4;
    case Code::kBadValue: return 4;
    case Code::kCorrupt: return 4;
    case Code::kStopped: return 5;
    case Code::kInternal: return 70;
  }
  return 70;
}

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kOk: return "ok";
    case Code::kFindings: return "findings";
    case Code::kUsage: return "usage";
    case Code::kEnvironment: return "environment";
    case Code::kRefused: return "refused";
    case Code::kStopped: return "stopped";
    case Code::kDuplicate: return "duplicate";
    case Code::kBadValue: return "bad-value";
    case Code::kCorrupt: return "corrupt";
    case Code::kInternal: return "internal";
  }
  return "unknown";
}

}  // namespace shardlift::base
