// Planter: makes rows of the shards wrong by plain SQL, drawn by a seed, and says what a verifier has to find. It knows
// the tables, and nothing of how they are verified.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "mysql/session.h"
#include "rehearse/random.h"

namespace shardlift::verify::testing {

enum class FaultWay : std::uint8_t { kUpdate, kDelete, kMove, kCopy, kForeign, kSwapBodies, kSwapAccounts };

struct Fault {
  std::string_view name;
  FaultWay way = FaultWay::kUpdate;
  std::string_view condition;  // which rows can have it
  std::string_view set;        // of kUpdate, and of kMove before the row is moved
  std::string_view verdict;    // empty: the row stays equal
  std::string_view columns;    // named by the finding
};

// Each kind of fault once.
const std::vector<Fault>& Faults();

class Planter {
 public:
  // Sessions of all shards, their databases chosen; borrowed. `scope`: a condition for rows that may be made wrong.
  Planter(std::vector<mysql::Session*> shards, std::uint64_t seed, std::string scope = "TRUE")
      : shards_(std::move(shards)), random_(seed), scope_(std::move(scope)) {}

  // Plant into rows without a fault so far. False, and nothing is changed, when no row can have it.
  bool Plant(const Fault& fault, std::size_t shard);
  bool Plant(const Fault& fault);  // on some shard
  // The row at a place of a table's key order, over all shards.
  bool PlantAt(const Fault& fault, std::uint32_t origin, std::uint32_t table, std::size_t place);
  // Makes all rows as they were.
  void Undo();

  // "differs 1/7 000000000000002A [body]", of all that is planted.
  const std::multiset<std::string>& expected() const { return expected_; }

 private:
  struct Row {
    std::size_t shard = 0;
    std::uint32_t origin = 0;
    std::uint32_t table = 0;
    std::string key;  // hex
    std::string Where() const;
    std::string Name() const;
  };
  std::vector<Row> Rows(std::size_t shard, const std::string& condition);
  bool PlantInto(const Fault& fault, const Row& row);
  bool Swap(const Fault& fault, const Row& row);
  void CopyTo(std::size_t shard, const Row& row, std::string_view key);
  std::string Values(const Row& row, std::string_view key);
  void Keep(const Row& row);  // for Undo
  void Run(std::size_t shard, const std::string& sql, std::uint64_t rows_min = 1);
  void Expect(const Fault& fault, const Row& row);

  std::vector<mysql::Session*> shards_;
  rehearse::Random random_;
  std::string scope_;
  std::set<std::string> taken_;  // by Row::Name
  std::multiset<std::string> expected_;
  std::vector<std::pair<std::size_t, std::string>> undo_;  // shard, statement; in order
};

}  // namespace shardlift::verify::testing
