#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "rehearse/rehearse.h"

#ifndef SHARDLIFT_SOURCE_DIRECTORY
#define SHARDLIFT_SOURCE_DIRECTORY ""
#endif

namespace shardlift::rehearse {
namespace {

using mysql::Flavour;

constexpr std::array<std::pair<std::string_view, PlantKind>, 5> kPlants = {{{"lost", PlantKind::kLost},
                                                                            {"extra", PlantKind::kExtra},
                                                                            {"bit", PlantKind::kBit},
                                                                            {"shard", PlantKind::kShard},
                                                                            {"stale", PlantKind::kStale}}};

}  // namespace

std::string_view PlantKindName(PlantKind kind) { return kPlants[static_cast<std::size_t>(kind)].first; }

std::string_view ExpectedFinding(PlantKind kind) {
  switch (kind) {
    case PlantKind::kLost: return "missing";
    case PlantKind::kExtra: return "extra";
    case PlantKind::kShard: return "wrong_shard";
    case PlantKind::kBit:
    case PlantKind::kStale: return "differs";
  }
  return "";
}

base::Result<Pairing> ParsePairing(std::string_view text) {
  Pairing pairing;
  pairing.name = text;
  if (text == "mixed") {
    pairing.sources = {Flavour::kMariaDb, Flavour::kMySql};
    pairing.shards = {Flavour::kMariaDb, Flavour::kMySql};
    return pairing;
  }
  const std::size_t colon = text.find(':');
  const auto flavour_of = [](std::string_view word) { return word == "mysql" ? Flavour::kMySql : Flavour::kMariaDb; };
  const std::string_view left = text.substr(0, colon);
  const std::string_view right = colon == std::string_view::npos ? std::string_view() : text.substr(colon + 1);
  for (const std::string_view word : {left, right}) {
    if (word != "mysql" && word != "mariadb") {
      return base::Status(base::Code::kUsage,
                          fmt::format("--pairing {}: want mariadb:mariadb, mysql:mysql, mariadb:mysql, mysql:mariadb "
                                      "(sources:shards) or mixed",
                                      text));
    }
  }
  pairing.sources.assign(2, flavour_of(left));
  pairing.shards.assign(2, flavour_of(right));
  return pairing;
}

base::Result<Faults> ParseFaults(std::string_view text) {
  Faults faults;
  faults.kill = false;
  faults.shard_kill = false;
  if (text == "none") return faults;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view word = text.substr(0, comma);
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (word == "kill") {
      faults.kill = true;
    } else if (word == "shard-kill") {
      faults.shard_kill = true;
    } else {
      const std::string_view name = word.starts_with("plant:") ? word.substr(6) : std::string_view();
      const auto* const plant =
          std::find_if(kPlants.begin(), kPlants.end(), [&](const auto& entry) { return entry.first == name; });
      if (plant == kPlants.end()) {
        return base::Status(base::Code::kUsage,
                            fmt::format("--faults: unknown \"{}\": want a comma list of kill, shard-kill and "
                                        "plant:lost|extra|bit|shard|stale, or none",
                                        word));
      }
      faults.plants.push_back(plant->second);
    }
  }
  return faults;
}

base::Result<std::string> FindMappings() {
  std::error_code error;
  std::vector<std::filesystem::path> places;
  // build/<preset>/shardlift, or an installed bin/shardlift beside share/.
  for (auto at = std::filesystem::read_symlink("/proc/self/exe", error).parent_path(); !error && at.has_relative_path();
       at = at.parent_path()) {
    places.push_back(at / "configs/mappings");
    places.push_back(at / "share/shardlift/configs/mappings");
  }
  places.emplace_back(SHARDLIFT_SOURCE_DIRECTORY "/configs/mappings");
  for (const auto& place : places) {
    if (std::filesystem::exists(place / "im.json", error)) return place.string();
  }
  return base::Status(base::Code::kEnvironment,
                      "no configs/mappings near the program or in the source tree; name the directory with --mappings");
}

}  // namespace shardlift::rehearse
