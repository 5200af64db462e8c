#include "tests/binlog/golden.h"

#include <fmt/format.h>

#include <fstream>
#include <sstream>

#include "binlog/event.h"
#include "binlog/group_reader.h"

namespace shardlift::binlog {

std::string SchemaText(const mysql::TableSchema& schema) {
  std::string text;
  for (const mysql::Column& c : schema.columns) {
    text += fmt::format("{}|{}|{}|{}|{}|{}|{}\n", c.name, static_cast<unsigned>(c.type), c.is_unsigned ? 1 : 0,
                        c.length, c.fraction, c.precision, c.column_type);
  }
  return text;
}

mysql::TableSchema ParseSchemaText(const std::string& text) {
  mysql::TableSchema schema;
  schema.name = {"db", "g"};
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream in(line);
    std::vector<std::string> part(7);
    for (std::size_t i = 0; i < 6; ++i) std::getline(in, part[i], '|');
    std::getline(in, part[6]);
    mysql::Column c;
    c.name = part[0];
    c.type = static_cast<mysql::ColumnType>(std::stoi(part[1]));
    c.is_unsigned = part[2] == "1";
    c.length = static_cast<std::uint32_t>(std::stoul(part[3]));
    c.fraction = static_cast<std::uint8_t>(std::stoi(part[4]));
    c.precision = static_cast<std::uint8_t>(std::stoi(part[5]));
    c.column_type = part[6];
    schema.columns.push_back(c);
  }
  return schema;
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> CutEvents(std::string_view file) {
  std::vector<std::string> events;
  file.remove_prefix(std::min<std::size_t>(kFirstEventOffset, file.size()));
  while (!file.empty()) {
    const auto header = ParseEventHeader(file);
    if (!header.ok() || header->event_bytes > file.size()) break;
    events.emplace_back(file.substr(0, header->event_bytes));
    file.remove_prefix(header->event_bytes);
  }
  return events;
}

std::string ValueText(const mysql::Value& value) {
  switch (value.kind) {
    case mysql::ValueKind::kAbsent: return "absent";
    case mysql::ValueKind::kNull: return "NULL";
    case mysql::ValueKind::kInt: return fmt::format("{}", value.i);
    case mysql::ValueKind::kUInt: return fmt::format("{}", value.u);
    case mysql::ValueKind::kFloat: return fmt::format("{:a}", value.f);
    case mysql::ValueKind::kDouble: return fmt::format("{:a}", value.d);
    case mysql::ValueKind::kBytes: break;
  }
  std::string text = "'";
  for (const char c : value.bytes) {
    text += c >= ' ' && c <= '~' ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return text + "'";
}

namespace {

std::string ImageText(std::span<const mysql::Value> image) {
  std::string text;
  for (const mysql::Value& value : image) text += " " + ValueText(value);
  return text;
}

std::string GroupText(const CommitGroup& group) {
  static constexpr std::string_view kKinds[] = {"commit", "rolled back", "xa prepare", "xa commit", "xa rollback"};
  std::string text = fmt::format("group {} {}-{}{}\n", kKinds[static_cast<std::size_t>(group.kind)], group.begin.offset,
                                 group.end.offset, group.gtid.number == 0 ? "" : " " + group.gtid.ToText());
  for (const Statement& statement : group.statements) {
    text += fmt::format("{} {}\n", statement.is_ddl ? "ddl" : statement.is_dml ? "dml" : "other", statement.sql);
  }
  const base::Status status = group.ForEachRow([&](const RowChange& change) {
    static constexpr std::string_view kOps[] = {"insert", "update", "delete"};
    text += kOps[static_cast<std::size_t>(change.op)];
    text += ImageText(change.before);
    if (change.op == RowOp::kUpdate) text += " ->";
    text += ImageText(change.after) + "\n";
    return base::Ok();
  });
  if (!status.ok()) text += "failed: " + status.message() + "\n";
  return text;
}

}  // namespace

std::string DumpText(const std::vector<std::string>& events, const mysql::TableSchema& schema) {
  GroupReaderOptions options;
  options.start = {"golden", kFirstEventOffset};
  options.tables = [&](std::string_view database, std::string_view table) {
    return database == "db" && table == "g" ? &schema : nullptr;
  };
  GroupReader reader(options);
  std::string text;
  for (const std::string& event : events) {
    base::Result<std::optional<CommitGroup>> result = reader.Feed(event);
    if (!result.ok()) return text + "failed: " + result.status().message() + "\n";
    if (*result) text += GroupText(**result);
  }
  return text;
}

}  // namespace shardlift::binlog
