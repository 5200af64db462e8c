#include "mysql/value.h"

#include <bit>

namespace shardlift::mysql {

bool SameValue(const Value& a, const Value& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case ValueKind::kAbsent:
    case ValueKind::kNull: return true;
    case ValueKind::kInt: return a.i == b.i;
    case ValueKind::kUInt: return a.u == b.u;
    case ValueKind::kFloat: return std::bit_cast<std::uint32_t>(a.f) == std::bit_cast<std::uint32_t>(b.f);
    case ValueKind::kDouble: return std::bit_cast<std::uint64_t>(a.d) == std::bit_cast<std::uint64_t>(b.d);
    case ValueKind::kBytes: return a.bytes == b.bytes;
  }
  return false;
}

}  // namespace shardlift::mysql
