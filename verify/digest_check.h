// DigestChecker: the server method. Compares parts of a legacy table by digests that the servers compute, and row by
// row only where those differ.
//
// A part of many rows is walked in chunks by key. A chunk whose digests differ is walked again in smaller ones, until
// so few rows are left that they are streamed and merged, as the client method does with all rows: verdicts come from
// there alone. So digests that differ for rows that are equal (JSON in other words) cost time and are no finding, while
// equal digests are what is relied on. Where many rows turn out to be equal only by the meaning of their JSON, the rest
// of the table is digested without its JSON columns, and these are compared row by row.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <set>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "verify/digest.h"
#include "verify/table_check.h"

namespace shardlift::verify {

// What is known of one part of a table. The parts of a table, in any order, make up its result.
struct PartResult {
  OwnerPart part;
  bool by_rows = false;       // else by digest, and all its rows are equal
  bool json_by_rows = false;  // by digest, but for its JSON columns
  MergeCounts counts;
  std::vector<Finding> findings;
  LiveCounts live;
};

// Shared by all that check parts of one table.
struct TableState {
  std::atomic<std::uint64_t> equal_by_meaning{0};
  std::atomic<bool> json_by_rows{false};
};

class DigestChecker {
 public:
  // Borrows both.
  DigestChecker(const CheckContext& context, TableChecker* rows);

  // Sets `result`. Failures as TableChecker::Check, but what was settled before one is kept.
  base::Status Check(const job::CatalogTable& table, const OwnerPart& part, TableState* state, TableResult* result);

 private:
  struct PartDigests {
    Digests source;
    std::vector<Digests> shards;
  };
  struct Task {
    const job::CatalogTable& table;
    TableState* state;
    std::function<void(PartResult)> on_part;
    unsigned differing_in_a_row = 0;
  };

  base::Status Walk(Task& task, const OwnerPart& part, std::uint64_t rows);
  base::Status CheckChunk(Task& task, const OwnerPart& part, std::uint64_t rows);
  base::Status CheckSliced(Task& task);
  base::Result<PartDigests> Read(Task& task, const DigestScope& scope);
  base::Result<bool> JsonIsEqual(Task& task, const OwnerPart& part);
  base::Status CompareByRows(Task& task, PartResult part);

  // Slices (0 without any) whose digests differ, or say nothing.
  std::set<std::uint32_t> Differing(const PartDigests& digests) const;
  // The rows of the slices that are not in `without`, all of them equal.
  PartResult EqualPart(const OwnerPart& part, const PartDigests& digests, const std::set<std::uint32_t>& without) const;
  static TableResult ToResult(PartResult part);

  const CheckContext& context_;
  TableChecker* const rows_;
  const std::vector<store::BucketRange> ranges_;
};

}  // namespace shardlift::verify
