#include "verify/owner_rows.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "verify/client_buckets.h"
#include "verify/merge.h"
#include "verify/table_check.h"

namespace shardlift::verify {
namespace {

using base::Result;
using base::Status;

class KeptRows final : public RowSource {
 public:
  explicit KeptRows(const std::vector<std::vector<std::optional<std::string>>>& rows) : rows_(rows) {}
  Result<bool> Next() override {
    if (next_ == rows_.size()) return false;
    views_.assign(rows_[next_].begin(), rows_[next_].end());
    ++next_;
    return true;
  }
  RowFields row() const override { return views_; }

 private:
  const std::vector<std::vector<std::optional<std::string>>>& rows_;
  std::size_t next_ = 0;
  std::vector<std::optional<std::string_view>> views_;
};

}  // namespace

OwnerRows::OwnerRows(const job::JobConfig& config, const job::CatalogTable& table, const store::Router& router,
                     std::vector<std::string> owner_keys, std::uint64_t bytes_max)
    : config_(config), table_(table), router_(router), bytes_max_(bytes_max), shards_(config.shards.size()) {
  part_.owners = std::move(owner_keys);
}

Status OwnerRows::Keep(mysql::Session& session, const std::string& sql, const std::string& what, Side* side) const {
  side->rows.clear();
  side->too_large = false;
  std::uint64_t bytes = 0;
  SL_ASSIGN(const auto stream, session.OpenStream(sql, what));
  for (;;) {
    SL_ASSIGN(const bool more, stream->Next());
    if (!more) return base::Ok();
    if (side->too_large) continue;
    Row& row = side->rows.emplace_back();
    for (const auto& value : stream->row()) {
      row.emplace_back(value);
      bytes += value ? value->size() : 0;
    }
    // One owner's rows are kept whatever they are: they have to be compared.
    side->too_large = bytes > bytes_max_ && part_.owners.size() > 1;
  }
}

Status OwnerRows::ReadSource(mysql::Session& source, bool lock) {
  const mapping::TableMapper& mapper = *table_.mapper;
  return Keep(source, SourceRowsSql(mapper, {part_}) + (lock ? " LOCK IN SHARE MODE" : ""),
              "read named rows of " + table_.schema().name.Text(), &source_);
}

Status OwnerRows::ReadShard(std::uint32_t shard, mysql::Session& session) {
  Side& side = shards_[shard];
  const std::uint32_t origin = table_.mapper->config().origin;
  const std::string sql = ShardRowsSql(table_.target(), table_.mapper->owners(), router_.rules(), {part_});
  SL_TRY(Keep(session, sql + " FOR UPDATE", "read named migrated rows of " + table_.schema().name.Text(), &side));
  side.clashes.clear();
  // Dead letters have owner columns, whatever their target.
  const auto of_letters = mapping::OwnerColumnsSql(*store::MessageTarget(), origin, table_.ordinal);
  const std::vector<std::string_view> keys(part_.owners.begin(), part_.owners.end());
  SL_ASSIGN(
      const mysql::Rows letters,
      session.Query("SELECT owner_key FROM sl_dead_letter WHERE reason = 'conflict' AND " + of_letters->Owners(keys),
                    "look up clashes"));
  for (const auto& row : letters.rows) side.clashes.insert(row[0].value_or(""));
  return base::Ok();
}

bool OwnerRows::too_large() const {
  bool any = source_.too_large;
  for (const Side& shard : shards_) any |= shard.too_large;
  return any;
}

std::unique_ptr<RowSource> OwnerRows::RowsOf(const Side& side, bool is_source) const {
  return WithBuckets(std::make_unique<KeptRows>(side.rows), table_.target(), router_.rules(),
                     is_source ? BucketField::kColumn : BucketField::kRecomputed);
}

Result<std::vector<ProbeResult>> OwnerRows::Judge() {
  std::map<std::string, ProbeResult> by_key;
  for (const std::string& key : part_.owners) by_key[key].state = ProbeState::kRight;
  for (const Row& row : source_.rows) by_key[row.at(kKeyField).value_or("")].has_source = true;
  const auto source = RowsOf(source_, true);
  std::vector<std::unique_ptr<RowSource>> kept;
  std::vector<RowSource*> shards;
  for (const Side& shard : shards_) shards.push_back(kept.emplace_back(RowsOf(shard, false)).get());
  MergeInput input;
  input.source = source.get();
  input.shards = shards;
  input.router = &router_;
  input.target = &table_.target();
  input.on_finding = [&](const Verdict& verdict) {
    ProbeResult& result = by_key[std::string(verdict.owner_key)];
    result.state = ProbeState::kWrong;
    result.finding = MakeFinding(config_, table_, verdict);
  };
  MergeCounts counts;
  SL_TRY(MergeTable(input, &counts));
  for (const Side& shard : shards_) {
    for (const std::string& key : shard.clashes) {
      ProbeResult& result = by_key[key];
      if (result.state != ProbeState::kWrong) continue;
      result.state = ProbeState::kOpen;
      result.reason = "set aside: another row has its target key, and may be about to give it up";
    }
  }
  std::vector<ProbeResult> results;
  for (const std::string& key : part_.owners) results.push_back(std::move(by_key[key]));
  return results;
}

}  // namespace shardlift::verify
