// An application that routes as shardlift does. docs/routing.md shows this file.
#include <cstdio>
#include <thread>
#include <vector>

#include "store/router.h"

namespace store = shardlift::store;

int main() {
  store::RoutingRules rules;  // as the store was made; the defaults are 4096 buckets by crc32-fmix32
  rules.tables = 32;
  auto first = store::Router::Create(rules, /*epoch=*/1, store::Router::EqualRanges(rules.buckets, 8));
  if (!first.ok()) {
    std::fprintf(stderr, "%s\n", first.status().message().c_str());
    return 1;
  }
  store::LiveRouter live(*first);

  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&live] {
      store::LiveRouter::Reader reader(live);  // one for each thread
      const store::Place place = reader.Route({.account_type = 1, .account_key = "10045"});
      std::printf("bucket %u, database %u, table %u, map %llu\n", place.bucket, place.shard, place.table,
                  static_cast<unsigned long long>(place.epoch));
    });
  }

  // Eight databases become sixteen: half of the buckets move, the rest stay where they are.
  auto next = first->WithMap(/*epoch=*/2, first->Resized(16));
  if (!next.ok() || !live.Load(*next).ok()) return 1;
  for (std::thread& worker : workers) worker.join();
  return live.Load(*first).ok() ? 1 : 0;  // a smaller epoch is refused
}
