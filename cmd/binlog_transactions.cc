// What `shardlift binlog stream` prints of a transaction, and the texts of its positions.
#include <fmt/format.h>

#include <charconv>
#include <iterator>

#include "base/json_text.h"
#include "binlog/statement_names.h"
#include "cmd/binlog_stream.h"

namespace shardlift::cmd {

using base::Code;
using base::Result;
using base::Status;

namespace {

// "NAME.000001:1234"; the number keeps it apart from GTIDs.
std::optional<mysql::FilePosition> ParseFilePosition(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  mysql::FilePosition position;
  position.file = text.substr(0, colon);
  const std::size_t dot = position.file.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == position.file.size()) return std::nullopt;
  if (position.file.find_first_not_of("0123456789", dot + 1) != std::string::npos) return std::nullopt;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, position.offset);
  if (error != std::errc() || rest != end) return std::nullopt;
  return position;
}

std::string GtidJson(const binlog::CommitGroup& group) {
  if (group.maria_gtid) return fmt::format("\"{}\"", group.maria_gtid->ToText());
  return group.gtid.number == 0 ? "null" : fmt::format("\"{}\"", group.gtid.ToText());
}

}  // namespace

Result<StreamFrom> ParseStreamFrom(const std::string& text) {
  if (text == "now") return StreamFrom();
  const std::size_t comma = text.find(',');
  if (const auto after = ParseFilePosition(text.substr(0, comma))) {
    if (comma == std::string::npos) return StreamFrom(StreamPlace{*after, *after});
    const auto since = ParseFilePosition(text.substr(comma + 1));
    if (since && !(*after < *since)) return StreamFrom(StreamPlace{*after, *since});
  } else if (text.find_first_not_of(" \t\n") != std::string::npos) {
    if (auto set = mysql::MariaGtidSet::Parse(text); set.ok()) return StreamFrom(std::move(set).value());
    if (auto set = mysql::GtidSet::Parse(text); set.ok()) return StreamFrom(std::move(set).value());
  }
  return Status(Code::kUsage,
                fmt::format("--from {}: write now, FILE:OFFSET (binlog.000012:4711), a position that --positions has "
                            "printed, a GTID set, or MariaDB GTIDs (0-1-100,7-2-30)",
                            text));
}

std::string StreamPlaceText(const mysql::FilePosition& after, const std::optional<mysql::FilePosition>& prepared) {
  std::string text = fmt::format("{}:{}", after.file, after.offset);
  if (prepared) text += fmt::format(",{}:{}", prepared->file, prepared->offset);
  return text;
}

Status TransactionWriter::Group(const binlog::CommitGroup& group) {
  rows_ = 0;
  if (group.kind != binlog::GroupKind::kCommit && group.kind != binlog::GroupKind::kXaCommit) return base::Ok();
  for (const binlog::Statement& statement : group.statements) SL_TRY(CheckStatement(group, statement));
  if (!group.has_rows()) return base::Ok();
  gtid_json_ = GtidJson(group);
  // Rows come event by event.
  const binlog::TableMap* table = nullptr;
  std::uint64_t offset = 0;
  binlog::RowOp op = binlog::RowOp::kInsert;
  return group.ForEachPlacedRow([&](const binlog::RowChange& change, const binlog::RowPlace& place) {
    if (file_ != place.file) {
      file_ = place.file;
      file_json_.clear();
      base::AppendJsonString(file_, file_json_);
      table = nullptr;
    }
    if (table != place.table || offset != place.offset || op != change.op) {
      table = place.table;
      offset = place.offset;
      op = change.op;
      changes_.Event({file_json_, offset, gtid_json_, place.seconds},
                     static_cast<const binlog::DescribedTable&>(*place.table), op);
    }
    ++rows_;
    return changes_.Row(change);
  });
}

Status TransactionWriter::CheckStatement(const binlog::CommitGroup& group, const binlog::Statement& statement) const {
  if (!statement.is_dml) return base::Ok();
  const binlog::StatementNames names = binlog::NamesIn(statement.default_schema, statement.sql);
  if (names.temporary) return base::Ok();
  for (const binlog::NamedTable& name : names.tables) {
    if (!request_.tables.Match(name.schema, name.table)) continue;
    return {Code::kRefused,
            fmt::format("{}:{}: a change in statement format stands here, whose rows are in no binlog; leave the table "
                        "out with --table, or start behind it with --from {}:{}; binlog_format=ROW on the source "
                        "avoids it",
                        group.begin.file, group.begin.offset, group.end.file, group.end.offset)};
  }
  return base::Ok();
}

Status TransactionWriter::Position(const binlog::CommitGroup& group, const std::string& position) {
  if (!request_.positions || rows_ == 0) return base::Ok();
  std::string line = "{\"file\":";
  base::AppendJsonString(group.end.file, line);
  fmt::format_to(std::back_inserter(line), R"(,"pos":{},"gtid":{},"ts":{},"commit":true,"rows":{},"position":)",
                 group.end.offset, GtidJson(group), group.timestamp_seconds, rows_);
  base::AppendJsonString(position, line);
  out_.Raw(line);
  out_.Raw("}\n");
  last_position_ = position;
  return out_.MaybeFlush();
}

Status TransactionWriter::Position(const mysql::FilePosition& place, const std::string& position) {
  if (!request_.positions || position.empty() || position == last_position_) return base::Ok();
  std::string line = R"({"file":null,"pos":null)";
  if (!place.file.empty()) {
    line = "{\"file\":";
    base::AppendJsonString(place.file, line);
    line += fmt::format(",\"pos\":{}", place.offset);
  }
  line += R"(,"commit":false,"position":)";
  base::AppendJsonString(position, line);
  out_.Raw(line);
  out_.Raw("}\n");
  last_position_ = position;
  return out_.MaybeFlush();
}

}  // namespace shardlift::cmd
