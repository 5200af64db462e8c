#include "mapping/shown_charset.h"

#include <iconv.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "mapping/charset.h"
#include "mapping/shown_charset_exceptions.h"

namespace shardlift::mapping {
namespace {

constexpr std::uint32_t kNone = 0xFFFFFFFF;
constexpr std::size_t kCodesOfTwoBytes = 0x10000;

// How many bytes a character has, by its first byte.
enum class Layout : std::uint8_t { kSingle, kSjis, kEucJp, kPairs, kGb18030 };

struct Known {
  std::string_view name;  // the servers'
  const char* converter;  // the C library's
  Layout layout;
};
// Sorted by name.
constexpr Known kKnown[] = {
    {"armscii8", "ARMSCII-8", Layout::kSingle},
    {"big5", "BIG5", Layout::kPairs},
    {"cp1250", "CP1250", Layout::kSingle},
    {"cp1251", "CP1251", Layout::kSingle},
    {"cp1256", "CP1256", Layout::kSingle},
    {"cp1257", "CP1257", Layout::kSingle},
    {"cp850", "CP850", Layout::kSingle},
    {"cp852", "CP852", Layout::kSingle},
    {"cp866", "CP866", Layout::kSingle},
    {"cp932", "CP932", Layout::kSjis},
    {"dec8", "DEC-MCS", Layout::kSingle},
    {"eucjpms", "EUC-JP-MS", Layout::kEucJp},
    {"euckr", "UHC", Layout::kPairs},
    {"gb18030", "GB18030", Layout::kGb18030},
    {"gb2312", "EUC-CN", Layout::kPairs},
    {"geostd8", "GEORGIAN-PS", Layout::kSingle},
    {"greek", "ISO-8859-7", Layout::kSingle},
    {"hebrew", "ISO-8859-8", Layout::kSingle},
    {"hp8", "HP-ROMAN8", Layout::kSingle},
    {"koi8r", "KOI8-R", Layout::kSingle},
    {"koi8u", "KOI8-U", Layout::kSingle},
    {"latin2", "ISO-8859-2", Layout::kSingle},
    {"latin5", "ISO-8859-9", Layout::kSingle},
    {"latin7", "ISO-8859-13", Layout::kSingle},
    {"macce", "MAC-CENTRALEUROPE", Layout::kSingle},
    {"macroman", "MACINTOSH", Layout::kSingle},
    {"sjis", "SJIS", Layout::kSjis},
    {"swe7", "SEN_850200_B", Layout::kSingle},
    {"tis620", "TIS-620", Layout::kSingle},
    {"ujis", "EUC-JP", Layout::kEucJp},
};

// The character of one whole code; kNone when it is none, or more than one.
std::uint32_t Convert(iconv_t converter, std::string_view code) {
  std::array<char, 4> in{};
  std::copy(code.begin(), code.end(), in.begin());
  std::array<unsigned char, 16> out{};
  char* in_at = in.data();
  char* out_at = reinterpret_cast<char*>(out.data());
  std::size_t in_left = code.size();
  std::size_t out_left = out.size();
  iconv(converter, nullptr, nullptr, nullptr, nullptr);
  const std::size_t result = iconv(converter, &in_at, &in_left, &out_at, &out_left);
  if (result != 0 || in_left != 0) return kNone;
  iconv(converter, nullptr, nullptr, &out_at, &out_left);  // some hold back a character that might combine
  if (out_left != out.size() - 4) return kNone;
  return static_cast<std::uint32_t>(out[0]) | static_cast<std::uint32_t>(out[1]) << 8 |
         static_cast<std::uint32_t>(out[2]) << 16 | static_cast<std::uint32_t>(out[3]) << 24;
}

}  // namespace

class CharsetTable {
 public:
  explicit CharsetTable(const Known& known) : name_(known.name), layout_(known.layout) {
    iconv_t converter = iconv_open("UTF-32LE", known.converter);
    if (converter == reinterpret_cast<iconv_t>(-1)) return;  // NOLINT(performance-no-int-to-ptr): iconv's own value
    Fill(converter, {}, single_, 1);
    if (layout_ != Layout::kSingle) Fill(converter, {}, pairs_, 2);
    if (layout_ == Layout::kEucJp) Fill(converter, "\x8f", triples_, 2);
    iconv_close(converter);
  }

  // Length of the character at the front; 0 when it is cut short or unknown.
  std::size_t Next(std::string_view bytes, std::uint32_t* character) const {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
    const std::size_t length = Length(byte(0));
    if (length > bytes.size() || single_.empty()) return 0;
    if (length == 1) {
      *character = single_[byte(0)];
    } else if (length == 2) {
      *character = pairs_[byte(0) * 0x100u + byte(1)];
    } else {
      *character = triples_[byte(1) * 0x100u + byte(2)];
    }
    return *character == kNone ? 0 : length;
  }

 private:
  std::size_t Length(unsigned char first) const {
    if (first < 0x80) return 1;
    switch (layout_) {
      case Layout::kSingle: return 1;
      case Layout::kSjis: return first >= 0xA0 && first <= 0xDF ? 1 : 2;
      case Layout::kEucJp: return first == 0x8F ? 3 : 2;
      case Layout::kPairs:
      case Layout::kGb18030: return 2;
    }
    return 1;
  }

  void Fill(iconv_t converter, std::string_view prefix, std::vector<std::uint32_t>& table, std::size_t bytes) const {
    table.assign(bytes == 1 ? 0x100 : kCodesOfTwoBytes, kNone);
    for (std::uint32_t code = 0; code < table.size(); ++code) {
      if (bytes == 2 && code < 0x8000) continue;  // first bytes below 0x80 stand alone
      std::string text(prefix);
      if (bytes == 2) text += static_cast<char>(code >> 8);
      text += static_cast<char>(code & 0xFF);
      const std::uint32_t whole = prefix.empty() ? code : code | 0x8F0000u;
      if (!IsExcept(whole)) table[code] = Convert(converter, text);
      for (const ServerCode& each : kServerCodes) {
        if (each.charset == name_ && each.code == whole) table[code] = each.character;
      }
    }
  }

  bool IsExcept(std::uint32_t code) const {
    return std::any_of(std::begin(kShownCharsetExceptions), std::end(kShownCharsetExceptions),
                       [&](const ShownCharsetException& each) {
                         return each.charset == name_ && code >= each.first && code <= each.last;
                       });
  }

  const std::string_view name_;
  const Layout layout_;
  std::vector<std::uint32_t> single_;
  std::vector<std::uint32_t> pairs_;
  std::vector<std::uint32_t> triples_;  // behind 0x8F
};

const CharsetTable* FindCharsetTable(std::string_view charset) {
  static std::mutex mutex;
  static std::map<std::string_view, std::unique_ptr<CharsetTable>> tables;
  const auto* const known = std::lower_bound(std::begin(kKnown), std::end(kKnown), charset,
                                             [](const Known& a, std::string_view b) { return a.name < b; });
  if (known == std::end(kKnown) || known->name != charset) return nullptr;
  const std::lock_guard lock(mutex);
  std::unique_ptr<CharsetTable>& slot = tables[known->name];
  if (slot == nullptr) slot = std::make_unique<CharsetTable>(*known);
  return slot.get();
}

bool AppendTableText(const CharsetTable& table, std::string_view bytes, std::string* out) {
  while (!bytes.empty()) {
    std::uint32_t character = 0;
    const std::size_t length = table.Next(bytes, &character);
    if (length == 0) return false;
    AppendCharacter(character, out);
    bytes.remove_prefix(length);
  }
  return true;
}

namespace {

// Two or four bytes each; pairs of surrogates where the character set has them.
bool AppendWide(std::string_view bytes, std::size_t unit, bool little, bool surrogates, std::string* out) {
  if (bytes.size() % unit != 0) return false;
  const auto read = [&](std::size_t at) {
    std::uint32_t c = 0;
    for (std::size_t i = 0; i < unit; ++i) {
      c = c << 8 | static_cast<unsigned char>(bytes[at + (little ? unit - 1 - i : i)]);
    }
    return c;
  };
  for (std::size_t at = 0; at < bytes.size(); at += unit) {
    std::uint32_t c = read(at);
    if (surrogates && c >= 0xD800 && c <= 0xDBFF && at + unit < bytes.size()) {
      const std::uint32_t low = read(at + unit);
      if (low < 0xDC00 || low > 0xDFFF) return false;
      c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
      at += unit;
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return false;
    AppendCharacter(c, out);
  }
  return true;
}

bool Append(std::string_view charset, std::string_view bytes, std::string* out) {
  if (charset == "ucs2") return AppendWide(bytes, 2, false, false, out);
  if (charset == "utf16") return AppendWide(bytes, 2, false, true, out);
  if (charset == "utf16le") return AppendWide(bytes, 2, true, true, out);
  if (charset == "utf32") return AppendWide(bytes, 4, false, false, out);
  const CharsetTable* const table = FindCharsetTable(charset);
  return table != nullptr && AppendTableText(*table, bytes, out);
}

}  // namespace

bool AppendShownText(std::string_view charset, std::string_view bytes, std::string* out) {
  const std::size_t begin = out->size();
  const Charset mapped = FindCharset(charset);
  const bool ok = mapped == Charset::kUnsupported ? Append(charset, bytes, out) : AppendUtf8(mapped, bytes, out);
  if (!ok) out->resize(begin);
  return ok;
}

}  // namespace shardlift::mapping
