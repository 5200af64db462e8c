// MergeTable: one legacy table's source rows against the shards' rows of the same table, merged on the owner key.
//
// Memory is constant: one row per stream. Every stream must be in ascending bytewise key order; that is checked row by
// row, because a merge over disordered streams would call equal rows missing and extra. Thread rules: one thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/message_table.h"
#include "store/router.h"
#include "verify/row_source.h"
#include "verify/verify.h"

namespace shardlift::verify {

struct Verdict {
  FindingKind kind = FindingKind::kDiffers;
  std::string_view owner_key;                   // lives during the call only
  std::vector<std::uint32_t> shards;            // indexes of the shards that hold the owner, one entry per copy
  std::optional<std::uint32_t> expected_shard;  // by the bucket that the source computed
  std::vector<std::size_t> columns;             // of the target's, that differ (first copy in its place)
};

struct MergeCounts {
  std::uint64_t source_rows = 0;
  std::uint64_t equal = 0;
  std::uint64_t equal_by_meaning = 0;  // of them: with JSON of other bytes
  std::array<std::uint64_t, kFindingKinds> findings{};
  std::uint64_t findings_with_source = 0;  // source_rows = equal + this
  std::vector<std::uint64_t> shard_rows;   // per shard

  void Add(const MergeCounts& other);  // counts of other rows
};

struct MergeInput {
  RowSource* source = nullptr;
  std::span<RowSource* const> shards;
  const store::Router* router = nullptr;
  const store::TargetTable* target = store::MessageTarget().get();
  const std::atomic<bool>* stop = nullptr;          // kStopped when set
  std::function<void(std::uint64_t rows)> on_rows;  // called now and then with the source rows since the last call
  std::function<void(const Verdict&)> on_finding;
};

// kCorrupt when a stream is out of order or names one source row twice; failures of the streams as they are.
base::Status MergeTable(const MergeInput& input, MergeCounts* counts);

}  // namespace shardlift::verify
