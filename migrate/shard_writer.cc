#include "migrate/shard_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "mapping/table_mapper.h"
#include "mysql/schema.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Result;
using base::Status;
using store::TargetKind;

constexpr std::size_t kOwnersPerStatement = 500;
constexpr std::size_t kRowsPerInsert = 500;
constexpr std::size_t kInsertBytesMax = 1u << 20;

// Server errors that speak of one row's values: bad value, out of range, too long, bad JSON, CHECK, NULL, no partition,
// what a generated column makes of them.
bool IsValueError(unsigned server_errno) {
  static constexpr unsigned kErrors[] = {1048, 1264, 1265, 1292, 1300, 1365, 1366,
                                         1406, 1526, 1690, 3140, 3819, 3988, 4025};
  return std::find(std::begin(kErrors), std::end(kErrors), server_errno) != std::end(kErrors);
}

// Dead letters have owner columns, whatever their target.
std::string LetterCondition(std::span<const std::string_view> owner_ids) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::string_view>> by_table;
  for (const std::string_view id : owner_ids) {
    const OwnerIdParts owner = SplitOwnerId(id);
    by_table[{owner.origin, owner.table_ordinal}].push_back(owner.legacy_key);
  }
  std::string condition;
  for (const auto& [table, keys] : by_table) {
    const auto owners = mapping::OwnerColumnsSql(*store::MessageTarget(), table.first, table.second);
    condition += fmt::format("{}({})", condition.empty() ? "" : " OR ", owners->Owners(keys));
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

// For kinds that do not take their text as a binary string, a conversion of it; else nothing.
std::string_view Conversion(TargetKind kind) {
  switch (kind) {
    case TargetKind::kText:
    case TargetKind::kEnum:
    case TargetKind::kSet:
    case TargetKind::kJson: return "CONVERT({} USING utf8mb4)";
    case TargetKind::kBit: return "CAST({} AS UNSIGNED)";
    default: return {};
  }
}

std::string ColumnList(const store::TargetTable& table) {
  std::string columns;
  for (const store::TargetColumn& column : std::span(table.columns).first(table.stored())) {
    columns += (columns.empty() ? "" : ", ") + mysql::QuoteIdentifier(column.name);
  }
  return columns;
}

// LOAD DATA reads every field as bytes (CHARACTER SET binary), which is right for binary, number and time columns; JSON
// columns refuse binary strings, text and BIT columns would take them as they are.
std::string LoadStatement(const store::TargetTable& table) {
  std::string columns;
  std::string sets;
  for (std::size_t i = 0; i < table.stored(); ++i) {
    const std::string name = mysql::QuoteIdentifier(table.columns[i].name);
    if (i > 0) columns += ", ";
    if (const std::string_view conversion = Conversion(table.columns[i].kind); !conversion.empty()) {
      const std::string variable = fmt::format("@c{}", i);
      columns += variable;
      sets += (sets.empty() ? " SET " : ", ") + name + " = " + fmt::format(fmt::runtime(conversion), variable);
    } else {
      columns += name;
    }
  }
  return fmt::format(
      "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET binary FIELDS TERMINATED BY x'09' ESCAPED BY x'5C' "
      "LINES TERMINATED BY x'0A' ({}){}",
      mysql::QuoteIdentifier(table.name), columns, sets);
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

void AppendLoadLine(std::string& out, const store::TargetTable& table, std::string_view fields) {
  mapping::FieldReader reader(fields);
  for (std::size_t i = 0; i < table.stored(); ++i) {
    if (i > 0) out += '\t';
    const std::optional<std::string_view> field = reader.Next();
    if (field) {
      AppendLoadField(out, *field);
    } else {
      out += "\\N";
    }
  }
  out += '\n';
}

void AppendTuple(std::string& out, const store::TargetTable& table, std::string_view fields) {
  mapping::FieldReader reader(fields);
  out += '(';
  for (std::size_t i = 0; i < table.stored(); ++i) {
    if (i > 0) out += ',';
    const std::optional<std::string_view> field = reader.Next();
    if (!field) {
      out += "NULL";
      continue;
    }
    switch (table.columns[i].kind) {
      case TargetKind::kBit:
      case TargetKind::kUnsigned:
      case TargetKind::kSigned:
      case TargetKind::kDecimal: out += *field; break;
      case TargetKind::kDate:
      case TargetKind::kTime:
      case TargetKind::kYear:
      case TargetKind::kFloat:  // as a number -0 would lose its sign
      case TargetKind::kDouble:
      case TargetKind::kDateTime: out += fmt::format("'{}'", *field); break;
      case TargetKind::kBinary: out += mysql::HexLiteral(*field); break;
      case TargetKind::kText:
      case TargetKind::kEnum:
      case TargetKind::kSet:
      case TargetKind::kJson: out += fmt::format("CONVERT({} USING utf8mb4)", mysql::HexLiteral(*field)); break;
    }
  }
  out += ')';
}

// The hint keeps the optimizer from scanning a small table and waiting for rows that other lanes have locked. Each
// server takes it in one form only: MySQL ignores FORCE INDEX in a DELETE of a tiny table, MariaDB knows no hint
// comments.
std::string DeleteHead(mysql::Flavour flavour, const std::string& table, const std::string& index) {
  return flavour == mysql::Flavour::kMySql ? fmt::format("DELETE /*+ INDEX({0} {1}) */ FROM {0} WHERE ", table, index)
                                           : fmt::format("DELETE {0} FROM {0} FORCE INDEX ({1}) WHERE ", table, index);
}

std::string_view OwnerOf(std::string_view owner_id) { return owner_id; }
std::string_view OwnerOf(const RowRef& row) { return row.owner_id; }

}  // namespace

// fn(statements, items) for each target table that the items are of.
template <class Item, class Fn>
Status ShardWriter::ForTables(std::span<const Item> items, Fn&& fn) {
  std::map<Statements*, std::vector<Item>> by_table;
  std::uint32_t last_ordinal = 0;
  std::pair<Statements* const, std::vector<Item>>* last = nullptr;
  for (const Item& item : items) {
    const OwnerIdParts owner = SplitOwnerId(OwnerOf(item));
    if (last == nullptr || owner.table_ordinal != last_ordinal) {
      last = &*by_table.try_emplace(PlaceOf(owner).statements).first;
      last_ordinal = owner.table_ordinal;
    }
    last->second.push_back(item);
  }
  for (const auto& [statements, part] : by_table) SL_TRY(fn(*statements, std::span<const Item>(part)));
  return base::Ok();
}

ShardWriter::Place& ShardWriter::PlaceOf(const OwnerIdParts& owner) {
  Place& known = by_ordinal_[owner.table_ordinal];
  if (known.statements != nullptr) return known;
  const store::TargetTable& table = catalog_->TargetOf(owner.table_ordinal);
  if (const job::CatalogTable* legacy = catalog_->Find(owner.table_ordinal); legacy != nullptr) {
    known.owners = &legacy->mapper->owners();
  } else {
    known.unlisted = mapping::OwnerColumnsSql(table, owner.origin, owner.table_ordinal);
    known.owners = known.unlisted.get();
  }
  const auto [made, is_new] = statements_.try_emplace(&table);
  Statements& statements = made->second;
  known.statements = &statements;
  if (!is_new) return known;
  statements.table = &table;
  statements.quoted = mysql::QuoteIdentifier(table.name);
  statements.index = mysql::QuoteIdentifier(table.owner_index);
  statements.load = LoadStatement(table);
  statements.insert = fmt::format("INSERT INTO {} ({}) VALUES ", statements.quoted, ColumnList(table));
  statements.remove = DeleteHead(session_->flavour(), statements.quoted, statements.index);
  return known;
}

// Over one slice of owners, of any legacy tables of one target.
std::string ShardWriter::OwnerCondition(std::span<const std::string_view> owner_ids) {
  std::map<const mapping::OwnerSql*, std::vector<std::string_view>> by_table;
  for (const std::string_view id : owner_ids) {
    const OwnerIdParts owner = SplitOwnerId(id);
    by_table[PlaceOf(owner).owners].push_back(owner.legacy_key);
  }
  std::string condition;
  for (const auto& [owners, keys] : by_table) {
    condition += fmt::format("{}({})", condition.empty() ? "" : " OR ", owners->Owners(keys));
  }
  return condition;
}

Status ShardWriter::DeleteOwners(std::span<const std::string_view> owner_ids) {
  return ForTables(owner_ids, [&](const Statements& table, std::span<const std::string_view> owners) {
    return ForSlices(owners, [&](std::span<const std::string_view> slice) {
      return session_->Execute(table.remove + OwnerCondition(slice), "delete rows by owner");
    });
  });
}

Result<std::vector<OwnedRow>> ShardWriter::LockOwners(std::span<const std::string_view> owner_ids, bool lock) {
  // What a SELECT shows of a row depends on its legacy table where the owner is computed.
  std::map<std::uint32_t, std::vector<std::string_view>> by_ordinal;
  for (const std::string_view id : owner_ids) by_ordinal[SplitOwnerId(id).table_ordinal].push_back(id);
  std::vector<OwnedRow> all;
  const auto of_one_table = [&](const Place& place, std::span<const std::string_view> slice) -> Status {
    const store::TargetTable& table = *place.statements->table;
    std::string select;
    for (std::size_t i = 0; i < table.columns.size(); ++i) {
      select += (select.empty() ? "SELECT " : ", ") + place.owners->Shown(i);
    }
    SL_ASSIGN(auto rows,
              session_->Query(fmt::format("{} FROM {} FORCE INDEX ({}) WHERE {}{}", select, place.statements->quoted,
                                          place.statements->index, OwnerCondition(slice), lock ? " FOR UPDATE" : ""),
                              "read rows by owner"));
    for (auto& row : rows.rows) {
      std::string id = MakeOwnerId(static_cast<std::uint32_t>(std::stoul(row[table.owner_origin].value_or("0"))),
                                   static_cast<std::uint32_t>(std::stoul(row[table.owner_table].value_or("0"))),
                                   row[table.owner_key].value_or(""));
      all.push_back({std::move(id), std::move(row)});
    }
    return base::Ok();
  };
  for (const auto& [ordinal, owners] : by_ordinal) {
    const Place& place = PlaceOf(SplitOwnerId(owners.front()));
    SL_TRY(ForSlices(owners, [&](std::span<const std::string_view> slice) { return of_one_table(place, slice); }));
  }
  return all;
}

Status ShardWriter::FindExisting(const Place& place, const std::string& condition, const ChunkPart& part,
                                 const std::unordered_set<std::string_view>& wanted,
                                 std::vector<std::string>* existing) {
  const std::string sql = fmt::format("SELECT {} FROM {} FORCE INDEX ({}) WHERE {}", place.owners->Key(),
                                      place.statements->quoted, place.statements->index, condition);
  SL_ASSIGN(auto stream, session_->OpenStream(sql, "find rows the stream wrote before the chunk"));
  while (true) {
    SL_ASSIGN(const bool more, stream->Next());
    if (!more) return base::Ok();
    std::string id = MakeOwnerId(part.origin, part.table_ordinal, stream->row()[0].value_or(""));
    if (wanted.contains(id)) existing->push_back(std::move(id));
  }
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
  const Place& place = PlaceOf(SplitOwnerId(low));
  if (place.owners->has_ranges()) {
    const std::string range = place.owners->Range(SplitOwnerId(low).legacy_key, mapping::Bound::kIncluded,
                                                  std::string(SplitOwnerId(high).legacy_key));
    SL_TRY(FindExisting(place, range, part, wanted, &existing));
    return existing;
  }
  const std::vector<std::string_view> all(wanted.begin(), wanted.end());
  SL_TRY(ForSlices(std::span(all), [&](std::span<const std::string_view> slice) {
    return FindExisting(place, OwnerCondition(slice), part, wanted, &existing);
  }));
  return existing;
}

Status ShardWriter::InsertFast(std::span<const RowRef> rows) {
  return ForTables(rows, [&](const Statements& table, std::span<const RowRef> part) {
    if (use_load_data_) {
      Status status = LoadRows(table, part);
      const unsigned refused = status.server_errno();
      if (refused != 3948 && refused != 1148 && refused != 4166 && refused != 2068) return status;
      use_load_data_ = false;  // the server does not allow LOCAL; nothing was sent
    }
    return InsertRows(table, part);
  });
}

Status ShardWriter::LoadRows(const Statements& table, std::span<const RowRef> rows) {
  buffer_.clear();
  for (const RowRef& row : rows) AppendLoadLine(buffer_, *table.table, row.fields);
  SL_ASSIGN(const mysql::LoadDataResult result, session_->LoadData(table.load, buffer_, "load rows"));
  if (result.records == rows.size() && result.affected_rows == rows.size() && result.warnings == 0) return base::Ok();
  return Status(Code::kDuplicate, fmt::format("load rows: sent {}, inserted {}, warnings {}", rows.size(),
                                              result.affected_rows, result.warnings));
}

Status ShardWriter::InsertRows(const Statements& table, std::span<const RowRef> rows) {
  std::size_t i = 0;
  while (i < rows.size()) {
    buffer_ = table.insert;
    const std::size_t first = i;
    while (i < rows.size() && i - first < kRowsPerInsert && buffer_.size() < kInsertBytesMax) {
      if (i > first) buffer_ += ',';
      AppendTuple(buffer_, *table.table, rows[i++].fields);
    }
    Status status = session_->Execute(buffer_, "insert rows");
    if (!status.ok() && IsValueError(status.server_errno())) return Status(Code::kDuplicate, status.message());
    SL_TRY(status);
  }
  return base::Ok();
}

Status ShardWriter::InsertCareful(std::span<const RowRef> rows, std::vector<DeadLetter>* dead_letters) {
  for (const RowRef& row : rows) {
    const Statements& table = *PlaceOf(SplitOwnerId(row.owner_id)).statements;
    buffer_ = table.insert;
    AppendTuple(buffer_, *table.table, row.fields);
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
    return session_->Execute("DELETE FROM sl_dead_letter WHERE " + LetterCondition(slice), "clear dead letters");
  });
}

}  // namespace shardlift::migrate
