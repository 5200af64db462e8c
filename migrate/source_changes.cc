// SourcePipeline, the part that turns commit groups into owner states.
#include <fmt/format.h>

#include "base/sync_point.h"
#include "migrate/ddl_guard.h"
#include "migrate/source_pipeline.h"

namespace shardlift::migrate {

using base::Code;
using base::Status;

std::string SourcePipeline::Place(const binlog::CommitGroup& group) const {
  return fmt::format("{}:{}", group.end.file, group.end.offset);
}

void SourcePipeline::ChooseSkippingLanes(const binlog::CommitGroup& group) {
  if (!resuming_) return;
  bool any = false;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const mysql::SourcePosition& applied = lanes_[i]->applied_at_claim();
    skips_[i] = flavour_ == mysql::Flavour::kMySql ? applied.gtid_set().Contains(group.gtid)
                                                   : applied.Contains(mysql::SourcePosition::FromFile(group.end));
    any |= skips_[i];
  }
  // File positions only grow; GTID sets may have holes, so there every group is looked up.
  if (!any && flavour_ == mysql::Flavour::kMariaDb) resuming_ = false;
}

Status SourcePipeline::HandleGroup(const binlog::CommitGroup& group) {
  for (const binlog::Statement& statement : group.statements) SL_TRY(CheckStatement(group, statement));
  ++state_->groups_streamed;
  if (group.has_rows()) {
    ChooseSkippingLanes(group);
    for (const std::unique_ptr<Lane>& lane : lanes_)
      lane->SetPlace(fmt::format("source {} at {}", name_, Place(group)));
    Status status = group.ForEachRow([&](const binlog::RowChange& change) { return HandleRow(group, change); });
    if (!status.ok()) return status.WithContext("group ending at " + Place(group));
  }
  if (copy_done_.load()) {
    base::SyncPoint("catchup.group", fmt::format("source {} at {} lag {} s", name_, Place(group), lag_seconds_.load()));
  }
  return base::Ok();
}

Status SourcePipeline::CheckStatement(const binlog::CommitGroup& group, const binlog::Statement& statement) const {
  if (!statement.is_ddl && !statement.is_dml) return base::Ok();
  const std::string table = FindMappedTable(config_, name_, statement.default_schema, statement.sql);
  if (table.empty()) return base::Ok();
  if (statement.is_dml) {
    return Status(
        Code::kRefused,
        fmt::format(
            "{}: a statement-format change of mapped table {} cannot be followed; a session turned binlog_format "
            "away from ROW; forbid that, remove the table's rows in sl_copy on all shards and copy it again",
            Place(group), table));
  }
  return Status(Code::kRefused,
                fmt::format("{}: DDL on mapped table {}; the run stops before it. Migrate with the new definition "
                            "into fresh shards, or undo the DDL's effect on the mapping before going on",
                            Place(group), table));
}

Status SourcePipeline::HandleRow(const binlog::CommitGroup& group, const binlog::RowChange& change) {
  const job::CatalogTable& table = *by_schema_.at(change.table);
  for (const auto image : {change.before, change.after}) {
    for (const mysql::Value& value : image) {
      if (!value.is_absent()) continue;
      return Status(Code::kRefused,
                    fmt::format("table {}: the row image lacks columns; a session turned binlog_row_image away from "
                                "FULL; forbid that and copy the table again",
                                change.table->name.Text()));
    }
  }
  if (round_.empty()) round_started_ = std::chrono::steady_clock::now();
  std::string before_owner;
  std::optional<std::uint32_t> before_shard;
  if (change.op != binlog::RowOp::kInsert) SL_TRY(EmptyBefore(table, change, &before_owner, &before_shard));
  if (change.op != binlog::RowOp::kDelete) SL_TRY(HandleAfter(group, table, change, before_owner));
  if (!skips_[before_shard.value_or(0)]) round_.CountChange(before_shard.value_or(0));
  if (group.has_xa_rows && !before_owner.empty()) book_->RecordXa(table.ordinal, before_owner);
  if (round_.bytes() >= 2 * config_.apply.batch_bytes_max) {
    // A large group spans several lane transactions; the checkpoint moves with the last.
    round_.Flush(lanes_, nullptr, nullptr, false);
  }
  return base::Ok();
}

// Empties the old place. Where it cannot be computed (a value that does not fit), the owner is emptied on every shard.
Status SourcePipeline::EmptyBefore(const job::CatalogTable& table, const binlog::RowChange& change, std::string* owner,
                                   std::optional<std::uint32_t>* shard) {
  std::string key;
  SL_TRY(table.mapper->OwnerKey(change.before, &key));
  *owner = MakeOwnerId(table.mapper->config().origin, table.ordinal, key);
  book_->Record(table.ordinal, *owner);
  const Status status = table.mapper->Map(change.before, *scratch_, &mapped_);
  if (status.code() == Code::kBadValue) {
    for (std::uint32_t i = 0; i < lanes_.size(); ++i) Empty(i, *owner, false);
  } else {
    SL_TRY(status);
    if (mapped_.kept) {
      *shard = router_.ShardOf(mapped_.bucket);
      Empty(**shard, *owner, change.op == binlog::RowOp::kUpdate);
    }
  }
  ClearDeadOwner(*owner);
  return base::Ok();
}

Status SourcePipeline::HandleAfter(const binlog::CommitGroup& group, const job::CatalogTable& table,
                                   const binlog::RowChange& change, const std::string& before_owner) {
  const std::uint32_t origin = table.mapper->config().origin;
  std::string key;
  SL_TRY(table.mapper->OwnerKey(change.after, &key));
  const std::string owner = MakeOwnerId(origin, table.ordinal, key);
  if (owner != before_owner) {
    book_->Record(table.ordinal, owner);
    if (group.has_xa_rows) book_->RecordXa(table.ordinal, owner);
    ClearDeadOwner(owner);
  }
  ValueCounts values;
  Status status = table.mapper->Map(change.after, *scratch_, &mapped_);
  if (status.code() == Code::kBadValue && table.mapper->config().on_bad_value == mapping::BadValuePolicy::kDeadLetter) {
    if (!skips_[0]) {
      round_.AddDeadLetter(0, {owner, kBadValue, status.message()});
      dead_owners_.insert(owner);
      values.CountSetAside(mapped_);
    }
    state_->CountValues(*table.mapper, values);
    return base::Ok();
  }
  if (!status.ok()) return status.WithContext("table " + table.schema().name.Text());
  if (!mapped_.kept) return base::Ok();
  const std::uint32_t shard = router_.ShardOf(mapped_.bucket);
  Put(shard, owner, mapped_.fields);
  if (!skips_[shard]) values.CountRow(mapped_);
  state_->CountValues(*table.mapper, values);
  return base::Ok();
}

void SourcePipeline::Put(std::uint32_t shard, const std::string& owner_id, const std::string& fields) {
  if (!skips_[shard]) round_.Put(shard, owner_id, fields);
}

void SourcePipeline::Empty(std::uint32_t shard, const std::string& owner_id, bool moved_away) {
  if (!skips_[shard]) round_.Empty(shard, owner_id, moved_away);
}

// A later change of the owner supersedes its dead letter, which lives on shard 0 because a row that does not fit has no
// shard.
void SourcePipeline::ClearDeadOwner(const std::string& owner_id) {
  if (dead_owners_.empty() || skips_[0] || dead_owners_.erase(owner_id) == 0) return;
  round_.Empty(0, owner_id, false);
}

}  // namespace shardlift::migrate
