// `shardlift route --simulate`: how keys fall on databases and tables, and how many move between layouts.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "base/status.h"
#include "store/distribution.h"
#include "store/router.h"

namespace shardlift::cmd {

struct SimulatedKey {
  std::uint32_t account_type = 0;
  std::string account_key;
};

struct SimulatedLayout {
  store::Layout layout;
  store::Distribution cells;                    // databases times tables
  std::vector<std::uint32_t> keys_of_database;  // with the map below
  std::string map;
};

struct SimulatedMove {
  std::size_t keys = 0;
  std::size_t database_changes = 0;
  std::size_t table_changes = 0;      // in the same database
  std::size_t with_equal_ranges = 0;  // database changes if the buckets were divided anew
  double least_share = 0;             // of the buckets: no map over so many databases that is even moves fewer
};

struct Simulation {
  std::string rules;
  std::uint32_t buckets = 0;
  std::string keys_named;
  std::size_t keys = 0;
  std::vector<SimulatedLayout> layouts;
  std::vector<SimulatedMove> moves;  // from each layout to the next
};

// The first layout has equal ranges, each later one moves as few buckets as it can. kUsage when a key has no bucket.
base::Result<Simulation> Simulate(const store::RoutingRules& rules, const std::vector<store::Layout>& layouts,
                                  const std::vector<SimulatedKey>& keys, std::string keys_named);
std::string SimulationText(const Simulation& simulation);
nlohmann::ordered_json SimulationJson(const Simulation& simulation);

}  // namespace shardlift::cmd
