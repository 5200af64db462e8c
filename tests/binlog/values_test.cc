// Single values: stored bytes against the server's text. The types as a whole are checked on real servers in live_test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "binlog/decimal.h"
#include "binlog/digits.h"
#include "binlog/json_binary.h"
#include "binlog/query.h"
#include "binlog/temporal.h"
#include "tests/binlog/event_builder.h"

namespace shardlift::binlog {
namespace {

std::string Hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

TEST(Digits, NumbersOfAllLengths) {
  for (std::uint32_t i = 0; i < 200000; ++i) {
    const auto value = static_cast<std::uint32_t>(std::uint64_t{i} * i * 7919 % (i % 3 == 0 ? 100000000 : i + 1));
    const std::string expected = std::to_string(value);
    char out[kDigitsWritten];
    ASSERT_EQ(std::string(out, WriteShortest(value, out)), expected);
    const auto width = static_cast<unsigned>(expected.size());
    char wide[2 * kDigitsWritten];
    for (unsigned more = width; more <= 8; ++more) {
      ASSERT_EQ(std::string(wide, WriteDigits(value, more, wide)), std::string(more - width, '0') + expected);
    }
  }
}

TEST(Decimal, Text) {
  char room[kDecimalTextBytesMax];
  const auto text = [&](std::string_view hex, unsigned precision, unsigned scale) {
    const std::string bytes = Hex(hex);
    Cursor in(bytes);
    const std::string out(ReadDecimal(in, precision, scale, room));
    return in.ok() ? out : "bad";
  };
  EXPECT_EQ(text("8000000c32", 10, 2), "12.50");
  EXPECT_EQ(text("7ffffff3cd", 10, 2), "-12.50");
  EXPECT_EQ(text("810dfb38d204d2", 14, 4), "1234567890.1234");
  EXPECT_EQ(text("7ef204c72dfb2d", 14, 4), "-1234567890.1234");
  EXPECT_EQ(text("80", 1, 0), "0");
  EXPECT_EQ(text("85", 1, 1), "0.5");
  EXPECT_EQ(text("8a", 1, 0), "bad") << "a digit of ten";
  EXPECT_EQ(text("8000000c", 10, 2), "bad") << "cut short";
  EXPECT_EQ(text("8000000c64", 10, 2), "bad") << "a fraction of 100/100";
  EXPECT_EQ(text("80", 0, 0), "bad");
  EXPECT_EQ(text("80", 2, 3), "bad");
}

// As servers store it: groups of nine digits from the point on in both directions, each in as few bytes as it can need.
std::string StoredDecimal(bool negative, const std::string& whole, const std::string& part) {
  static constexpr std::size_t kBytes[] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};
  std::string stored;
  const auto add = [&](const std::string& digits) {
    if (!digits.empty()) stored += Big(std::stoull(digits), kBytes[digits.size()]);
  };
  add(whole.substr(0, whole.size() % 9));
  for (std::size_t i = whole.size() % 9; i < whole.size(); i += 9) add(whole.substr(i, 9));
  for (std::size_t i = 0; i < part.size(); i += 9) add(part.substr(i, 9));
  stored[0] = static_cast<char>(stored[0] ^ 0x80);
  if (!negative) return stored;
  for (char& c : stored) c = static_cast<char>(~c);
  return stored;
}

TEST(Decimal, NumbersOfEachPrecisionAndScale) {
  std::uint64_t random = 1;
  for (unsigned precision = 1; precision <= kDecimalPrecisionMax; ++precision) {
    for (unsigned scale = 0; scale <= std::min(precision, kDecimalScaleMax); ++scale) {
      for (unsigned zeros = 0; zeros <= precision; ++zeros) {
        std::string digits(precision, '0');
        for (unsigned i = zeros; i < precision; ++i) {
          random = random * 6364136223846793005 + 1442695040888963407;
          digits[i] = static_cast<char>('0' + (random >> 33) % 10);
        }
        const std::string whole = digits.substr(0, precision - scale);
        const std::string part = digits.substr(precision - scale);
        const bool negative = zeros % 2 == 1;
        const std::size_t first = whole.find_first_not_of('0');
        std::string expected = negative ? "-" : "";
        expected += first == std::string::npos ? "0" : whole.substr(first);
        if (scale > 0) expected += "." + part;
        const std::string stored = StoredDecimal(negative, whole, part);
        ASSERT_EQ(stored.size(), DecimalBytes(precision, scale));
        std::string out(DecimalTextBytes(precision), '\0');
        ASSERT_EQ(out.substr(0, WriteDecimal(stored.data(), precision, scale, out.data())), expected);
      }
    }
  }
}

std::string StoredText(std::size_t (*write)(const char*, unsigned, char*), std::string_view hex,
                       std::size_t whole_bytes, unsigned fraction) {
  const std::string bytes = Hex(hex);
  if (bytes.size() != whole_bytes + (fraction + 1) / 2) return "wrong size";
  char out[kTemporalTextBytesMax];
  const std::size_t n = write(bytes.data(), fraction, out);
  return n == 0 ? "bad" : std::string(out, n);
}

TEST(Temporal, Time2) {
  const auto text = [](std::string_view hex, unsigned fraction) {
    return StoredText(WriteStoredTime2, hex, 3, fraction);
  };
  EXPECT_EQ(text("800000", 0), "00:00:00");
  EXPECT_EQ(text("b46efb", 0), "838:59:59");
  EXPECT_EQ(text("4b9105", 0), "-838:59:59");
  EXPECT_EQ(text("7ffffff6", 2), "-00:00:00.10");
  EXPECT_EQ(text("7ffffff6", 1), "-00:00:00.1");
  EXPECT_EQ(text("7fffffffffff", 6), "-00:00:00.000001");
  EXPECT_EQ(text("80003c", 0), "bad");
}

TEST(Temporal, DateTime2) {
  const auto text = [](std::string_view hex, unsigned fraction) {
    return StoredText(WriteStoredDateTime2, hex, 5, fraction);
  };
  EXPECT_EQ(text("8000000000", 0), "0000-00-00 00:00:00");
  EXPECT_EQ(text("fef3ff7efb0f423f", 6), "9999-12-31 23:59:59.999999");
  EXPECT_EQ(text("fef3ff7efb0f4240", 6), "bad") << "a million microseconds";
  EXPECT_EQ(text("7fffffffff", 0), "bad") << "negative";
  EXPECT_EQ(text("8000018000", 0), "bad") << "hour 24";
}

TEST(Temporal, Timestamp2) {
  const auto text = [](std::string_view hex, unsigned fraction) {
    return StoredText(WriteStoredTimestamp2, hex, 4, fraction);
  };
  EXPECT_EQ(text("00000000", 0), "0000-00-00 00:00:00");
  EXPECT_EQ(text("000000000000", 3), "0000-00-00 00:00:00.000");
  EXPECT_EQ(text("00000001", 0), "1970-01-01 00:00:01");
  EXPECT_EQ(text("7fffffff0f423f", 6), "2038-01-19 03:14:07.999999");
  EXPECT_EQ(text("65e0c8ff", 0), "2024-02-29 18:12:15");
}

TEST(Temporal, EveryDayOfTimestamps) {
  for (std::uint32_t day = 0; day <= 0xffffffff / 86400; ++day) {
    const std::uint32_t seconds = day * 86400 + day % 25000 + 1;
    const std::string bytes = Big(seconds, 4);
    char out[kTemporalTextBytesMax];
    const std::time_t time = seconds;
    std::tm parts{};
    char expected[32];
    gmtime_r(&time, &parts);
    const std::size_t n = std::strftime(expected, sizeof(expected), "%Y-%m-%d %H:%M:%S", &parts);
    ASSERT_EQ(std::string(out, WriteStoredTimestamp2(bytes.data(), 0, out)), std::string(expected, n));
  }
}

TEST(Json, Doubles) {
  const auto text = [](double value) {
    char out[kJsonDoubleBytesMax];
    return std::string(out, WriteJsonDouble(value, out));
  };
  EXPECT_EQ(text(0), "0.0");
  EXPECT_EQ(text(1), "1.0");
  EXPECT_EQ(text(-1.5), "-1.5");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(1e20), "1e20");
  EXPECT_EQ(text(1.25e-20), "1.25e-20");
  EXPECT_EQ(text(1.7976931348623157e308), "1.7976931348623157e308");
}

TEST(Json, Text) {
  const auto text = [](std::string binary) {
    std::string out;
    const base::Status status = AppendJsonText(binary, out);
    return status.ok() ? out : "bad";
  };
  EXPECT_EQ(text(""), "null");
  EXPECT_EQ(text(Hex("0401")), "true");
  EXPECT_EQ(text(Hex("05ffff")), "-1");
  EXPECT_EQ(text(Hex("06ffff")), "65535");
  EXPECT_EQ(text(Hex("0c03615c22")), "\"a\\\\\\\"\"");
  EXPECT_EQ(text(Hex("0c0101")), "\"\\u0001\"");
  // {"a": 1, "b": [null, "x"]}
  EXPECT_EQ(text(Hex("000200") + Hex("2000") + Hex("12000100") + Hex("13000100") + Hex("050100") + Hex("021400") +
                 "ab" + Hex("02000c00") + Hex("040000") + Hex("0c0a00") + Hex("0178")),
            "{\"a\": 1, \"b\": [null, \"x\"]}");
  EXPECT_EQ(text(Hex("0ff6060a02800c3200")), "bad");
  EXPECT_EQ(text(Hex("0ff603030180")), "bad") << "a decimal cut short";
  EXPECT_EQ(text(Hex("0ff60404028c32")), "12.50");
}

// Text as JSON has it, by the letter.
std::string Quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    char code[8];
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20) {
          out += c;
        } else {
          out.append(code, static_cast<std::size_t>(std::snprintf(code, sizeof(code), "\\u%04x", c)));
        }
    }
  }
  return out + '"';
}

// {key: text}
std::string StoredObject(std::string_view key, const std::string& text) {
  constexpr std::size_t kKeyAt = 11;
  std::string length;
  for (std::size_t rest = text.size(); length.empty() || rest > 0; rest >>= 7) {
    length += static_cast<char>((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  }
  const std::size_t text_at = kKeyAt + key.size();
  return '\0' + Little(1, 2) + Little(text_at + length.size() + text.size(), 2) + Little(kKeyAt, 2) +
         Little(key.size(), 2) + '\x0c' + Little(text_at, 2) + std::string(key) + length + text;
}

void ExpectJson(const std::string& binary, const std::string& expected) {
  std::string text;
  ASSERT_TRUE(AppendJsonText(binary, text).ok());
  ASSERT_EQ(text, expected);
  Arena arena;
  std::string_view printed;
  ASSERT_TRUE(PrintJson(binary, JsonForm::kText, arena, text, printed).ok());
  ASSERT_EQ(printed, expected);
}

TEST(Json, StringsOfAnyLengthWithEachKindOfCharacterAnywhere) {
  for (std::size_t size = 0; size <= 140; ++size) {
    for (std::size_t at = 0; at < std::max<std::size_t>(size, 1); ++at) {
      static constexpr std::string_view kOdd = "\x01\x1f\"\\\n\x7f\xff!#[] a";
      std::string text(size, static_cast<char>('a' + size % 26));
      if (size > 0) text[at] = kOdd[(size + at) % kOdd.size()];
      ExpectJson(StoredObject(text, text), "{" + Quoted(text) + ": " + Quoted(text) + "}");
    }
  }
}

TEST(Json, LongerThanTheBufferItIsPrintedInto) {
  for (std::size_t size = 300; size < 20000; size = size * 5 / 4) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * i % 127);
    ExpectJson(StoredObject("key", text), "{\"key\": " + Quoted(text) + "}");
    ExpectJson(StoredObject("key", std::string(size, '\x02')), "{\"key\": " + Quoted(std::string(size, '\x02')) + "}");
    std::string numbers;
    std::string expected;
    for (std::size_t i = 0; i < size; ++i) {
      numbers += '\x05' + Little(i * i % 65536, 2);
      expected += (i == 0 ? "[" : ", ") + std::to_string(static_cast<std::int16_t>(i * i));
    }
    ExpectJson('\x02' + Little(size, 2) + Little(4 + numbers.size(), 2) + numbers, expected + "]");
  }
}

TEST(Json, CutShortAnywhere_Corrupt) {
  const std::string whole = StoredObject("key", std::string(100, 'x'));
  for (std::size_t size = 1; size < whole.size(); ++size) {
    std::string text;
    EXPECT_EQ(AppendJsonText(whole.substr(0, size), text).code(), base::Code::kCorrupt) << size;
  }
  for (const std::string_view root : {"04", "05", "0700", "0b00000000000000", "0c", "0c80", "0f", "0ff6"}) {
    std::string text;
    EXPECT_EQ(AppendJsonText(Hex(root), text).code(), base::Code::kCorrupt) << root;
  }
}

TEST(Query, Kinds) {
  const auto kind = [](std::string_view sql) { return ClassifyQuery(sql).kind; };
  EXPECT_EQ(kind("BEGIN"), QueryKind::kBegin);
  EXPECT_EQ(kind(" /* c */ -- d\n# e\n commit"), QueryKind::kCommit);
  EXPECT_EQ(kind("ROLLBACK"), QueryKind::kRollback);
  EXPECT_EQ(kind("ROLLBACK TO `x`"), QueryKind::kRollbackToSavepoint);
  EXPECT_EQ(kind("ROLLBACK WORK TO SAVEPOINT x"), QueryKind::kRollbackToSavepoint);
  EXPECT_EQ(kind("/*!40000 ALTER TABLE t DISABLE KEYS */"), QueryKind::kDdl);
  EXPECT_EQ(kind("/*M!100100 create table t(a int)*/"), QueryKind::kDdl);
  EXPECT_EQ(kind("/* unclosed"), QueryKind::kOther);
  EXPECT_EQ(kind("TRUNCATE t"), QueryKind::kDdl);
  EXPECT_EQ(kind("(SELECT 1)"), QueryKind::kDml);
  EXPECT_EQ(kind("insert into t values (1)"), QueryKind::kDml);
  EXPECT_EQ(kind("FLUSH TABLES"), QueryKind::kOther);
  EXPECT_EQ(kind("ANALYZE TABLE t"), QueryKind::kOther);
  EXPECT_EQ(kind("SET PASSWORD = 'x'"), QueryKind::kOther);
  EXPECT_EQ(kind(""), QueryKind::kOther);
}

TEST(Query, Savepoints) {
  const auto name = [](std::string_view sql) { return ClassifyQuery(sql).name; };
  EXPECT_EQ(name("SAVEPOINT `A b``c`"), "a b`c");
  EXPECT_EQ(name("ROLLBACK TO `A b``c`"), "a b`c");
  EXPECT_EQ(name("ROLLBACK TO SAVEPOINT s1"), "s1");
  EXPECT_EQ(name("ROLLBACK TO `savepoint`"), "savepoint");
  EXPECT_EQ(name("RELEASE SAVEPOINT `x`"), "x");
}

TEST(Query, Xids) {
  const auto name = [](std::string_view sql) { return ClassifyQuery(sql).name; };
  const std::string expected = CanonicalXid(1, "x", "");
  EXPECT_EQ(expected, "1:78:");
  EXPECT_EQ(name("XA COMMIT 'x'"), expected);
  EXPECT_EQ(name("XA COMMIT X'78',X'',1"), expected);
  EXPECT_EQ(name("XA ROLLBACK 0x78, '', 1"), expected);
  EXPECT_EQ(name("XA PREPARE 'a''b','c',7"), CanonicalXid(7, "a'b", "c"));
  EXPECT_EQ(name("XA COMMIT"), "");
  EXPECT_EQ(name("XA COMMIT X'7',1"), "");
  EXPECT_EQ(ClassifyQuery("XA COMMIT X'78',X'',1 ONE PHASE").kind, QueryKind::kXaCommitOnePhase);
}

TEST(Cursor, VariableIntegers) {
  const auto read = [](std::string_view hex) {
    const std::string bytes = Hex(hex);
    Cursor in(bytes);
    const std::uint64_t value = in.VarUnsigned();
    return in.ok() && in.remaining() == 0 ? value : 987654321;
  };
  EXPECT_EQ(read("00"), 0u);
  EXPECT_EQ(read("fe"), 127u);
  EXPECT_EQ(read("0102"), 128u);
  EXPECT_EQ(read("fbff07"), 65535u);
  EXPECT_EQ(read("ffffffffffffffffff"), ~std::uint64_t{0});
  EXPECT_EQ(read("01"), 987654321u) << "cut short";
  const std::string negative = Hex("ebff0f");
  EXPECT_EQ(Cursor(negative).VarSigned(), -65535 - 1 + 1);
}

}  // namespace
}  // namespace shardlift::binlog
