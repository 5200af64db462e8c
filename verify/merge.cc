#include "verify/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "verify/compare.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Status;

constexpr std::uint64_t kRowsPerReport = 1024;

std::optional<std::uint32_t> ParseBucket(const std::optional<std::string_view>& text) {
  std::uint32_t bucket = 0;
  if (!text.has_value()) return std::nullopt;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), bucket);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  return bucket;
}

// One stream with its current row and the check of its order.
class Cursor {
 public:
  Cursor(RowSource* rows, bool allow_repeats, std::string place)
      : rows_(rows), allow_repeats_(allow_repeats), place_(std::move(place)) {}

  bool at_end() const { return at_end_; }
  RowFields row() const { return rows_->row(); }
  std::string_view key() const { return key_; }
  std::uint64_t rows_read() const { return rows_read_; }

  Status Advance() {
    SL_ASSIGN(const bool more, rows_->Next());
    at_end_ = !more;
    if (at_end_) return base::Ok();
    const auto& key = rows_->row()[kKeyField];
    if (!key.has_value()) {
      return Status(Code::kCorrupt, place_ + ": a row has no owner key; is a key column NULL?");
    }
    if (rows_read_ > 0 && (*key < key_ || (*key == key_ && !allow_repeats_))) {
      return Status(Code::kCorrupt, fmt::format("{}: row {} is {} the row before it in owner key order; the key's "
                                                "collation or type is not supported",
                                                place_, rows_read_ + 1, *key == key_ ? "the same key as" : "before"));
    }
    key_.assign(*key);
    ++rows_read_;
    return base::Ok();
  }

 private:
  RowSource* rows_;
  bool allow_repeats_;
  std::string place_;
  std::string key_;
  std::uint64_t rows_read_ = 0;
  bool at_end_ = false;
};

class Merge {
 public:
  Merge(const MergeInput& input, MergeCounts* counts)
      : input_(input),
        counts_(counts),
        bucket_field_(kFirstColumnField + input.target->bucket),
        stored_(std::span(input.target->columns).first(input.target->stored())),
        recomputed_field_(kFirstColumnField + input.target->columns.size()),
        source_(input.source, false, "source rows") {
    for (std::size_t i = 0; i < input.shards.size(); ++i) {
      shards_.emplace_back(input.shards[i], true, fmt::format("rows of shard {}", i));
    }
  }

  Status Run() {
    SL_TRY(source_.Advance());
    for (Cursor& shard : shards_) SL_TRY(shard.Advance());
    std::string key;
    while (NextKey(&key)) {
      if (++owners_ % kRowsPerReport == 0) {
        if (input_.stop != nullptr && input_.stop->load()) return Status(Code::kStopped, "stopped on request");
        Report();
      }
      SL_TRY(OneOwner(key));
    }
    Report();
    counts_->source_rows = source_.rows_read();
    counts_->shard_rows.clear();
    for (const Cursor& shard : shards_) counts_->shard_rows.push_back(shard.rows_read());
    return base::Ok();
  }

 private:
  // The smallest key that any stream stands at.
  bool NextKey(std::string* key) const {
    const Cursor* least = source_.at_end() ? nullptr : &source_;
    for (const Cursor& shard : shards_) {
      if (!shard.at_end() && (least == nullptr || shard.key() < least->key())) least = &shard;
    }
    if (least == nullptr) return false;
    key->assign(least->key());
    return true;
  }

  void Report() {
    const std::uint64_t rows = source_.rows_read();
    if (input_.on_rows && rows > reported_) input_.on_rows(rows - reported_);
    reported_ = rows;
  }

  // Takes all rows of one owner off the streams and gives the verdict.
  Status OneOwner(const std::string& key) {
    Verdict verdict;
    verdict.owner_key = key;
    const bool has_source = !source_.at_end() && source_.key() == key;
    std::optional<std::uint32_t> source_bucket;
    if (has_source) {
      source_bucket = ParseBucket(source_.row()[bucket_field_]);
      if (source_bucket.has_value() && *source_bucket >= input_.router->rules().bucket_count()) source_bucket.reset();
      if (source_bucket.has_value()) verdict.expected_shard = input_.router->ShardOf(*source_bucket);
    }
    bool bucket_wrong = false;
    for (std::uint32_t i = 0; i < shards_.size(); ++i) {
      Cursor& shard = shards_[i];
      while (!shard.at_end() && shard.key() == key) {
        // Columns are compared with the first copy, or with a later one that is in its place.
        const bool compare = has_source && (verdict.shards.empty() || verdict.expected_shard == i);
        verdict.shards.push_back(i);
        if (compare) bucket_wrong = CompareCopy(shard.row(), source_bucket, &verdict.columns);
        SL_TRY(shard.Advance());
      }
    }
    if (has_source) SL_TRY(source_.Advance());
    Judge(has_source, bucket_wrong, &verdict);
    return base::Ok();
  }

  // True if the copy is in a wrong bucket: not the source's, or not the one of the account columns beside it.
  bool CompareCopy(RowFields copy, std::optional<std::uint32_t> source_bucket, std::vector<std::size_t>* columns) {
    columns->clear();
    by_meaning_ = CompareColumns(stored_, source_.row(), copy, columns);
    const std::optional<std::uint32_t> recomputed = ParseBucket(copy[recomputed_field_]);
    const bool has_bucket = input_.target->bucket < stored_.size();
    const std::optional<std::uint32_t> bucket = has_bucket ? ParseBucket(copy[bucket_field_]) : recomputed;
    return !bucket.has_value() || bucket != source_bucket || bucket != recomputed;
  }

  void Judge(bool has_source, bool bucket_wrong, Verdict* verdict) {
    if (verdict->shards.size() > 1) {
      verdict->kind = FindingKind::kDuplicate;
    } else if (!has_source) {
      verdict->kind = FindingKind::kExtra;
    } else if (verdict->shards.empty()) {
      verdict->kind = FindingKind::kMissing;
    } else if (verdict->expected_shard.has_value() && verdict->shards[0] != *verdict->expected_shard) {
      verdict->kind = FindingKind::kWrongShard;
    } else if (bucket_wrong) {
      verdict->kind = FindingKind::kWrongBucket;
    } else if (!verdict->columns.empty()) {
      verdict->kind = FindingKind::kDiffers;
    } else {
      ++counts_->equal;
      if (by_meaning_) ++counts_->equal_by_meaning;
      return;
    }
    ++counts_->findings[static_cast<std::size_t>(verdict->kind)];
    if (has_source) ++counts_->findings_with_source;
    if (input_.on_finding) input_.on_finding(*verdict);
  }

  const MergeInput& input_;
  MergeCounts* const counts_;
  const std::size_t bucket_field_;
  const std::span<const store::TargetColumn> stored_;
  const std::size_t recomputed_field_;
  Cursor source_;
  std::vector<Cursor> shards_;
  std::uint64_t owners_ = 0;
  std::uint64_t reported_ = 0;
  bool by_meaning_ = false;  // of the copy compared last
};

}  // namespace

void MergeCounts::Add(const MergeCounts& other) {
  source_rows += other.source_rows;
  equal += other.equal;
  equal_by_meaning += other.equal_by_meaning;
  for (std::size_t kind = 0; kind < kFindingKinds; ++kind) findings[kind] += other.findings[kind];
  findings_with_source += other.findings_with_source;
  shard_rows.resize(std::max(shard_rows.size(), other.shard_rows.size()));
  for (std::size_t shard = 0; shard < other.shard_rows.size(); ++shard) shard_rows[shard] += other.shard_rows[shard];
}

Status MergeTable(const MergeInput& input, MergeCounts* counts) {
  *counts = MergeCounts();
  return Merge(input, counts).Run();
}

}  // namespace shardlift::verify
