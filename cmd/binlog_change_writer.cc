#include "cmd/binlog_change_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/json_text.h"
#include "binlog/collation.h"
#include "mapping/charset.h"
#include "mapping/shown_charset.h"

namespace shardlift::cmd {
namespace {

using base::Status;
using mysql::ColumnType;
using mysql::Value;
using mysql::ValueKind;

// A server that runs for long numbers its tables anew again and again.
constexpr std::size_t kTextsMax = 4096;

constexpr std::uint64_t kExactInDouble = (std::uint64_t{1} << 53) - 1;

// `charset` empty: not known.
void WriteBytes(std::string_view bytes, std::string_view charset, LineWriter& out) {
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

void AppendName(const std::string& name, std::string& out) {
  if (mapping::IsUtf8(name)) {
    base::AppendJsonString(name, out);
  } else {
    std::string digits((name.size() + 2) / 3 * 4, '\0');
    WriteBase64(name, digits.data());
    out += fmt::format("{{\"b64\":\"{}\",\"charset\":null}}", digits);
  }
}

}  // namespace

const ChangeWriter::TableText& ChangeWriter::TextOf(const binlog::DescribedTable& table) {
  const auto found = texts_.find(table.number);
  if (found != texts_.end()) return found->second;
  if (texts_.size() >= kTextsMax) texts_.clear();
  TableText& text = texts_[table.number];
  text.name = ",\"schema\":";
  AppendName(table.schema->name.schema, text.name);
  text.name += ",\"table\":";
  AppendName(table.schema->name.table, text.name);
  text.columns = JsonNames(*table.schema);
  return text;
}

void ChangeWriter::Event(const ChangePlace& place, const binlog::DescribedTable& table, binlog::RowOp op) {
  static constexpr std::string_view kOps[] = {"insert", "update", "delete"};
  table_ = &table;
  text_ = &TextOf(table);
  head_.clear();
  fmt::format_to(std::back_inserter(head_), R"({{"file":{},"pos":{},"gtid":{},"ts":{}{},"op":"{}","before":)",
                 place.file_json, place.offset, place.gtid_json, place.seconds, text_->name,
                 kOps[static_cast<std::size_t>(op)]);
}

Status ChangeWriter::Row(const binlog::RowChange& change) {
  out_.Raw(head_);
  Image(change.before);
  out_.Raw(",\"after\":");
  Image(change.after);
  out_.Raw("}\n");
  return out_.MaybeFlush();
}

void ChangeWriter::Image(std::span<const Value> image) {
  if (image.empty()) {
    out_.Raw("null");
    return;
  }
  out_.Raw("{");
  std::size_t comma = 1;  // left out before the first
  for (std::size_t i = 0; i < image.size(); ++i) {
    if (image[i].is_absent()) continue;
    out_.Raw(std::string_view(text_->columns[i]).substr(comma));
    comma = 0;
    OneValue(table_->schema->columns[i], table_->member_charsets[i], image[i]);
  }
  out_.Raw("}");
}

void ChangeWriter::OneValue(const mysql::Column& column, std::string_view member_charset, const Value& value) {
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

void ChangeWriter::Bytes(const mysql::Column& column, std::string_view bytes) {
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

void ChangeWriter::Text(std::string_view bytes, std::string_view charset) {
  const mapping::Charset known = charset.empty() ? mapping::Charset::kUtf8 : mapping::FindCharset(charset);
  const bool written = known == mapping::Charset::kUtf8 ? out_.StringIfUtf8(bytes) : Convert(bytes, charset);
  if (!written) {
    WriteBytes(bytes, charset, out_);
  } else if (known != mapping::Charset::kUtf8) {
    out_.String(converted_);
  }
}

bool ChangeWriter::Convert(std::string_view bytes, std::string_view charset) {
  converted_.clear();
  return mapping::AppendShownText(charset, bytes, &converted_);
}

// The names of an ENUM's or SET's value; false when the column does not have such a member.
bool ChangeWriter::Members(const mysql::Column& column, std::string_view charset, std::uint64_t value) {
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

}  // namespace shardlift::cmd
