#include "binlog/json_binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>

#include "binlog/cursor.h"
#include "binlog/decimal.h"
#include "binlog/event.h"
#include "binlog/temporal.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::binlog {
namespace {

enum : std::uint8_t {
  kSmallObject = 0,
  kLargeObject = 1,
  kSmallArray = 2,
  kLargeArray = 3,
  kLiteral = 4,
  kInt16 = 5,
  kUInt16 = 6,
  kInt32 = 7,
  kUInt32 = 8,
  kInt64 = 9,
  kUInt64 = 10,
  kDouble = 11,
  kString = 12,
  kOpaque = 15,
};
// Column type numbers that tag opaque values.
enum : std::uint8_t { kTypeTimestamp = 7, kTypeDate = 10, kTypeTime = 11, kTypeDateTime = 12, kTypeDecimal = 246 };
constexpr std::uint8_t kTypeOfHexLiteral = 15;  // what JSON_ARRAY(X'00') makes

constexpr int kDepthMax = 101;  // the server refuses deeper documents
// Text bytes per stored byte: the worst honest case is control characters ("\u0001") and short literals.
constexpr std::size_t kTextFactorMax = 16;
constexpr std::size_t kTextSlackBytes = 128;

// Walks an object or array. Small ones have offsets and counts of 2 bytes, large ones of 4. A document has many parts:
// none of them pays for a Status.
class ContainerReader {
 public:
  ContainerReader(std::string_view data, bool large, bool object)
      : data_(data), offset_bytes_(large ? 4 : 2), object_(object) {}

  bool Open() {
    Cursor in(data_);
    count_ = in.Little(offset_bytes_);
    const std::uint64_t size = in.Little(offset_bytes_);
    const std::uint64_t key_entry_bytes = object_ ? offset_bytes_ + 2 : 0;
    if (!in.ok() || size > data_.size() || size < 2 * offset_bytes_ + count_ * (key_entry_bytes + 1 + offset_bytes_)) {
      return Fail("JSON object or array larger than its bytes");
    }
    data_ = data_.substr(0, static_cast<std::size_t>(size));
    keys_ = Cursor(data_.substr(2 * offset_bytes_));
    values_ = Cursor(data_.substr(static_cast<std::size_t>(2 * offset_bytes_ + count_ * key_entry_bytes)));
    return true;
  }

  std::uint64_t count() const { return count_; }

  bool Next(JsonItem& item) {
    if (object_) {
      const std::uint64_t offset = keys_.Little(offset_bytes_);
      const std::uint16_t length = keys_.U16();
      if (!keys_.ok() || offset > data_.size() || length > data_.size() - offset) {
        return Fail("JSON key out of bounds");
      }
      item.key = data_.substr(static_cast<std::size_t>(offset), length);
    }
    item.type = values_.U8();
    const bool is_inline = item.type == kLiteral || item.type == kInt16 || item.type == kUInt16 ||
                           (offset_bytes_ == 4 && (item.type == kInt32 || item.type == kUInt32));
    if (is_inline) {
      item.data = values_.Bytes(offset_bytes_);
      return true;
    }
    const std::uint64_t offset = values_.Little(offset_bytes_);
    if (!values_.ok() || offset >= data_.size()) return Fail("JSON member out of bounds");
    item.data = data_.substr(static_cast<std::size_t>(offset));
    return true;
  }

  // Why Open or Next failed.
  std::string_view error() const { return error_; }

 private:
  bool Fail(std::string_view error) {
    error_ = error;
    return false;
  }

  std::string_view error_;
  std::string_view data_;
  const std::size_t offset_bytes_;
  const bool object_;
  std::uint64_t count_ = 0;
  Cursor keys_{{}};
  Cursor values_{{}};
};

class Printer {
 public:
  static void AppendQuoted(std::string_view text, std::string& out) {
    // Most keys and values are short and plain: they go at once.
    char quoted[64];
    if (text.size() <= sizeof(quoted) - 2 && std::none_of(text.begin(), text.end(), IsSpecial)) {
      quoted[0] = '"';
      std::copy(text.begin(), text.end(), quoted + 1);
      quoted[text.size() + 1] = '"';
      out.append(quoted, text.size() + 2);
      return;
    }
    out += '"';
    std::size_t plain = 0;  // from here on nothing is special
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      if (!IsSpecial(c)) continue;
      out.append(text, plain, i - plain);
      plain = i + 1;
      switch (c) {
        case '"': out += "\\\""; break;
        case '\\': out += "\\\\"; break;
        case '\b': out += "\\b"; break;
        case '\f': out += "\\f"; break;
        case '\n': out += "\\n"; break;
        case '\r': out += "\\r"; break;
        case '\t': out += "\\t"; break;
        default: fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
      }
    }
    out.append(text, plain);
    out += '"';
  }

  static bool IsSpecial(char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; }

  Printer(std::size_t text_bytes_max, JsonForm form, std::string& out)
      : limit_(text_bytes_max), form_(form), sql_(form == JsonForm::kSql), out_(out) {}

  bool Value(std::uint8_t type, std::string_view data, int depth) {
    if (out_.size() > limit_) return Fail("JSON value: offsets repeat the same bytes");
    switch (type) {
      case kSmallObject: return Container(data, false, true, depth);
      case kLargeObject: return Container(data, true, true, depth);
      case kSmallArray: return Container(data, false, false, depth);
      case kLargeArray: return Container(data, true, false, depth);
      case kString: return String(data);
      case kOpaque: return Opaque(data);
      default: return Scalar(type, data);
    }
  }

  base::Status status() const { return error_.empty() ? base::Ok() : base::Status(code_, error_); }

 private:
  bool Fail(std::string_view error) {
    error_ = error;
    return false;
  }
  bool Scalar(std::uint8_t type, std::string_view data) {
    Cursor in(data);
    switch (type) {
      case kLiteral: return Literal(in.U8());
      case kInt16: Number(in.Int<std::int16_t>()); break;
      case kUInt16: Number(in.U16()); break;
      case kInt32: Number(in.Int<std::int32_t>()); break;
      case kUInt32: Number(in.U32()); break;
      case kInt64: Number(in.Int<std::int64_t>()); break;
      case kUInt64: Number(in.U64()); break;
      case kDouble: Double(in.Int<double>()); break;
      default: return Fail(fmt::format("JSON value of unknown type {}", type));
    }
    return in.ok() || Fail("JSON number cut short");
  }

  template <class T>
  void Number(T value) {
    char text[24];
    out_.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
  }

  void Double(double value) {
    const std::size_t begin = out_.size();
    AppendJsonDouble(value, out_);
    if (sql_ && out_.find('e', begin) == std::string::npos) out_ += "e0";  // else a DECIMAL
  }

  bool Literal(std::uint8_t code) {
    static constexpr std::array<std::string_view, 3> kNames = {"null", "true", "false"};
    if (code >= kNames.size()) return Fail("JSON literal that is none");
    out_ += kNames[code];
    return true;
  }

  // Lengths of strings and opaque values: 7 bits a byte, lowest first.
  static std::string_view VariableLengthBytes(Cursor& in) {
    std::uint64_t length = 0;
    for (unsigned i = 0; i < 5; ++i) {
      const std::uint8_t byte = in.U8();
      length |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
      if ((byte & 0x80) == 0) return in.Bytes(length);
    }
    in.Fail();
    return {};
  }

  bool String(std::string_view data) {
    Cursor in(data);
    const std::string_view text = VariableLengthBytes(in);
    if (!in.ok()) return Fail("JSON string cut short");
    Quoted(text);
    return true;
  }

  void Quoted(std::string_view text) {
    if (sql_) {
      out_ += "_utf8mb4";
      mysql::AppendTextLiteral(text, out_);
    } else {
      AppendQuoted(text, out_);
    }
  }

  bool Opaque(std::string_view data) {
    Cursor in(data);
    const std::uint8_t type = in.U8();
    const std::string_view bytes = VariableLengthBytes(in);
    if (!in.ok()) return Fail("JSON opaque value cut short");
    if (type == kTypeDecimal) return Decimal(bytes);
    if (type == kTypeDate || type == kTypeTime || type == kTypeDateTime || type == kTypeTimestamp) {
      return Temporal(type, bytes);
    }
    if (sql_) {
      if (type != kTypeOfHexLiteral) {
        code_ = base::Code::kRefused;
        return Fail(fmt::format("a JSON value holds bytes of column type {}, which no SQL expression gives it", type));
      }
      out_ += bytes.empty() ? "X''" : mysql::HexLiteral(bytes);
      return true;
    }
    fmt::format_to(std::back_inserter(out_), "\"base64:type{}:", type);
    Base64(bytes);
    out_ += '"';
    return true;
  }

  bool Decimal(std::string_view bytes) {
    Cursor in(bytes);
    const unsigned precision = in.U8();
    const unsigned scale = in.U8();
    char text[kDecimalTextBytesMax];
    const std::string_view printed = ReadDecimal(in, precision, scale, text);
    if (!in.ok()) return Fail("JSON decimal that is none");
    if (sql_) {
      fmt::format_to(std::back_inserter(out_), "CAST({} AS DECIMAL(65,{}))", printed, scale);
    } else {
      out_ += printed;
    }
    return true;
  }

  bool Temporal(std::uint8_t type, std::string_view bytes) {
    Cursor in(bytes);
    const auto packed = in.Int<std::int64_t>();
    TimeParts parts;
    if (!in.ok() || !(type == kTypeTime ? UnpackTime(packed, parts) : UnpackDateTime(packed, parts))) {
      return Fail("JSON temporal value out of range");
    }
    char text[kTemporalTextBytesMax];
    std::size_t n = 0;
    if (type == kTypeDate) {
      n = WriteDate(parts, text);
    } else {
      n = type == kTypeTime ? WriteTime(parts, 6, text) : WriteDateTime(parts, 6, text);
    }
    if (sql_) {
      const std::string_view type_name = type == kTypeDate ? "DATE" : type == kTypeTime ? "TIME(6)" : "DATETIME(6)";
      fmt::format_to(std::back_inserter(out_), "CAST('{}' AS {})", std::string_view(text, n), type_name);
    } else {
      out_ += '"';
      out_.append(text, n);
      out_ += '"';
    }
    return true;
  }

  void Base64(std::string_view bytes) {
    static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    constexpr std::size_t kGroupsPerLine = 76 / 4;  // the server breaks long lines
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      if (i > 0 && i / 3 % kGroupsPerLine == 0) out_ += "\\n";
      std::uint32_t group = 0;
      for (std::size_t j = 0; j < 3; ++j) {
        group = (group << 8) | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0u);
      }
      for (std::size_t j = 0; j < 4; ++j) {
        out_ += i + j > bytes.size() ? '=' : kAlphabet[(group >> (18 - 6 * j)) & 63];
      }
    }
  }

  bool Container(std::string_view data, bool large, bool object, int depth) {
    if (depth >= kDepthMax) return Fail("JSON value nested too deep");
    ContainerReader in(data, large, object);
    if (!in.Open()) return Fail(in.error());
    out_ += JsonOpening(object, form_);
    for (std::uint64_t i = 0; i < in.count(); ++i) {
      if (i > 0) out_.append(", ", 2);
      JsonItem item;
      if (!in.Next(item)) return Fail(in.error());
      if (object) AppendJsonKey(item.key, form_, out_);
      if (!Value(item.type, item.data, depth + 1)) return false;
    }
    out_ += JsonClosing(object, form_);
    return true;
  }

  std::size_t limit_;
  const JsonForm form_;
  const bool sql_;
  std::string& out_;
  base::Code code_ = base::Code::kCorrupt;
  std::string error_;
};

}  // namespace

std::size_t JsonTextBytesMax(std::size_t binary_bytes) { return binary_bytes * kTextFactorMax + kTextSlackBytes; }

bool IsJsonObject(std::uint8_t type) { return type == kSmallObject || type == kLargeObject; }
bool IsJsonArray(std::uint8_t type) { return type == kSmallArray || type == kLargeArray; }

base::Status ReadJsonItems(const JsonItem& container, std::vector<JsonItem>& items) {
  items.clear();
  const bool large = container.type == kLargeObject || container.type == kLargeArray;
  ContainerReader in(container.data, large, IsJsonObject(container.type));
  bool ok = in.Open();
  for (std::uint64_t i = 0; ok && i < in.count(); ++i) ok = in.Next(items.emplace_back());
  return ok ? base::Ok() : Corrupt(std::string(in.error()));
}

base::Status AppendJsonItem(const JsonItem& item, const JsonPrint& how, std::string& out) {
  Printer printer(how.text_bytes_max, how.form, out);
  (void)printer.Value(item.type, item.data, how.depth);
  return printer.status();
}

void AppendJsonKey(std::string_view key, JsonForm form, std::string& out) {
  if (form == JsonForm::kSql) {
    out += "_utf8mb4";
    mysql::AppendTextLiteral(key, out);
    out.append(", ", 2);
  } else {
    Printer::AppendQuoted(key, out);
    out.append(": ", 2);
  }
}

base::Status AppendJson(std::string_view binary, JsonForm form, std::string& out) {
  if (binary.empty()) {  // what an INSERT IGNORE without a value stores
    out += form == JsonForm::kSql ? "CAST('null' AS JSON)" : "null";
    return base::Ok();
  }
  const JsonItem root{{}, static_cast<std::uint8_t>(binary[0]), binary.substr(1)};
  out += JsonRootOpening(root.type, form);
  SL_TRY(AppendJsonItem(root, {0, out.size() + JsonTextBytesMax(binary.size()), form}, out));
  out += JsonRootClosing(root.type, form);
  return base::Ok();
}

}  // namespace shardlift::binlog
