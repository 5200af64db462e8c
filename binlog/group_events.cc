// GroupReader: what happens inside a group.
#include <fmt/format.h>

#include <algorithm>

#include "binlog/cursor.h"
#include "binlog/group_body.h"
#include "binlog/group_reader.h"

namespace shardlift::binlog {
namespace {

constexpr std::size_t kSeenTablesMax = 8192;

}  // namespace

void GroupReader::StartGroup() {
  ++group_number_;
  group_ = CommitGroup();
  group_.body_ = std::make_unique<GroupBody>(options_.spill);
  group_.body_->set_file(bounds_.event_file());
  group_.begin = bounds_.group_begin();
  if (bounds_.gtid().number != 0) group_.gtid = bounds_.gtid();
  group_.maria_gtid = bounds_.maria_gtid();
  group_.has_gtid_event = bounds_.has_gtid_event();
  savepoints_.clear();
  own_xid_.clear();
}

void GroupReader::ForgetGroup() {
  group_ = CommitGroup();
  savepoints_.clear();
  own_xid_.clear();
}

base::Status GroupReader::OnQuery(const Query& query, std::string_view schema, std::string_view sql) {
  switch (query.kind) {
    case QueryKind::kBegin: return base::Ok();
    case QueryKind::kXaStart: own_xid_ = query.name; return base::Ok();
    case QueryKind::kCommit: return EndGroup(GroupKind::kCommit);
    case QueryKind::kRollback: return EndGroup(GroupKind::kRolledBack);
    case QueryKind::kSavepoint:
      ReleaseSavepoint(query.name);
      savepoints_.push_back({query.name, group_.body_->events()});
      return base::Ok();
    case QueryKind::kRollbackToSavepoint: RollbackToSavepoint(query.name); return base::Ok();
    case QueryKind::kReleaseSavepoint: ReleaseSavepoint(query.name); return base::Ok();
    case QueryKind::kXaEnd: return base::Ok();
    case QueryKind::kXaPrepare: return EndPrepare(query.name);
    case QueryKind::kXaCommit: return EndXaCommit(query.name);
    case QueryKind::kXaCommitOnePhase: return EndGroup(GroupKind::kCommit);
    case QueryKind::kXaRollback: return EndXaRollback(query.name);
    case QueryKind::kDdl:
    case QueryKind::kDml:
    case QueryKind::kOther:
      AddStatement(schema, sql, query.kind);
      return bounds_.ended_group() ? EndGroup(GroupKind::kCommit) : base::Ok();
  }
  return base::Ok();
}

void GroupReader::AddStatement(std::string_view schema, std::string_view sql, QueryKind kind) {
  Statement statement;
  statement.default_schema = schema;
  statement.sql = sql;
  statement.is_ddl = kind == QueryKind::kDdl;
  statement.is_dml = kind == QueryKind::kDml;
  statement.end_offset = bounds_.offset();
  group_.statements.push_back(std::move(statement));
}

// A savepoint the binlog does not show was set before anything of the group was written: nothing stays.
void GroupReader::RollbackToSavepoint(const std::string& name) {
  const auto same = [&](const Savepoint& savepoint) { return savepoint.name == name; };
  const auto found = std::find_if(savepoints_.begin(), savepoints_.end(), same);
  if (found == savepoints_.end()) {
    group_.body_->KeepFirst(0);
    savepoints_.clear();
    return;
  }
  group_.body_->KeepFirst(found->events);
  savepoints_.erase(found + 1, savepoints_.end());
}

// Releases the savepoint; what was set after it goes with it when it is set anew or released.
void GroupReader::ReleaseSavepoint(const std::string& name) {
  std::erase_if(savepoints_, [&](const Savepoint& savepoint) { return savepoint.name == name; });
}

GroupReader::SeenTable* GroupReader::FindTable(std::uint64_t table_id) {
  const auto found = tables_.find(table_id);
  return found == tables_.end() || found->second.group != group_number_ ? nullptr : &found->second;
}

base::Status GroupReader::OnTableMap(const Event& event) {
  SL_ASSIGN(const TableMapName name, ParseTableMapName(event, bounds_.format()));
  if (tables_.size() > kSeenTablesMax) {
    std::erase_if(tables_, [&](const auto& entry) { return entry.second.group != group_number_; });
  }
  if (options_.describe) return Describe(event, name, tables_[name.table_id]);
  const mysql::TableSchema* schema = options_.tables ? options_.tables(name.schema, name.table) : nullptr;
  SeenTable& seen = tables_[name.table_id];
  const bool known = schema != nullptr && seen.map != nullptr && seen.schema == schema && seen.raw == event.body;
  seen.group = group_number_;
  if (known) return base::Ok();
  seen.schema = schema;
  seen.map = nullptr;
  if (schema == nullptr) return base::Ok();
  seen.raw = event.body;
  SL_ASSIGN(const TableMapEvent map, ParseTableMap(event, bounds_.format()));
  base::Result<std::shared_ptr<const TableMap>> matched = MatchTableMap(map, *schema);
  if (!matched.ok() && matched.status().code() == base::Code::kRefused) {
    return {base::Code::kRefused,
            fmt::format("table {} changed shape at {}; {}. Finish or approve the DDL on the source and start again",
                        schema->name.Text(), Place(), matched.status().message())};
  }
  SL_TRY(matched.status());
  seen.map = std::move(matched).value();
  return base::Ok();
}

base::Status GroupReader::Describe(const Event& event, const TableMapName& name, SeenTable& seen) {
  const bool same = seen.raw == event.body && !seen.raw.empty();
  seen.group = group_number_;
  if (same && seen.map == nullptr) return base::Ok();
  const bool wanted = same || options_.describe(name.schema, name.table);
  TableMapEvent map;
  if (wanted && !same) {
    SL_ASSIGN(map, ParseTableMap(event, bounds_.format()));
    seen.has_names = !map.column_names.empty();
  }
  const mysql::TableSchema* schema = nullptr;
  if (wanted && options_.known_schema) {
    SL_ASSIGN(schema, options_.known_schema(name, {bounds_.event_file(), bounds_.event_begin()}, seen.has_names));
  }
  if (same && seen.schema == schema) return base::Ok();
  seen.map = nullptr;
  seen.schema = schema;
  if (wanted) {
    if (same) {
      SL_ASSIGN(map, ParseTableMap(event, bounds_.format()));
    }
    SL_ASSIGN(const auto table, DescribeTable(map, bounds_.format().flavour, described_++, schema));
    table->json_as_sql = options_.json_as_sql;
    if (options_.on_described) options_.on_described(*table);
    seen.map = table;
  }
  seen.raw = event.body;
  return base::Ok();
}

base::Status GroupReader::OnRows(const Event& event, const RowEventKind& kind) {
  if (kind.pre_ga) {
    return {base::Code::kRefused,
            fmt::format("{}: such events hold rows as they lay in the memory of a MySQL 5.1 before its release; start "
                        "after this place with a new copy",
                        EventTypeName(event.header.type))};
  }
  SL_ASSIGN(const RowEvent rows, ParseRowEvent(event, bounds_.format()));
  const SeenTable* seen = FindTable(rows.table_id);
  if (seen == nullptr) {
    if (rows.table_id == kDummyTableId) return base::Ok();
    return Corrupt(fmt::format("{} for a table without a table map", EventTypeName(event.header.type)));
  }
  if (seen->map == nullptr) return base::Ok();
  std::string_view data = rows.data;
  if (kind.compressed) {
    SL_TRY(UncompressRows(data, kind.op, uncompressed_));
    data = uncompressed_;
  }
  return group_.body_->Add(seen->map, kind.op, kind.partial, bounds_.event_begin(), event.header.timestamp_seconds,
                           data);
}

base::Status GroupReader::OnXaPrepareEvent(const Event& event) {
  constexpr std::uint32_t kXidPartBytesMax = 64;
  Cursor in(event.body);
  in.Skip(bounds_.format().PostHeaderBytes(EventType::kXaPrepare, 0));
  const bool one_phase = in.U8() != 0;
  const std::uint32_t format_id = in.U32();
  const std::uint32_t gtrid_bytes = in.U32();
  const std::uint32_t bqual_bytes = in.U32();
  if (gtrid_bytes > kXidPartBytesMax || bqual_bytes > kXidPartBytesMax) in.Fail();
  const std::string_view gtrid = in.Bytes(gtrid_bytes);
  const std::string_view bqual = in.Bytes(bqual_bytes);
  if (!in.ok()) return Corrupt("XA_PREPARE_LOG_EVENT does not decode");
  return one_phase ? EndGroup(GroupKind::kCommit) : EndPrepare(CanonicalXid(format_id, gtrid, bqual));
}

base::Status GroupReader::EndGroup(GroupKind kind) {
  if (kind == GroupKind::kRolledBack) group_.body_->KeepFirst(0);
  group_.kind = kind;
  group_.end = {bounds_.file(), bounds_.offset()};
  ended_ = std::move(group_);
  ForgetGroup();
  return base::Ok();
}

base::Status GroupReader::EndPrepare(const std::string& xid) {
  if (xid.empty()) return Corrupt("XA PREPARE without a readable xid");
  if (prepared_.contains(xid)) return Corrupt(fmt::format("XA PREPARE of xid {}, which is prepared already", xid));
  Prepared prepared;
  prepared.gtid = group_.gtid;
  prepared.begin = group_.begin;
  prepared.statements = std::move(group_.statements);
  prepared.body = std::move(group_.body_);
  prepared_.emplace(xid, std::move(prepared));
  group_.statements.clear();
  group_.body_ = std::make_unique<GroupBody>(options_.spill);
  return EndGroup(GroupKind::kXaPrepare);
}

base::Status GroupReader::EndXaCommit(const std::string& xid) {
  const auto found = prepared_.find(xid);
  if (found == prepared_.end()) {
    return {base::Code::kRefused,
            fmt::format("XA COMMIT of xid {}: its PREPARE lies before the start position, so its rows are not known; "
                        "start again when XA RECOVER shows nothing on the source",
                        xid)};
  }
  group_.body_ = std::move(found->second.body);
  group_.has_xa_rows = group_.has_rows();
  group_.statements = std::move(found->second.statements);
  prepared_.erase(found);
  return EndGroup(GroupKind::kXaCommit);
}

base::Status GroupReader::EndXaRollback(const std::string& xid) {
  if (!own_xid_.empty() && own_xid_ == xid) return EndGroup(GroupKind::kRolledBack);
  prepared_.erase(xid);  // one prepared before the start position has nothing to discard
  group_.body_->KeepFirst(0);
  return EndGroup(GroupKind::kXaRollback);
}

}  // namespace shardlift::binlog
