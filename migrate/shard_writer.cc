#include "migrate/shard_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "mapping/table_mapper.h"
#include "store/message_table.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;
using store::TargetKind;

constexpr std::size_t kOwnersPerStatement = 500;
constexpr std::size_t kRowsPerInsert = 500;
constexpr std::size_t kInsertBytesMax = 1u << 20;

// Server errors that speak of one row's values: bad value, out of range, too long, bad JSON, CHECK, NULL.
bool IsValueError(unsigned server_errno) {
  static constexpr unsigned kErrors[] = {1048, 1264, 1265, 1292, 1300, 1366, 1406, 3140, 3819, 3988, 4025};
  return std::find(std::begin(kErrors), std::end(kErrors), server_errno) != std::end(kErrors);
}

// "(owner_origin = 1 AND owner_table = 3 AND owner_key IN (0x..,0x..)) OR ..." over one slice of owners.
std::string OwnerCondition(std::span<const std::string_view> owner_ids) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> by_table;
  for (const std::string_view id : owner_ids) {
    const OwnerIdParts parts = SplitOwnerId(id);
    std::string& keys = by_table[{parts.origin, parts.table_ordinal}];
    if (!keys.empty()) keys += ',';
    keys += mysql::HexLiteral(parts.legacy_key);
  }
  std::string condition;
  for (const auto& [table, keys] : by_table) {
    if (!condition.empty()) condition += " OR ";
    condition +=
        fmt::format("(owner_origin = {} AND owner_table = {} AND owner_key IN ({}))", table.first, table.second, keys);
  }
  return condition;
}

template <class Fn>
Status ForSlices(std::span<const std::string_view> all, Fn&& fn) {
  for (std::size_t i = 0; i < all.size(); i += kOwnersPerStatement) {
    SL_TRY(fn(all.subspan(i, std::min(kOwnersPerStatement, all.size() - i))));
  }
  return base::Ok();
}

// LOAD DATA reads every field as bytes (CHARACTER SET binary), which is right for binary and number columns; JSON
// columns refuse binary strings and are converted.
std::string LoadStatement() {
  std::string columns;
  std::string sets;
  for (const store::TargetColumn& column : store::MessageColumns()) {
    if (!columns.empty()) columns += ", ";
    if (column.kind == TargetKind::kJson) {
      columns += "@" + column.name;
      sets += (sets.empty() ? " SET " : ", ") + fmt::format("{0} = CONVERT(@{0} USING utf8mb4)", column.name);
    } else {
      columns += column.name;
    }
  }
  return "LOAD DATA LOCAL INFILE 'rows' INTO TABLE message CHARACTER SET binary FIELDS TERMINATED BY x'09' "
         "ESCAPED BY x'5C' LINES TERMINATED BY x'0A' (" +
         columns + ")" + sets;
}

void AppendLoadField(std::string& out, std::string_view bytes) {
  std::size_t plain = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c != '\t' && c != '\n' && c != '\\' && c != '\0') continue;
    out.append(bytes, plain, i - plain);
    out += '\\';
    out += c == '\t' ? 't' : c == '\n' ? 'n' : c == '\0' ? '0' : '\\';
    plain = i + 1;
  }
  out.append(bytes, plain, bytes.size() - plain);
}

void AppendLoadLine(std::string& out, std::string_view fields) {
  mapping::FieldReader reader(fields);
  bool first = true;
  while (!reader.AtEnd()) {
    if (!first) out += '\t';
    first = false;
    const std::optional<std::string_view> field = reader.Next();
    if (field) {
      AppendLoadField(out, *field);
    } else {
      out += "\\N";
    }
  }
  out += '\n';
}

void AppendTuple(std::string& out, std::string_view fields) {
  mapping::FieldReader reader(fields);
  out += '(';
  const std::span<const store::TargetColumn> columns = store::MessageColumns();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) out += ',';
    const std::optional<std::string_view> field = reader.Next();
    if (!field) {
      out += "NULL";
      continue;
    }
    switch (columns[i].kind) {
      case TargetKind::kUnsigned: out += *field; break;
      case TargetKind::kDateTime6: out += fmt::format("'{}'", *field); break;
      case TargetKind::kBinary: out += mysql::HexLiteral(*field); break;
      case TargetKind::kJson: out += fmt::format("CONVERT({} USING utf8mb4)", mysql::HexLiteral(*field)); break;
    }
  }
  out += ')';
}

const std::string& InsertPrefix() {
  static const std::string prefix = [] {
    std::string columns;
    for (const store::TargetColumn& column : store::MessageColumns()) {
      columns += (columns.empty() ? "" : ", ") + column.name;
    }
    return "INSERT INTO message (" + columns + ") VALUES ";
  }();
  return prefix;
}

}  // namespace

Status ShardWriter::DeleteOwners(std::span<const std::string_view> owner_ids) {
  // The hint keeps the optimizer from scanning a small table and waiting for rows that other lanes have locked. Each
  // server takes it in one form only: MySQL ignores FORCE INDEX in a DELETE of a tiny table, MariaDB knows no hint
  // comments.
  const std::string_view head = session_->flavour() == mysql::Flavour::kMySql
                                    ? "DELETE /*+ INDEX(message owner) */ FROM message WHERE "
                                    : "DELETE message FROM message FORCE INDEX (owner) WHERE ";
  return ForSlices(owner_ids, [&](std::span<const std::string_view> slice) {
    return session_->Execute(std::string(head) + OwnerCondition(slice), "delete rows by owner");
  });
}

Result<std::vector<OwnedRow>> ShardWriter::LockOwners(std::span<const std::string_view> owner_ids) {
  std::string select;
  for (const store::TargetColumn& column : store::MessageColumns()) {
    select += (select.empty() ? "SELECT " : ", ") + mysql::QuoteIdentifier(column.name);
  }
  const std::size_t origin = store::MessageColumnIndex("owner_origin");
  const std::size_t table = store::MessageColumnIndex("owner_table");
  const std::size_t key = store::MessageColumnIndex("owner_key");
  std::vector<OwnedRow> all;
  SL_TRY(ForSlices(owner_ids, [&](std::span<const std::string_view> slice) -> Status {
    SL_ASSIGN(auto rows, session_->Query(fmt::format("{} FROM message FORCE INDEX (owner) WHERE {} FOR UPDATE", select,
                                                     OwnerCondition(slice)),
                                         "read rows by owner"));
    for (auto& row : rows.rows) {
      std::string id =
          MakeOwnerId(static_cast<std::uint32_t>(std::stoul(row[origin].value_or("0"))),
                      static_cast<std::uint32_t>(std::stoul(row[table].value_or("0"))), row[key].value_or(""));
      all.push_back({std::move(id), std::move(row)});
    }
    return base::Ok();
  }));
  return all;
}

Result<std::vector<std::string>> ShardWriter::ExistingOwners(const ChunkPart& part) {
  std::string_view low;
  std::string_view high;
  std::unordered_set<std::string_view> wanted;
  part.rows.ForEach([&](std::string_view owner_id, std::string_view) {
    if (wanted.empty() || owner_id < low) low = owner_id;
    if (wanted.empty() || owner_id > high) high = owner_id;
    wanted.insert(owner_id);
  });
  std::vector<std::string> existing;
  if (wanted.empty()) return existing;
  const std::string sql = fmt::format(
      "SELECT owner_key FROM message FORCE INDEX (owner) WHERE owner_origin = {} AND owner_table = {} AND owner_key >= "
      "{} "
      "AND owner_key <= {}",
      part.origin, part.table_ordinal, mysql::HexLiteral(SplitOwnerId(low).legacy_key),
      mysql::HexLiteral(SplitOwnerId(high).legacy_key));
  SL_ASSIGN(auto stream, session_->OpenStream(sql, "find rows the stream wrote before the chunk"));
  while (true) {
    SL_ASSIGN(const bool more, stream->Next());
    if (!more) return existing;
    std::string id = MakeOwnerId(part.origin, part.table_ordinal, *stream->row()[0]);
    if (wanted.contains(id)) existing.push_back(std::move(id));
  }
}

Status ShardWriter::InsertFast(std::span<const RowRef> rows) {
  if (rows.empty()) return base::Ok();
  if (use_load_data_) {
    Status status = LoadRows(rows);
    const unsigned refused = status.server_errno();
    if (refused != 3948 && refused != 1148 && refused != 4166 && refused != 2068) return status;
    use_load_data_ = false;  // the server does not allow LOCAL; nothing was sent
  }
  return InsertRows(rows);
}

Status ShardWriter::LoadRows(std::span<const RowRef> rows) {
  static const std::string statement = LoadStatement();
  buffer_.clear();
  for (const RowRef& row : rows) AppendLoadLine(buffer_, row.fields);
  SL_ASSIGN(const mysql::LoadDataResult result, session_->LoadData(statement, buffer_, "load rows"));
  if (result.records == rows.size() && result.affected_rows == rows.size() && result.warnings == 0) return base::Ok();
  return Status(Code::kDuplicate, fmt::format("load rows: sent {}, inserted {}, warnings {}", rows.size(),
                                              result.affected_rows, result.warnings));
}

Status ShardWriter::InsertRows(std::span<const RowRef> rows) {
  std::size_t i = 0;
  while (i < rows.size()) {
    buffer_ = InsertPrefix();
    const std::size_t first = i;
    while (i < rows.size() && i - first < kRowsPerInsert && buffer_.size() < kInsertBytesMax) {
      if (i > first) buffer_ += ',';
      AppendTuple(buffer_, rows[i++].fields);
    }
    Status status = session_->Execute(buffer_, "insert rows");
    if (!status.ok() && IsValueError(status.server_errno())) return Status(Code::kDuplicate, status.message());
    SL_TRY(status);
  }
  return base::Ok();
}

Status ShardWriter::InsertCareful(std::span<const RowRef> rows, std::vector<DeadLetter>* dead_letters) {
  for (const RowRef& row : rows) {
    buffer_ = InsertPrefix();
    AppendTuple(buffer_, row.fields);
    const Status status = session_->Execute(buffer_, "insert row");
    if (status.ok()) continue;
    if (status.code() == Code::kDuplicate) {
      dead_letters->push_back({std::string(row.owner_id), kConflict,
                               "another owner's row has the same target key; the row is read again from time to time"});
    } else if (IsValueError(status.server_errno())) {
      dead_letters->push_back({std::string(row.owner_id), kRejected,
                               fmt::format("the shard refused a value, server error {}", status.server_errno())});
    } else {
      return status;
    }
  }
  return base::Ok();
}

Status ShardWriter::WriteDeadLetters(std::string_view source, std::string_view position,
                                     std::span<const DeadLetter> dead_letters) {
  for (const DeadLetter& letter : dead_letters) {
    const OwnerIdParts owner = SplitOwnerId(letter.owner_id);
    SL_TRY(session_->Execute(
        fmt::format(
            "INSERT INTO sl_dead_letter (owner_origin, owner_table, owner_key, source, position, reason, detail, "
            "created_at) VALUES ({}, {}, {}, {}, {}, {}, {}, NOW(6)) ON DUPLICATE KEY UPDATE position = "
            "VALUES(position), reason = VALUES(reason), detail = VALUES(detail), created_at = VALUES(created_at)",
            owner.origin, owner.table_ordinal, mysql::HexLiteral(owner.legacy_key), session_->Quote(source),
            session_->Quote(position), session_->Quote(letter.reason), session_->Quote(letter.detail)),
        "write dead letter"));
  }
  return base::Ok();
}

Status ShardWriter::ClearDeadLetters(std::span<const std::string_view> owner_ids) {
  return ForSlices(owner_ids, [&](std::span<const std::string_view> slice) {
    return session_->Execute("DELETE FROM sl_dead_letter WHERE " + OwnerCondition(slice), "clear dead letters");
  });
}

}  // namespace shardlift::migrate
