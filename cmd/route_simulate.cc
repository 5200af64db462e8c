#include "cmd/route_simulate.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;
using Json = nlohmann::ordered_json;

double Percent(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

SimulatedLayout Fill(const store::Layout& layout, const store::Router& router,
                     const std::vector<std::uint32_t>& buckets) {
  SimulatedLayout filled;
  filled.layout = layout;
  filled.map = router.MapText();
  filled.keys_of_database.resize(layout.databases);
  std::vector<std::uint32_t> cells(std::size_t{layout.databases} * layout.tables);
  for (const std::uint32_t bucket : buckets) {
    const std::uint32_t database = router.ShardOf(bucket);
    ++filled.keys_of_database[database];
    ++cells[std::size_t{database} * layout.tables + bucket % layout.tables];
  }
  filled.cells = store::Measure(cells);
  return filled;
}

SimulatedMove Move(const store::Layout& from, const store::Layout& to, const store::Router& before,
                   const store::Router& after, const store::Router& anew, const std::vector<std::uint32_t>& buckets) {
  SimulatedMove move;
  move.keys = buckets.size();
  for (const std::uint32_t bucket : buckets) {
    if (before.ShardOf(bucket) != after.ShardOf(bucket)) {
      ++move.database_changes;
    } else if (bucket % from.tables != bucket % to.tables) {
      ++move.table_changes;
    }
    move.with_equal_ranges += before.ShardOf(bucket) != anew.ShardOf(bucket) ? 1u : 0u;
  }
  const double larger = std::max(from.databases, to.databases);
  const double difference = larger - std::min(from.databases, to.databases);
  move.least_share = difference / larger;
  return move;
}

}  // namespace

Result<Simulation> Simulate(const store::RoutingRules& rules, const std::vector<store::Layout>& layouts,
                            const std::vector<SimulatedKey>& keys, std::string keys_named) {
  SL_ASSIGN(const store::BucketRules checked, store::BucketRules::Create(rules));
  Simulation simulation{.rules = std::string(store::StrategyName(rules.strategy)),
                        .buckets = checked.bucket_count(),
                        .keys_named = std::move(keys_named),
                        .keys = keys.size(),
                        .layouts = {},
                        .moves = {}};
  std::vector<std::uint32_t> buckets;
  buckets.reserve(keys.size());
  for (const SimulatedKey& key : keys) {
    buckets.push_back(checked.BucketOf({key.account_type, key.account_key, 0}));
    if (buckets.back() == store::kNoBucket) {
      return Status(Code::kUsage, fmt::format("key {} of the list has no bucket: {}", buckets.size(),
                                              checked.Explain({key.account_type, key.account_key, 0}).reason));
    }
  }
  const auto equal = [&](const store::Layout& layout) {
    return store::Router::Create(rules, 1, store::Router::EqualRanges(simulation.buckets, layout.databases));
  };
  SL_ASSIGN(store::Router now, equal(layouts.front()));
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    SL_ASSIGN(store::Router next, now.WithMap(i + 1, now.Resized(layouts[i].databases)));
    simulation.layouts.push_back(Fill(layouts[i], next, buckets));
    if (i > 0) {
      SL_ASSIGN(const store::Router anew, equal(layouts[i]));
      simulation.moves.push_back(Move(layouts[i - 1], layouts[i], now, next, anew, buckets));
    }
    now = std::move(next);
  }
  return simulation;
}

std::string SimulationText(const Simulation& s) {
  std::string text = fmt::format(
      "{} keys ({}), {} over {} buckets\n\n{:<9} {:>6} {:>10} {:>9} {:>9} {:>8} {:>8} {:>10}\n", s.keys, s.keys_named,
      s.rules, s.buckets, "layout", "cells", "keys/cell", "deviation", "by chance", "least", "most", "chi-square");
  for (const SimulatedLayout& l : s.layouts) {
    text += fmt::format("{:<9} {:>6} {:>10.1f} {:>9.2f} {:>9.2f} {:>8} {:>8} {:>10.1f}\n", l.layout.Text(),
                        l.cells.cells, l.cells.mean, l.cells.deviation, l.cells.chance_deviation, l.cells.least,
                        l.cells.most, l.cells.chi_square);
  }
  for (const SimulatedLayout& l : s.layouts) {
    text += fmt::format("\n{}, keys of each database:", l.layout.Text());
    for (const std::uint32_t keys : l.keys_of_database) text += fmt::format(" {}", keys);
    text += fmt::format("\n  map {}\n", l.map);
  }
  for (std::size_t i = 0; i < s.moves.size(); ++i) {
    const SimulatedMove& move = s.moves[i];
    text += fmt::format(
        "\n{} to {}: {:.2f}% of the keys move to another database (no even map moves less than {:.2f}% of the "
        "buckets), "
        "{:.2f}% to another\ntable of theirs. If the buckets were divided anew into equal ranges, {:.2f}% would "
        "move.\n",
        s.layouts[i].layout.Text(), s.layouts[i + 1].layout.Text(), Percent(move.database_changes, move.keys),
        100 * move.least_share, Percent(move.table_changes, move.keys), Percent(move.with_equal_ranges, move.keys));
  }
  return text;
}

Json SimulationJson(const Simulation& s) {
  Json layouts = Json::array();
  for (const SimulatedLayout& l : s.layouts) {
    layouts.push_back({{"layout", l.layout.Text()},
                       {"databases", l.layout.databases},
                       {"tables", l.layout.tables},
                       {"cells", l.cells.cells},
                       {"keys_per_cell", l.cells.mean},
                       {"deviation", l.cells.deviation},
                       {"deviation_by_chance", l.cells.chance_deviation},
                       {"chi_square", l.cells.chi_square},
                       {"least", l.cells.least},
                       {"most", l.cells.most},
                       {"keys_of_database", l.keys_of_database},
                       {"map", l.map}});
  }
  Json moves = Json::array();
  for (std::size_t i = 0; i < s.moves.size(); ++i) {
    const SimulatedMove& move = s.moves[i];
    moves.push_back({{"from", s.layouts[i].layout.Text()},
                     {"to", s.layouts[i + 1].layout.Text()},
                     {"database_changes", move.database_changes},
                     {"table_changes", move.table_changes},
                     {"moved_percent", Percent(move.database_changes, move.keys)},
                     {"least_percent", 100 * move.least_share},
                     {"moved_percent_with_equal_ranges", Percent(move.with_equal_ranges, move.keys)}});
  }
  return {{"rules", s.rules},           {"buckets", s.buckets},          {"keys", s.keys},
          {"keys_named", s.keys_named}, {"layouts", std::move(layouts)}, {"moves", std::move(moves)}};
}

}  // namespace shardlift::cmd
