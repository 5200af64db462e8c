// Committed transactions as SQL, forwards (--sql) or backwards (--flashback).
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "binlog/byte_store.h"
#include "binlog/file_reader.h"
#include "binlog/group_reader.h"
#include "cmd/binlog_dump.h"
#include "mapping/charset.h"
#include "mysql/schema.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Status;
using binlog::RowOp;
using mysql::ColumnType;
using mysql::Value;
using mysql::ValueKind;

// What the values below rely on: UTC, quotes and backslashes as usual, zero dates and ENUM 0 accepted as they are.
constexpr std::string_view kPrologue =
    "SET NAMES utf8mb4;\nSET time_zone = '+00:00';\nSET sql_mode = 'NO_AUTO_VALUE_ON_ZERO';\n";

void AppendHex(std::string_view bytes, std::string& out) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  out += "X'";
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  out += '\'';
}

// With an exponent it is a DOUBLE to the server, which keeps the sign of zero.
void AppendDouble(double value, std::string& out) {
  const std::string text = fmt::format("{}", value);
  out += text;
  if (text.find('e') == std::string::npos) out += "e0";
}

// A literal of exactly this value. Text that is no UTF-8, or of another character set, goes as its bytes.
void AppendLiteral(const mysql::Column& column, const Value& value, std::string& out) {
  switch (value.kind) {
    case ValueKind::kAbsent:
    case ValueKind::kNull: out += "NULL"; return;
    case ValueKind::kInt: out += fmt::format("{}", value.i); return;
    case ValueKind::kUInt: out += fmt::format("{}", value.u); return;
    // As a double: the same number, and a comparison with the column finds it.
    case ValueKind::kFloat: AppendDouble(static_cast<double>(value.f), out); return;
    case ValueKind::kDouble: AppendDouble(value.d, out); return;
    case ValueKind::kBytes: break;
  }
  switch (column.type) {
    case ColumnType::kDecimal: out += value.bytes; return;
    case ColumnType::kDate:
    case ColumnType::kTime:
    case ColumnType::kDateTime:
    case ColumnType::kTimestamp:
    case ColumnType::kUuid:
    case ColumnType::kInet4:
    case ColumnType::kInet6: mysql::AppendTextLiteral(value.bytes, out); return;
    case ColumnType::kJson:  // MySQL's is SQL already, MariaDB's is no such type
      out += value.bytes;
      return;
    default: break;
  }
  const bool utf8 = column.charset == "utf8mb4" || column.charset == "utf8mb3" || column.charset == "ascii";
  if (column.is_text() && utf8 && mapping::IsUtf8(value.bytes)) {
    mysql::AppendTextLiteral(value.bytes, out);
  } else {
    if (column.is_text() && !column.charset.empty()) {
      out.append("_").append(column.charset).append(" ");
    }
    AppendHex(value.bytes, out);
  }
}

// What of a row is so exactly this value. `=` alone compares text by its collation, a SET as a DOUBLE, and JSON by what
// it means.
void AppendEquals(const mysql::Column& column, const Value& value, bool is_key, std::string& out) {
  const std::string name = mysql::QuoteIdentifier(column.name);
  if (value.is_null()) {
    out += name + " IS NULL";
    return;
  }
  const bool shapeless = column.type == ColumnType::kGeometry || column.type == ColumnType::kVector;
  if (column.type == ColumnType::kSet) {
    out += fmt::format("{}|0 = {}", name, value.u);
  } else if (column.is_text() && !is_key) {
    out += fmt::format("CAST({} AS BINARY) = ", name);
    AppendHex(value.bytes, out);
  } else if (shapeless) {
    out += fmt::format("HEX({}) = HEX(", name);
    AppendHex(value.bytes, out);
    out += ')';
  } else if (column.type == ColumnType::kJson) {
    out += fmt::format("CAST({} AS CHAR) = CAST({} AS CHAR)", name, value.bytes);
  } else {
    out += name + " = ";
    AppendLiteral(column, value, out);
  }
}

Status NoNames(const mysql::TableSchema& table) {
  return {Code::kRefused, fmt::format("the binlog does not name the columns of {}, so no SQL can be written; let a "
                                      "server name them with --source, leave the table out with --table, or set "
                                      "binlog_row_metadata=FULL on the server and use later files",
                                      table.name.Text())};
}

class StatementWriter {
 public:
  // One statement with its new line. kRefused when the event does not hold what it needs.
  static Status Append(const binlog::RowChange& change, bool backwards, std::string& out) {
    const mysql::TableSchema& table = *change.table;
    if (table.columns.empty() || table.columns[0].name.starts_with('@')) return NoNames(table);
    const bool update = change.op == RowOp::kUpdate;
    const bool insert = change.op == (backwards ? RowOp::kDelete : RowOp::kInsert);
    const std::span<const Value> present = backwards ? change.after : change.before;
    const std::span<const Value> wanted = backwards ? change.before : change.after;
    if (update) return Update(table, present, wanted, backwards, out);
    return insert ? Insert(table, wanted, out) : Delete(table, present, out);
  }

 private:
  using Image = std::span<const Value>;

  static Status Insert(const mysql::TableSchema& table, Image image, std::string& out) {
    std::string columns;
    std::string values;
    for (std::size_t i = 0; i < image.size(); ++i) {
      if (table.columns[i].generated) continue;
      if (image[i].is_absent()) return Lacking(table);
      if (!columns.empty()) columns += ", ", values += ", ";
      columns += mysql::QuoteIdentifier(table.columns[i].name);
      AppendLiteral(table.columns[i], image[i], values);
    }
    out += fmt::format("INSERT INTO {} ({}) VALUES ({});\n", table.name.Quoted(), columns, values);
    return base::Ok();
  }

  static Status Delete(const mysql::TableSchema& table, Image image, std::string& out) {
    out += fmt::format("DELETE FROM {}", table.name.Quoted());
    return Where(table, image, out);
  }

  static Status Update(const mysql::TableSchema& table, Image present, Image wanted, bool backwards, std::string& out) {
    out += fmt::format("UPDATE {} SET ", table.name.Quoted());
    bool first = true;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (table.columns[i].generated) continue;
      if (wanted[i].is_absent()) {
        if (backwards && !present[i].is_absent()) return Lacking(table);
        continue;  // not changed
      }
      if (SameValue(wanted[i], present[i])) continue;
      if (!first) out += ", ";
      first = false;
      out += mysql::QuoteIdentifier(table.columns[i].name) + " = ";
      AppendLiteral(table.columns[i], wanted[i], out);
    }
    if (first) {  // nothing changes; the row is named all the same
      const auto plain = std::find_if(table.columns.begin(), table.columns.end(),
                                      [](const mysql::Column& column) { return !column.generated; });
      const std::string name = mysql::QuoteIdentifier(plain->name);
      out += fmt::format("{} = {}", name, name);
    }
    return Where(table, present, out);
  }

  // By the primary key where the binlog knows it, else by all columns.
  static Status Where(const mysql::TableSchema& table, Image image, std::string& out) {
    std::vector<std::size_t> columns;
    if (!table.unique_keys.empty()) columns = table.unique_keys[0].columns;
    const bool has_key = !columns.empty() && std::none_of(columns.begin(), columns.end(),
                                                          [&](std::size_t i) { return image[i].is_absent(); });
    if (!has_key) {
      columns.clear();
      for (std::size_t i = 0; i < image.size(); ++i) {
        if (table.columns[i].generated) continue;
        if (image[i].is_absent()) return Lacking(table);
        columns.push_back(i);
      }
    }
    for (std::size_t k = 0; k < columns.size(); ++k) {
      out += k == 0 ? " WHERE " : " AND ";
      AppendEquals(table.columns[columns[k]], image[columns[k]], has_key, out);
    }
    out += has_key ? ";\n" : " LIMIT 1;\n";
    return base::Ok();
  }

  static Status Lacking(const mysql::TableSchema& table) {
    return {Code::kRefused, fmt::format("a row image of {} lacks columns (binlog_row_image), so no SQL can be written; "
                                        "leave the table out with --table",
                                        table.name.Text())};
  }
};

std::string Place(const binlog::CommitGroup& group) {
  return fmt::format("{}:{}", group.begin.file, group.begin.offset);
}

// Writes transactions as they come, or keeps them to write the last one first.
class SqlDump {
 public:
  SqlDump(bool backwards, LineWriter& out) : backwards_(backwards), out_(out), kept_(binlog::SpillOptions{}) {}

  Status Group(const binlog::CommitGroup& group) {
    for (const binlog::Statement& statement : group.statements) SL_TRY(OneStatement(group, statement));
    if (!group.has_rows()) return base::Ok();
    statements_.clear();
    const std::uint64_t first = kept_.size();
    Status status = group.ForEachRow([&](const binlog::RowChange& change) {
      text_.clear();
      SL_TRY(StatementWriter::Append(change, backwards_, text_));
      if (!backwards_) {
        if (kept_statements_++ == 0) out_.Raw(fmt::format("-- {}\nBEGIN;\n", Place(group)));
        out_.Raw(text_);
        return out_.MaybeFlush();
      }
      statements_.push_back({kept_.size(), static_cast<std::uint32_t>(text_.size())});
      return kept_.Append(text_);
    });
    if (!status.ok()) {
      if (backwards_) kept_.Truncate(first);
      return status.WithContext(Place(group));
    }
    if (!backwards_ && kept_statements_ > 0) out_.Raw("COMMIT;\n");
    kept_statements_ = 0;
    if (backwards_ && !statements_.empty()) groups_.push_back({Place(group), statements_});
    return out_.MaybeFlush();
  }

  // What was kept, the last transaction first and in each the last change first.
  Status Finish() {
    std::string scratch;
    for (auto group = groups_.rbegin(); group != groups_.rend(); ++group) {
      out_.Raw(fmt::format("-- {}\nBEGIN;\n", group->place));
      for (auto piece = group->statements.rbegin(); piece != group->statements.rend(); ++piece) {
        SL_ASSIGN(const std::string_view text, kept_.Read(piece->offset, piece->bytes, scratch));
        out_.Raw(text);
        SL_TRY(out_.MaybeFlush());
      }
      out_.Raw("COMMIT;\n");
    }
    return out_.MaybeFlush();
  }

 private:
  struct Piece {
    std::uint64_t offset;
    std::uint32_t bytes;
  };
  struct Kept {
    std::string place;
    std::vector<Piece> statements;
  };

  Status OneStatement(const binlog::CommitGroup& group, const binlog::Statement& statement) {
    if (!statement.is_ddl && !statement.is_dml) return base::Ok();
    if (backwards_ || statement.is_dml) {
      return {Code::kRefused,
              fmt::format("{}: a {} stands here, which {}; choose a range without it (--from-pos, --to-pos)",
                          Place(group), statement.is_ddl ? "DDL statement" : "change in statement format",
                          backwards_ ? "cannot be undone from the binlog" : "cannot be written again exactly")};
    }
    out_.Raw(fmt::format("-- {}\n", Place(group)));
    if (!statement.default_schema.empty()) {
      out_.Raw(fmt::format("USE {};\n", mysql::QuoteIdentifier(statement.default_schema)));
    }
    out_.Raw(statement.sql + ";\n");
    return out_.MaybeFlush();
  }

  const bool backwards_;
  LineWriter& out_;
  binlog::ByteStore kept_;
  std::vector<Kept> groups_;
  std::vector<Piece> statements_;  // of the present group
  std::string text_;
  std::uint64_t kept_statements_ = 0;
};

bool Wanted(const DumpFilter& filter, const binlog::CommitGroup& group) {
  const bool committed = group.kind == binlog::GroupKind::kCommit || group.kind == binlog::GroupKind::kXaCommit;
  if (!committed || !filter.MatchPlace(group.begin.offset, group.timestamp_seconds)) return false;
  if (!filter.gtids) return true;
  return group.maria_gtid ? filter.gtids->Match(*group.maria_gtid)
                          : group.gtid.number != 0 && filter.gtids->Match(group.gtid);
}

Status DumpFileAsSql(const DumpFile& file, binlog::FileReader& events, binlog::GroupReader& groups, SqlDump& dump) {
  while (const binlog::FileEvent* event = events.Next()) {
    SL_ASSIGN(const auto group, groups.FeedFromFile(file.path, *event));
    if (group && Wanted(file.filter, *group)) SL_TRY(dump.Group(*group));
  }
  return DamageOf(events);
}

}  // namespace

Status DumpSql(const std::vector<DumpFile>& files, bool flashback, LiveSchemas* live, LineWriter& out) {
  if (!flashback) out.Raw(kPrologue);
  SqlDump dump(flashback, out);
  binlog::GroupReaderOptions options;
  std::uint64_t file_number = 0;
  options.describe = [&](std::string_view schema, std::string_view table) {
    return files[file_number].filter.tables.Match(schema, table);
  };
  if (live != nullptr) {
    options.known_schema = [&](const binlog::TableMapName& name, const mysql::FilePosition& place, bool) {
      return live->Find(name.schema, name.table, file_number, place.offset);
    };
    options.on_described = [&](const binlog::DescribedTable& table) { live->Report(table); };
  }
  options.json_as_sql = true;
  binlog::GroupReader groups(std::move(options));
  Status status;
  for (; file_number < files.size(); ++file_number) {
    const DumpFile& file = files[file_number];
    SL_ASSIGN(const auto events, binlog::FileReader::Open(file.path));
    status = DumpFileAsSql(file, *events, groups, dump);
    if (!status.ok()) break;
  }
  // To undo a part is worse than nothing; to do again what stands before a damage is not.
  if (flashback && !status.ok()) return status;
  if (flashback) out.Raw(kPrologue);
  SL_TRY(dump.Finish());
  return status;
}

}  // namespace shardlift::cmd
