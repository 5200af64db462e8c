#include "binlog/json_binary.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <limits>
#include <type_traits>

#include "base/check.h"
#include "binlog/cursor.h"
#include "binlog/decimal.h"
#include "binlog/digits.h"
#include "binlog/event.h"
#include "binlog/json_container.h"
#include "binlog/json_quote.h"
#include "binlog/temporal.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::binlog {
namespace {

// Column type numbers that tag opaque values.
enum : std::uint8_t { kTypeTimestamp = 7, kTypeDate = 10, kTypeTime = 11, kTypeDateTime = 12, kTypeDecimal = 246 };
constexpr std::uint8_t kTypeOfHexLiteral = 15;  // what JSON_ARRAY(X'00') makes

constexpr int kDepthMax = 101;  // the server refuses deeper documents
// Text bytes per stored byte: the worst honest case is control characters ("\u0001") and short literals.
constexpr std::size_t kTextFactorMax = 16;
constexpr std::size_t kTextSlackBytes = 128;

// What is written behind one call of Room has at most this size: one slice, all of it escaped, or a short member; and
// some punctuation.
constexpr std::size_t kPunctuationBytesMax = 16;
constexpr std::size_t kRoomBytes = kJsonSliceBytes * kJsonEscapeBytesMax + kPunctuationBytesMax;
constexpr std::size_t kStagedBytes = 1024;
static_assert(kRoomBytes >= 2 * kJsonWordBytes + kJsonDoubleBytesMax + kPunctuationBytesMax);
static_assert(kRoomBytes < kStagedBytes);

// By the byte that is stored.
struct JsonLiteralText {
  char text[kJsonWordBytes];
  std::uint8_t bytes;
};
constexpr JsonLiteralText kLiterals[] = {{"null", 4}, {"true", 4}, {"false", 5}};

// Prints into `staged`, of kStagedBytes, which goes to `out` when it is full: most documents are many small pieces. `p`
// is where the next piece goes; as a member it would be loaded and stored for each of them. Functions return where they
// ended; nullptr: they failed.
template <JsonForm kForm>
class Printer {
  static constexpr bool kSql = kForm == JsonForm::kSql;

 public:
  // `document`: what holds all text that will be printed; empty: not known. `status` is why a function failed.
  Printer(std::size_t text_bytes_max, char* staged, std::string_view document, std::string& out, base::Status& status)
      : limit_(text_bytes_max),
        staged_(staged),
        short_from_(kSql || document.empty() ? std::numeric_limits<std::uintptr_t>::max()
                                             : reinterpret_cast<std::uintptr_t>(document.data()) + kJsonWordBytes),
        out_(out),
        status_(status) {
    Flush(staged);
  }

  char* Document(std::string_view binary, char* p) {
    // What an INSERT IGNORE without a value stores.
    if (binary.empty()) return Put(kSql ? "CAST('null' AS JSON)" : "null", p);
    const auto type = static_cast<std::uint8_t>(binary[0]);
    if (kSql) p = Put(JsonRootOpening(type, JsonForm::kSql), p);
    p = Value(type, binary.substr(1), 0, p);
    return kSql && p != nullptr ? Put(JsonRootClosing(type, JsonForm::kSql), p) : p;
  }

  char* Value(std::uint8_t type, std::string_view data, int depth, char* p) {
    p = Room(p);
    return Member(type, data, depth, p);
  }

  // With room behind it for a value.
  char* Key(std::string_view key, char* p) {
    p = Quoted(key, Room(p));
    return kSql ? Add(", ", p) : Add(": ", p);
  }

  // Also after `out_` has grown by itself.
  char* Flush(const char* p) {
    const auto n = static_cast<std::size_t>(p - staged_);
    SL_CHECK(n <= kStagedBytes);
    if (n > 0) out_.append(staged_, n);
    staged_bytes_max_ = static_cast<std::ptrdiff_t>(limit_) - static_cast<std::ptrdiff_t>(out_.size());
    return staged_;
  }

 private:
  // As Value, where Room was called and no more than a short key and punctuation came behind.
  [[gnu::always_inline]] char* Member(std::uint8_t type, std::string_view data, int depth, char* p) {
    if (p - staged_ > staged_bytes_max_) {
      return Fail("JSON value: offsets repeat the same bytes");
    }
    switch (type) {
      case kJsonSmallObject: return Container<false>(data, true, depth, p);
      case kJsonLargeObject: return Container<true>(data, true, depth, p);
      case kJsonSmallArray: return Container<false>(data, false, depth, p);
      case kJsonLargeArray: return Container<true>(data, false, depth, p);
      case kJsonLiteral: return Literal(data, p);
      case kJsonInt16: return Number<std::int16_t>(data, p);
      case kJsonUInt16: return Number<std::uint16_t>(data, p);
      case kJsonInt32: return Number<std::int32_t>(data, p);
      case kJsonUInt32: return Number<std::uint32_t>(data, p);
      case kJsonInt64: return Number<std::int64_t>(data, p);
      case kJsonUInt64: return Number<std::uint64_t>(data, p);
      case kJsonDouble: return Number<double>(data, p);
      case kJsonString: return String(data, p);
      case kJsonOpaque: return Opaque(data, p);
      default: return Fail(fmt::format("JSON value of unknown type {}", type));
    }
  }

  char* Room(char* p) { return static_cast<std::size_t>(staged_ + kStagedBytes - p) >= kRoomBytes ? p : Flush(p); }
  // Of any size.
  char* Put(std::string_view text, char* p) {
    p = Room(p);
    if (text.size() <= kRoomBytes) return std::copy(text.begin(), text.end(), p);
    p = Flush(p);
    out_ += text;
    return Flush(p);
  }
  // Without Room: punctuation.
  template <std::size_t kSize>
  static char* Add(const char (&text)[kSize], char* p) {
    std::memcpy(p, text, kSize - 1);
    return p + kSize - 1;
  }
  [[gnu::cold, gnu::noinline]] char* Fail(std::string_view error, base::Code code = base::Code::kCorrupt) {
    status_ = base::Status(code, std::string(error));
    return nullptr;
  }

  template <class T>
  char* Number(std::string_view data, char* p) {
    T value = 0;
    if (data.size() < sizeof(value)) return Fail("JSON number cut short");
    std::memcpy(&value, data.data(), sizeof(value));
    if constexpr (std::is_integral_v<T>) {
      const auto small = static_cast<std::uint64_t>(value);
      if (small < 100000000) return WriteShortest(static_cast<std::uint32_t>(small), p);
      return std::to_chars(p, p + kRoomBytes, value).ptr;
    } else {
      char* const end = WriteJsonDouble(value, p);
      return kSql && std::find(p, end, 'e') == end ? Add("e0", end) : end;  // else a DECIMAL
    }
  }

  char* Literal(std::string_view data, char* p) {
    if (data.empty()) return Fail("JSON literal cut short");
    const auto which = static_cast<std::uint8_t>(data[0]);
    if (which >= std::size(kLiterals)) return Fail("JSON literal that is none");
    std::memcpy(p, kLiterals[which].text, kJsonWordBytes);
    return p + kLiterals[which].bytes;
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

  char* String(std::string_view data, char* p) {
    if (!data.empty()) {
      const auto length = static_cast<std::uint8_t>(data[0]);
      if (length < 0x80 && length < data.size()) return Quoted(data.substr(1, length), p);
    }
    Cursor in(data);
    const std::string_view text = VariableLengthBytes(in);
    if (!in.ok()) return Fail("JSON string cut short");
    return Quoted(text, p);
  }

  static char* Slice(std::string_view text, char* p) {
    return CopyJsonPlain(text, p) ? p + text.size() : WriteJsonEscaped(text, p);
  }

  // Where Room was called, or a short text came behind it. This and the next leave room for a value and punctuation.
  char* Quoted(std::string_view text, char* p) {
    const std::size_t n = text.size();
    const bool behind_a_word = reinterpret_cast<std::uintptr_t>(text.data()) + n >= short_from_;
    if (n > 0 && n < kJsonWordBytes && behind_a_word) {
      if (CopyJsonShort(text, p + 1)) {
        p[0] = p[n + 1] = '"';
        return p + n + 2;
      }
    }
    return QuotedSlices(text, p);
  }

  [[gnu::noinline]] char* QuotedSlices(std::string_view text, char* p) {
    p = Room(p);
    if (kSql) {
      p = Flush(Add("_utf8mb4", p));
      mysql::AppendTextLiteral(text, out_);
      return Flush(p);
    }
    *p++ = '"';
    for (; text.size() > kJsonSliceBytes; text.remove_prefix(kJsonSliceBytes)) {
      p = Room(Slice(text.substr(0, kJsonSliceBytes), p));
    }
    p = Slice(text, p);
    *p++ = '"';
    return Room(p);
  }

  char* Opaque(std::string_view data, char* p) {
    Cursor in(data);
    const std::uint8_t type = in.U8();
    const std::string_view bytes = VariableLengthBytes(in);
    if (!in.ok()) return Fail("JSON opaque value cut short");
    if (type == kTypeDecimal) return Decimal(bytes, p);
    if (type == kTypeDate || type == kTypeTime || type == kTypeDateTime || type == kTypeTimestamp) {
      return Temporal(type, bytes, p);
    }
    p = Flush(p);
    if (kSql) {
      if (type != kTypeOfHexLiteral) {
        return Fail(fmt::format("a JSON value holds bytes of column type {}, which no SQL expression gives it", type),
                    base::Code::kRefused);
      }
      out_ += bytes.empty() ? "X''" : mysql::HexLiteral(bytes);
      return Flush(p);
    }
    fmt::format_to(std::back_inserter(out_), "\"base64:type{}:", type);
    AppendJsonBase64(bytes, out_);
    out_ += '"';
    return Flush(p);
  }

  char* Decimal(std::string_view bytes, char* p) {
    Cursor in(bytes);
    const unsigned precision = in.U8();
    const unsigned scale = in.U8();
    char text[kDecimalTextBytesMax];
    const std::string_view printed = ReadDecimal(in, precision, scale, text);
    if (!in.ok()) return Fail("JSON decimal that is none");
    return kSql ? Put(fmt::format("CAST({} AS DECIMAL(65,{}))", printed, scale), p) : Put(printed, p);
  }

  char* Temporal(std::uint8_t type, std::string_view bytes, char* p) {
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
    const std::string_view printed(text, n);
    if (!kSql) {
      p = Room(p);
      *p++ = '"';
      p = std::copy(printed.begin(), printed.end(), p);
      *p++ = '"';
      return p;
    }
    const std::string_view type_name = type == kTypeDate ? "DATE" : type == kTypeTime ? "TIME(6)" : "DATETIME(6)";
    return Put(fmt::format("CAST('{}' AS {})", printed, type_name), p);
  }

  template <bool kLarge>
  char* Container(std::string_view data, bool object, int depth, char* p) {
    if (depth >= kDepthMax) return Fail("JSON value nested too deep");
    JsonContainerReader<kLarge> in(data, object);
    if (!in.Open()) return Fail(in.error());
    p = Room(p);
    if (kSql) {
      p = Put(JsonOpening(object, JsonForm::kSql), p);
    } else {
      *p++ = object ? '{' : '[';
    }
    for (std::uint64_t i = 0; i < in.count(); ++i) {
      p = Room(p);
      if (i > 0) p = Add(", ", p);
      JsonItem item;
      if (!in.Next(item)) return Fail(in.error());
      if (object) p = Add(kSql ? ", " : ": ", Quoted(item.key, p));
      p = Member(item.type, item.data, depth + 1, p);
      if (p == nullptr) return nullptr;
    }
    p = Room(p);
    *p = kSql ? ')' : object ? '}' : ']';
    return p + 1;
  }

  const std::size_t limit_;
  char* const staged_;
  const std::uintptr_t short_from_;      // where text ends that CopyJsonShort can take, or later
  std::ptrdiff_t staged_bytes_max_ = 0;  // until `out_` is at its limit
  std::string& out_;
  base::Status& status_;
};

template <bool kLarge>
base::Status ReadItems(const JsonItem& container, std::vector<JsonItem>& items) {
  JsonContainerReader<kLarge> in(container.data, IsJsonObject(container.type));
  bool ok = in.Open();
  for (std::uint64_t i = 0; ok && i < in.count(); ++i) ok = in.Next(items.emplace_back());
  return ok ? base::Ok() : Corrupt(std::string(in.error()));
}

}  // namespace

std::size_t JsonTextBytesMax(std::size_t binary_bytes) { return binary_bytes * kTextFactorMax + kTextSlackBytes; }

bool IsJsonObject(std::uint8_t type) { return type == kJsonSmallObject || type == kJsonLargeObject; }
bool IsJsonArray(std::uint8_t type) { return type == kJsonSmallArray || type == kJsonLargeArray; }

base::Status ReadJsonItems(const JsonItem& container, std::vector<JsonItem>& items) {
  items.clear();
  const bool large = container.type == kJsonLargeObject || container.type == kJsonLargeArray;
  return large ? ReadItems<true>(container, items) : ReadItems<false>(container, items);
}

namespace {

// `print(printer)`, with a printer of that form.
template <class Print>
auto WithPrinter(JsonForm form, std::size_t text_bytes_max, char* staged, std::string_view document, std::string& out,
                 base::Status& status, Print print) {
  if (form == JsonForm::kSql) {
    Printer<JsonForm::kSql> printer(text_bytes_max, staged, document, out, status);
    return print(printer);
  }
  Printer<JsonForm::kText> printer(text_bytes_max, staged, document, out, status);
  return print(printer);
}

}  // namespace

base::Status AppendJsonItem(const JsonItem& item, const JsonPrint& how, std::string& out) {
  char staged[kStagedBytes];
  base::Status status;
  WithPrinter(how.form, how.text_bytes_max, staged, {}, out, status, [&](auto& printer) {
    const char* const end = printer.Value(item.type, item.data, how.depth, staged);
    if (end != nullptr) printer.Flush(end);
  });
  return status;
}

void AppendJsonKey(std::string_view key, JsonForm form, std::string& out) {
  char staged[kStagedBytes];
  base::Status status;
  WithPrinter(form, 0, staged, {}, out, status, [&](auto& printer) { printer.Flush(printer.Key(key, staged)); });
}

base::Status AppendJson(std::string_view binary, JsonForm form, std::string& out) {
  char staged[kStagedBytes];
  base::Status status;
  WithPrinter(form, out.size() + JsonTextBytesMax(binary.size()), staged, binary, out, status, [&](auto& printer) {
    const char* const end = printer.Document(binary, staged);
    if (end != nullptr) printer.Flush(end);
  });
  return status;
}

base::Status PrintJson(std::string_view binary, JsonForm form, Arena& arena, std::string& scratch,
                       std::string_view& text) {
  scratch.clear();
  char* const staged = arena.Allocate(kStagedBytes);
  base::Status status;
  WithPrinter(form, JsonTextBytesMax(binary.size()), staged, binary, scratch, status, [&](auto& printer) {
    char* const end = printer.Document(binary, staged);
    if (end != nullptr && scratch.empty()) {  // most are so short
      arena.Shrink(end);
      text = {staged, static_cast<std::size_t>(end - staged)};
    } else if (end != nullptr) {
      printer.Flush(end);
      arena.Shrink(staged);
      text = arena.Copy(scratch);
    }
  });
  return status;
}

}  // namespace shardlift::binlog
