// Random: a small reproducible generator (splitmix64): the same seed gives the same data on every machine.
#pragma once

#include <cstdint>
#include <string_view>

namespace shardlift::rehearse {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  // A stream of its own for a named part, so that parts do not depend on each other's draws.
  static Random For(std::uint64_t seed, std::string_view part, std::uint64_t number = 0) {
    std::uint64_t h = seed ^ 0x9e3779b97f4a7c15ULL;
    for (const char c : part) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    Random mixed(h ^ (number * 0xd6e8feb86659fd93ULL));
    return Random(mixed.Next());
  }
  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // 0 .. bound-1; 0 when bound is 0.
  std::uint64_t Below(std::uint64_t bound) { return bound == 0 ? 0 : Next() % bound; }
  // first .. last, both included.
  std::uint64_t Between(std::uint64_t first, std::uint64_t last) { return first + Below(last - first + 1); }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

 private:
  std::uint64_t state_;
};

}  // namespace shardlift::rehearse
