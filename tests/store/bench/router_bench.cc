// What a route costs, by strategy and key, alone and from many threads while the map is replaced. Not a test; built
// when asked (target store_router_bench). Keys are in the processor's caches.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <random>
#include <thread>

#include "store/router.h"

namespace shardlift::store {
namespace {

constexpr std::size_t kKeys = 256;  // a power of two; all of them are in the first cache
constexpr std::uint32_t kShards = 16;

std::vector<std::string> Ids() {
  std::vector<std::string> keys;
  std::mt19937_64 random(1);
  for (std::size_t i = 0; i < kKeys; ++i) keys.push_back(std::to_string(10'000'000 + random() % 90'000'000));
  return keys;
}

std::vector<std::string> OpenIds() {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::vector<std::string> keys;
  std::mt19937_64 random(2);
  for (std::size_t i = 0; i < kKeys; ++i) {
    std::string key = "o";
    while (key.size() < 28) key += kLetters[random() % kLetters.size()];
    keys.push_back(std::move(key));
  }
  return keys;
}

RoutingRules RulesOf(Strategy strategy, const std::vector<std::string>& keys) {
  RoutingRules rules;
  rules.strategy = strategy;
  rules.tables = 32;
  if (strategy == Strategy::kRange) {
    for (std::uint32_t i = 0; i < 1000; ++i) rules.ranges.push_back({i * std::uint64_t{100'000}, i});
  }
  if (strategy == Strategy::kLookup) {
    for (std::uint32_t i = 0; i < kKeys / 2; ++i) rules.lookup.push_back({1, keys[i], i});
  }
  return rules;
}

Router Make(RoutingRules rules, std::uint64_t epoch = 1) {
  auto checked = BucketRules::Create(rules);
  return Router::Create(std::move(rules), epoch, Router::EqualRanges(checked->bucket_count(), kShards)).value();
}

template <class Way>
void RouteAll(benchmark::State& state, const std::vector<std::string>& keys, Way&& way, std::uint32_t biz_tag = 0) {
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(way.Route({1, keys[i++ & (kKeys - 1)], biz_tag}));
}

void Alone(benchmark::State& state, Strategy strategy, const std::vector<std::string>& keys) {
  const Router router = Make(RulesOf(strategy, keys));
  RouteAll(state, keys, router);
}

void Pinned(benchmark::State& state, const std::vector<std::string>& keys) {
  RoutingRules rules;
  for (std::uint32_t tag = 0; tag < 16; ++tag) rules.pinned_tags.push_back({tag * 10, 4096 + tag * 4, 4});
  const Router router = Make(std::move(rules));
  RouteAll(state, keys, router, 70);
}

void Live(benchmark::State& state, const std::vector<std::string>& keys) {
  LiveRouter live(Make({}));
  LiveRouter::Reader reader(live);
  RouteAll(state, keys, reader);
}

// A thread of ours puts in a new map each millisecond, as often as no operator would.
struct Reloads {
  LiveRouter live{Make({})};
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> maps{1};
  std::thread loader{[this] {
    while (!stop && live.Load(Make({}, maps + 1)).ok()) {
      ++maps;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }};
  ~Reloads() {
    stop = true;
    loader.join();
  }
};
std::unique_ptr<Reloads> g_reloads;  // of the benchmark that runs

void UnderReloads(benchmark::State& state, const std::vector<std::string>& keys) {
  LiveRouter::Reader reader(g_reloads->live);
  RouteAll(state, keys, reader);
  if (state.thread_index() == 0) state.counters["maps"] = static_cast<double>(g_reloads->maps);
}

int Run(int argc, char** argv) {
  for (const Strategy strategy :
       {Strategy::kCrc32Fmix32, Strategy::kXxh3, Strategy::kModulo, Strategy::kRange, Strategy::kLookup}) {
    benchmark::RegisterBenchmark(fmt::format("{}/8 digits", StrategyName(strategy)).c_str(), Alone, strategy, Ids());
    if (strategy == Strategy::kModulo || strategy == Strategy::kRange) continue;
    benchmark::RegisterBenchmark(fmt::format("{}/open id", StrategyName(strategy)).c_str(), Alone, strategy, OpenIds());
  }
  benchmark::RegisterBenchmark("pinned tag/8 digits", Pinned, Ids());
  benchmark::RegisterBenchmark("crc32-fmix32, live/8 digits", Live, Ids());
  for (const int threads : {1, 2, 4, 8}) {
    benchmark::RegisterBenchmark("crc32-fmix32, live, maps replaced/8 digits", UnderReloads, Ids())
        ->Setup([](const benchmark::State&) { g_reloads = std::make_unique<Reloads>(); })
        ->Teardown([](const benchmark::State&) { g_reloads.reset(); })
        ->Threads(threads);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace shardlift::store

int main(int argc, char** argv) { return shardlift::store::Run(argc, argv); }
