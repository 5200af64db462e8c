// Row changes as JSON lines.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "base/json_text.h"
#include "binlog/collation.h"
#include "binlog/event_scan.h"
#include "binlog/row_decoder.h"
#include "cmd/binlog_dump.h"
#include "cmd/json_lines.h"
#include "mapping/charset.h"
#include "mapping/shown_charset.h"

namespace shardlift::cmd {
namespace {

using base::Status;
using mysql::ColumnType;
using mysql::Value;
using mysql::ValueKind;

constexpr std::uint64_t kExactInDouble = (std::uint64_t{1} << 53) - 1;

// `charset` empty: not known.
void WriteBytes(std::string_view bytes, std::string_view charset, JsonLines& out) {
  out.Raw("{\"b64\":");
  out.Base64(bytes);
  if (charset.empty()) {
    out.Raw(",\"charset\":null}");
  } else {
    out.Raw(",\"charset\":\"");
    out.Raw(charset);
    out.Raw("\"}");
  }
}

// ,"name": of each column, ready to be written.
std::vector<std::string> JsonNames(const mysql::TableSchema& schema) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const std::string& name = schema.columns[i].name;
    names.emplace_back(",");
    base::AppendJsonString(mapping::IsUtf8(name) ? name : fmt::format("@{}", i + 1), names.back());
    names.back() += ':';
  }
  return names;
}

class ChangeWriter {
 public:
  explicit ChangeWriter(JsonLines& out) : out_(out) {}

  // `names` as JsonNames gives them.
  void Image(const binlog::DescribedTable& table, const std::vector<std::string>& names, std::span<const Value> image) {
    if (image.empty()) {
      out_.Raw("null");
      return;
    }
    out_.Raw("{");
    std::size_t comma = 1;  // left out before the first
    for (std::size_t i = 0; i < image.size(); ++i) {
      if (image[i].is_absent()) continue;
      out_.Raw(std::string_view(names[i]).substr(comma));
      comma = 0;
      OneValue(table.schema->columns[i], table.member_charsets[i], image[i]);
    }
    out_.Raw("}");
  }

 private:
  void OneValue(const mysql::Column& column, std::string_view member_charset, const Value& value) {
    switch (value.kind) {
      case ValueKind::kAbsent:
      case ValueKind::kNull: out_.Raw("null"); return;
      case ValueKind::kInt:
        out_.Number(value.i, value.i < -static_cast<std::int64_t>(kExactInDouble) ||
                                 value.i > static_cast<std::int64_t>(kExactInDouble));
        return;
      case ValueKind::kUInt:
        if (column.members.empty() || !Members(column, member_charset, value.u)) {
          out_.Number(value.u, value.u > kExactInDouble);
        }
        return;
      case ValueKind::kFloat: out_.Number(value.f, !std::isfinite(value.f)); return;
      case ValueKind::kDouble: out_.Number(value.d, !std::isfinite(value.d)); return;
      case ValueKind::kBytes: Bytes(column, value.bytes); return;
    }
  }

  void Bytes(const mysql::Column& column, std::string_view bytes) {
    switch (column.type) {
      case ColumnType::kDecimal:
      case ColumnType::kDate:
      case ColumnType::kTime:
      case ColumnType::kDateTime:
      case ColumnType::kTimestamp:
      case ColumnType::kUuid:
      case ColumnType::kInet4:
      case ColumnType::kInet6: out_.Plain(bytes); return;
      case ColumnType::kJson: Text(bytes, "utf8mb4"); return;
      default: break;
    }
    if (column.is_text()) {
      Text(bytes, column.charset);
    } else {
      WriteBytes(bytes, binlog::kBinaryCharset, out_);
    }
  }

  void Text(std::string_view bytes, std::string_view charset) {
    const mapping::Charset known = charset.empty() ? mapping::Charset::kUtf8 : mapping::FindCharset(charset);
    const bool written = known == mapping::Charset::kUtf8 ? out_.StringIfUtf8(bytes) : Convert(bytes, charset);
    if (!written) {
      WriteBytes(bytes, charset, out_);
    } else if (known != mapping::Charset::kUtf8) {
      out_.String(converted_);
    }
  }

  bool Convert(std::string_view bytes, std::string_view charset) {
    converted_.clear();
    return mapping::AppendShownText(charset, bytes, &converted_);
  }

  // The names of an ENUM's or SET's value; false when the column does not have such a member.
  bool Members(const mysql::Column& column, std::string_view charset, std::uint64_t value) {
    const std::size_t count = column.members.size();
    std::string& names = members_;
    names.clear();
    const auto add = [&](std::size_t index) {
      const std::string& member = column.members[index];
      if (charset.empty() ? !mapping::IsUtf8(member) : !Convert(member, charset)) return false;
      names += charset.empty() ? member : converted_;
      return true;
    };
    if (column.type == ColumnType::kEnum) {
      if (value > count || (value > 0 && !add(static_cast<std::size_t>(value - 1)))) return false;
    } else {
      if (count < 64 && (value >> count) != 0) return false;
      for (std::size_t i = 0; i < std::min<std::size_t>(count, 64); ++i) {
        if (((value >> i) & 1) == 0) continue;
        if (!names.empty()) names += ',';
        if (!add(i)) return false;
      }
    }
    out_.String(names);
    return true;
  }

  JsonLines& out_;
  std::string converted_;
  std::string members_;
};

class ChangeVisitor : public binlog::EventVisitor {
 public:
  ChangeVisitor(const DumpFile& file, std::uint64_t file_number, LiveSchemas* live, JsonLines& out)
      : file_(file), file_number_(file_number), live_(live), out_(out), writer_(out) {
    base::AppendJsonString(file.path, file_json_);
  }

  // Table maps count wherever they stand; all other events by their place.
  Status OnEvent(const binlog::ScannedEvent& event, bool* wanted) override {
    *wanted = event.type() != binlog::EventType::kQuery;
    if (event.type() == binlog::EventType::kIncident && incident_.ok()) {
      incident_ = {
          base::Code::kCorrupt,
          fmt::format("binlog file {}: offset {}: INCIDENT_EVENT: the server lost changes here, so that they are "
                      "in no binlog; compare the tables themselves",
                      file_.path, event.offset)};
    }
    return base::Ok();
  }
  // Ok, or the first place where the binlog itself says that it lacks changes.
  const Status& incident() const { return incident_; }
  bool WantsTable(const binlog::TableMapName& name) override {
    return file_.filter.tables.Match(name.schema, name.table);
  }
  base::Result<const mysql::TableSchema*> KnownSchema(const binlog::ScannedEvent& event,
                                                      const binlog::TableMapName& name) override {
    if (live_ == nullptr) return nullptr;
    return live_->Find(name.schema, name.table, file_number_, event.offset);
  }
  Status OnMySqlGtid(const binlog::ScannedEvent&, const mysql::Gtid& gtid) override {
    gtid_json_ = gtid.number == 0 ? "null" : fmt::format("\"{}\"", gtid.ToText());
    gtid_wanted_ = !file_.filter.gtids || file_.filter.gtids->Match(gtid);
    return base::Ok();
  }
  Status OnMariaGtid(const binlog::ScannedEvent&, const binlog::MariaGtid& gtid) override {
    gtid_json_ = fmt::format("\"{}\"", gtid.ToText());
    gtid_wanted_ = !file_.filter.gtids || file_.filter.gtids->Match(gtid);
    return base::Ok();
  }
  Status OnTable(const binlog::DescribedTable& table) override {
    if (live_ != nullptr) live_->Report(table);
    std::string name = ",\"schema\":";
    AppendName(table.schema->name.schema, name);
    name += ",\"table\":";
    AppendName(table.schema->name.table, name);
    tables_.push_back({std::move(name), JsonNames(*table.schema)});
    return base::Ok();
  }
  Status OnRows(const binlog::ScannedEvent& event, const binlog::DescribedTable& table,
                const binlog::RowEventKind& kind, std::string_view data) override {
    const bool wanted = file_.filter.gtids ? gtid_wanted_ : true;
    if (!wanted || !file_.filter.MatchPlace(event.offset, event.timestamp_seconds())) return base::Ok();
    static constexpr std::string_view kOps[] = {"insert", "update", "delete"};
    const TableText& text = tables_[static_cast<std::size_t>(table.number)];
    head_.clear();
    fmt::format_to(std::back_inserter(head_), R"({{"file":{},"pos":{},"gtid":{},"ts":{}{},"op":"{}","before":)",
                   file_json_, event.offset, gtid_json_, event.timestamp_seconds(), text.name,
                   kOps[static_cast<std::size_t>(kind.op)]);
    SL_TRY(decoder_.Begin(table, kind.op, kind.partial, data));
    while (decoder_.Next()) {
      out_.Raw(head_);
      writer_.Image(table, text.columns, decoder_.row().before);
      out_.Raw(",\"after\":");
      writer_.Image(table, text.columns, decoder_.row().after);
      out_.Raw("}\n");
      SL_TRY(out_.MaybeFlush());
    }
    return decoder_.status();
  }

 private:
  static void AppendName(const std::string& name, std::string& out) {
    if (mapping::IsUtf8(name)) {
      base::AppendJsonString(name, out);
    } else {
      std::string digits((name.size() + 2) / 3 * 4, '\0');
      WriteBase64(name, digits.data());
      out += fmt::format("{{\"b64\":\"{}\",\"charset\":null}}", digits);
    }
  }

  const DumpFile& file_;
  const std::uint64_t file_number_;
  LiveSchemas* const live_;
  JsonLines& out_;
  ChangeWriter writer_;
  binlog::RowDecoder decoder_;
  Status incident_;
  std::string file_json_;
  std::string gtid_json_ = "null";
  bool gtid_wanted_ = false;  // no group has begun
  std::string head_;
  struct TableText {
    std::string name;
    std::vector<std::string> columns;
  };
  std::vector<TableText> tables_;  // by DescribedTable::number
};

Status DumpFiles(const std::vector<DumpFile>& files, LiveSchemas* live, JsonLines& out) {
  Status incident;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const DumpFile& file = files[i];
    SL_ASSIGN(const auto reader, binlog::FileReader::Open(file.path));
    ChangeVisitor visitor(file, i, live, out);
    SL_TRY(binlog::EventScan(visitor).Scan(*reader));
    SL_TRY(DamageOf(*reader));
    if (incident.ok()) incident = visitor.incident();
  }
  return incident;
}

}  // namespace

Status DumpChanges(const std::vector<DumpFile>& files, LiveSchemas* live) {
  JsonLines out;
  Status status = DumpFiles(files, live, out);
  // What was read before a damage is shown all the same.
  SL_TRY(out.Flush());
  return status;
}

}  // namespace shardlift::cmd
