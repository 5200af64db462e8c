#include "tests/binlog/type_cases.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <string_view>
#include <utility>

namespace shardlift::binlog {
namespace {

std::string HexText(std::string_view bytes) {
  std::string out = "X'";
  for (const char c : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return out + "'";
}

Literals Pick(std::vector<std::string> boundaries, std::function<std::string(Random&)> other) {
  return {std::move(boundaries), std::move(other)};
}

TypeCase Integer(std::string type, unsigned bits, bool is_unsigned) {
  const std::uint64_t top = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  const auto half = static_cast<std::int64_t>(top >> 1);
  std::vector<std::string> fixed = {"0", "1"};
  if (is_unsigned) {
    fixed.push_back(fmt::format("{}", top));
    fixed.push_back(fmt::format("{}", top / 2 + 1));
  } else {
    for (const std::int64_t v : {half, -half - 1, std::int64_t{-1}}) fixed.push_back(fmt::format("{}", v));
  }
  return {type + (is_unsigned ? " UNSIGNED" : ""), Pick(fixed, [=](Random& random) {
            const std::uint64_t raw = random() >> (random() % 64);
            if (is_unsigned) return fmt::format("{}", raw & top);
            return fmt::format("{}", static_cast<std::int64_t>((raw & top) - static_cast<std::uint64_t>(half) - 1));
          })};
}

std::string Digits(Random& random, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += static_cast<char>('0' + random() % 10);
  return out;
}

TypeCase Decimal(unsigned precision, unsigned scale, std::string suffix = {}) {
  const std::string nines = std::string(precision - scale, '9') + "." + std::string(scale, '9');
  return {fmt::format("DECIMAL({},{}){}", precision, scale, suffix),
          Pick({"0", nines, "-" + nines, "-0.001", "1"}, [=](Random& random) {
            const std::size_t whole = random() % (precision - scale + 1);
            return fmt::format("{}{}.{}", random() % 2 == 0 ? "-" : "", "0" + Digits(random, whole),
                               Digits(random, scale));
          })};
}

std::string Fraction(Random& random, unsigned n) { return n == 0 ? "" : "." + Digits(random, n); }

std::string Date(Random& random) {
  return fmt::format("{:04}-{:02}-{:02}", random() % 2 == 0 ? 1970 + random() % 60 : random() % 10000,
                     1 + random() % 12, 1 + random() % 28);
}
std::string Clock(Random& random, unsigned fraction) {
  return fmt::format("{:02}:{:02}:{:02}{}", random() % 24, random() % 60, random() % 60, Fraction(random, fraction));
}
std::string Quoted(const std::string& text) { return "'" + text + "'"; }

TypeCase Time(unsigned n) {
  return {fmt::format("TIME({})", n),
          Pick({"'00:00:00'", "'838:59:59'", "'-838:59:59'", "'-00:00:01'", "'-00:00:00.000001'", "'-00:00:00.9'"},
               [n](Random& random) {
                 return Quoted(fmt::format("{}{}:{:02}:{:02}{}", random() % 2 == 0 ? "-" : "", random() % 838,
                                           random() % 60, random() % 60, Fraction(random, n)));
               })};
}
TypeCase DateTime(unsigned n) {
  return {fmt::format("DATETIME({})", n),
          Pick({"'0000-00-00 00:00:00'", "'2024-00-00 10:00:00'", "'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'",
                "'0001-01-01 00:00:00'", "'9999-12-31 23:59:59" + (n == 0 ? "" : "." + std::string(n, '9')) + "'"},
               [n](Random& random) { return Quoted(Date(random) + " " + Clock(random, n)); })};
}
TypeCase Timestamp(unsigned n) {
  return {fmt::format("TIMESTAMP({}) NULL", n),
          Pick({"'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"}, [n](Random& random) {
            return Quoted(fmt::format("{}-{:02}-{:02} {}", 1971 + random() % 66, 1 + random() % 12, 1 + random() % 28,
                                      Clock(random, n)));
          })};
}

// UTF-8 text of characters the charset has, as a literal the server converts.
TypeCase Text(std::string type, std::string charset, std::vector<std::string> alphabet, std::size_t length_max) {
  std::string longest;
  for (std::size_t i = 0; i < length_max; ++i) longest += alphabet.back();
  return {type + " CHARACTER SET " + charset, Pick({"''", "_utf8mb4 " + HexText(longest)}, [=](Random& random) {
            std::string text;
            const std::size_t length = random() % 4 == 0 ? length_max : random() % (length_max + 1);
            for (std::size_t i = 0; i < length; ++i) text += alphabet[random() % alphabet.size()];
            return "_utf8mb4 " + HexText(text);
          })};
}
TypeCase Bytes(std::string type, std::size_t length_max) {
  return {type, Pick({"''", "X'00'", HexText(std::string(length_max, '\xff'))}, [=](Random& random) {
            std::string bytes(random() % 4 == 0 ? length_max : random() % (length_max + 1), '\0');
            for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? 0 : random() % 3 == 0 ? ' ' : random());
            return HexText(bytes);
          })};
}

const std::vector<std::string> kAscii = {"a", "B", "0", " ", "'", "\\", "\"", "\n"};
const std::vector<std::string> kLatin1 = {"a", " ", "\xc3\xa9", "\xc3\xbf", "\xe2\x82\xac"};
const std::vector<std::string> kGbk = {"a", " ", "\xe4\xb8\xad", "\xe6\x96\x87", "\xe8\xae\xb8", "\xe8\xa7\x81"};
const std::vector<std::string> kUtf8 = {"a", " ", "\xc3\xa9", "\xe4\xb8\xad", "\xf0\x9f\x98\x80"};

const std::vector<std::string> kSjis = {"a", " ", "\xe8\xa1\xa8", "\xe3\x82\xbd", "\xef\xbd\xb1", "\xe6\x97\xa5"};

std::string RandomJson(Random& random, int depth) {
  const auto kind = random() % (depth > 3 ? 9 : 11);
  switch (kind) {
    case 0: return "null";
    case 1: return random() % 2 == 0 ? "true" : "false";
    case 2: return fmt::format("{}", static_cast<std::int64_t>(random() >> (random() % 64)));
    case 3: return fmt::format("-{}", (random() >> 1) >> (random() % 63));
    case 4: return fmt::format("{}", random() >> (random() % 64));
    case 5:
      return fmt::format("{}.{}", Digits(random, 1 + random() % 3).insert(0, "1"), Digits(random, 1 + random() % 20));
    case 6: return fmt::format("{}.5e{}", random() % 10, static_cast<int>(random() % 600) - 300);
    case 7:
    case 8: {
      static const std::vector<std::string> kParts = {"a",       "\\n", "\\\"",         "\\\\",
                                                      "\\u0001", "/",   "\xe4\xb8\xad", "\x7f"};
      std::string text = "\"";
      for (std::size_t i = random() % 200; i > 0; --i) text += kParts[random() % kParts.size()];
      return text + "\"";
    }
    default: break;
  }
  std::string out = kind == 9 ? "[" : "{";
  for (std::size_t i = 0, n = random() % (depth == 0 ? 40 : 6); i < n; ++i) {
    if (i > 0) out += ",";
    if (kind == 10) out += fmt::format("\"k{}{}\":", random() % 7 == 0 ? "\\t" : "", random() % 1000);
    out += RandomJson(random, depth + 1);
  }
  return out + (kind == 9 ? "]" : "}");
}

std::string HexDigits(Random& random, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += fmt::format("{:x}", random() % 16);
  return out;
}

std::vector<TypeCase> AddressCases() {
  return {{"UUID", Pick({"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
                         "'6ccd780c-baba-1026-9564-5b8c656024db'", "'1ec9414c-232a-6b00-b3c8-9e6bdeced846'",
                         "'017f22e2-79b0-7cc3-98c4-dc0c0c07398f'", "'12345678-0000-0000-0000-000000000000'",
                         "'12345678-1234-1234-1234-123456780000'"},
                        [](Random& random) {
                          return fmt::format("'{}-{}-{}-{}-{}'", HexDigits(random, 8), HexDigits(random, 4),
                                             HexDigits(random, 4), HexDigits(random, 4), HexDigits(random, 12));
                        })},
          {"INET4", Pick({"'0.0.0.0'", "'255.255.255.255'", "'1.0.0.0'"},
                         [](Random& random) {
                           return fmt::format("'{}.{}.{}.{}'", random() % 256, random() % 256, random() % 256,
                                              random() % 256);
                         })},
          {"INET6", Pick({"'::'", "'::1'", "'1::'", "'::ffff:1.2.3.4'", "'::1.2.3.4'", "'::ffff:0:1.2.3.4'",
                          "'1:0:0:2:0:0:0:3'", "'1:0:2:0:3:0:4:0'", "'0:1::'", "'::1:2'", "'64:ff9b::1.2.3.4'"},
                         [](Random& random) {
                           std::string text = "'";
                           for (int i = 0; i < 8; ++i) {
                             text += fmt::format("{}{:x}", i == 0 ? "" : ":", random() % 3 == 0 ? 0 : random() % 65536);
                           }
                           return text + "'";
                         })}};
}

}  // namespace

std::vector<TypeCase> NumericCases() {
  std::vector<TypeCase> cases;
  for (const bool is_unsigned : {false, true}) {
    cases.push_back(Integer("TINYINT", 8, is_unsigned));
    cases.push_back(Integer("SMALLINT", 16, is_unsigned));
    cases.push_back(Integer("MEDIUMINT", 24, is_unsigned));
    cases.push_back(Integer("INT", 32, is_unsigned));
    cases.push_back(Integer("BIGINT", 64, is_unsigned));
  }
  TypeCase zerofill = Integer("INT(8)", 32, true);
  zerofill.ddl = "INT(8) ZEROFILL";
  cases.push_back(zerofill);
  for (const auto& [precision, scale] : std::vector<std::pair<unsigned, unsigned>>{
           {1, 0}, {5, 2}, {9, 0}, {10, 0}, {18, 9}, {20, 10}, {30, 30}, {38, 7}, {65, 30}, {65, 0}}) {
    cases.push_back(Decimal(precision, scale));
  }
  TypeCase filled = Decimal(8, 2, " ZEROFILL");
  cases.push_back(filled);
  const auto real = [](Random& random) {
    return fmt::format("{:.17g}", std::ldexp(static_cast<double>(random()) - 9e18, -static_cast<int>(random() % 120)));
  };
  cases.push_back({"FLOAT", Pick({"0", "1", "-1", "16777215", "3.4028234e38", "1.17549435e-38", "0.1"}, real)});
  cases.push_back(
      {"DOUBLE", Pick({"0", "-1", "1.7976931348623157e308", "2.2250738585072014e-308", "0.1", "5e-324"}, real)});
  cases.push_back({"DOUBLE(10,3)", Pick({"0"}, [](Random& random) {
                     return fmt::format("{}.{}", random() % 1000000, random() % 1000);
                   })});
  for (const unsigned bits : {1u, 5u, 8u, 9u, 33u, 64u}) {
    cases.push_back(
        {fmt::format("BIT({})", bits),
         Pick({"0", "1", fmt::format("{}", bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1)},
              [bits](Random& random) { return fmt::format("{}", random() >> (64 - bits)); })});
  }
  cases.push_back(
      {"YEAR", Pick({"0", "1901", "2155"}, [](Random& random) { return fmt::format("{}", 1901 + random() % 255); })});
  cases.push_back({"BOOLEAN", Pick({"0"}, [](Random& random) { return fmt::format("{}", random() % 2); })});
  return cases;
}

std::vector<TypeCase> TemporalCases() {
  std::vector<TypeCase> cases;
  cases.push_back({"DATE", Pick({"'0000-00-00'", "'2024-00-00'", "'1000-01-01'", "'9999-12-31'"},
                                [](Random& random) { return Quoted(Date(random)); })});
  for (unsigned n = 0; n <= 6; ++n) {
    cases.push_back(Time(n));
    cases.push_back(DateTime(n));
    cases.push_back(Timestamp(n));
  }
  return cases;
}

std::vector<TypeCase> StringCases() {
  std::vector<TypeCase> cases;
  for (const auto& [charset, alphabet] :
       std::vector<std::pair<std::string, std::vector<std::string>>>{{"latin1", kLatin1},
                                                                     {"gbk", kGbk},
                                                                     {"utf8mb4", kUtf8},
                                                                     {"ascii", kAscii},
                                                                     {"utf16", kUtf8},
                                                                     {"ucs2", kGbk}}) {
    cases.push_back(Text("CHAR(10)", charset, alphabet, 10));
    cases.push_back(Text("CHAR(255)", charset, alphabet, 255));
    cases.push_back(Text("VARCHAR(20)", charset, alphabet, 20));
    cases.push_back(Text("VARCHAR(300)", charset, alphabet, 300));
    cases.push_back(Text("TINYTEXT", charset, alphabet, 60));
    cases.push_back(Text("TEXT", charset, alphabet, 900));
  }
  cases.push_back(Text("MEDIUMTEXT", "utf8mb4", kUtf8, 2000));
  cases.push_back(Text("LONGTEXT", "gbk", kGbk, 2000));
  for (TypeCase compressed :
       {Text("VARCHAR(300) COMPRESSED", "utf8mb4", kUtf8, 300), Text("TEXT COMPRESSED", "gbk", kGbk, 900),
        Bytes("VARBINARY(1000) COMPRESSED", 1000), Bytes("MEDIUMBLOB COMPRESSED", 3000)}) {
    compressed.my = false;
    cases.push_back(compressed);
  }
  cases.push_back(Bytes("BINARY(4)", 4));
  cases.push_back(Bytes("BINARY(255)", 255));
  cases.push_back(Bytes("VARBINARY(20)", 20));
  cases.push_back(Bytes("VARBINARY(1000)", 1000));
  cases.push_back(Bytes("TINYBLOB", 255));
  cases.push_back(Bytes("BLOB", 3000));
  cases.push_back(Bytes("MEDIUMBLOB", 70000));
  cases.push_back(Bytes("LONGBLOB", 3000));
  cases.push_back(
      {"ENUM('z','b','a','')", Pick({"0", "1"}, [](Random& random) { return fmt::format("{}", random() % 5); })});
  std::string members;
  for (int i = 0; i < 300; ++i) members += fmt::format("{}'m{}'", i == 0 ? "" : ",", i);
  cases.push_back(
      {"ENUM(" + members + ") CHARACTER SET gbk", [](Random& random) { return fmt::format("{}", random() % 301); }});
  cases.push_back({"SET('a','b','c')", [](Random& random) { return fmt::format("{}", random() % 8); }});
  members.clear();
  for (int i = 0; i < 40; ++i) members += fmt::format("{}'m{}'", i == 0 ? "" : ",", i);
  cases.push_back({"SET(" + members + ")",
                   Pick({"0", "1099511627775"}, [](Random& random) { return fmt::format("{}", random() >> 24); })});
  return cases;
}

std::vector<TypeCase> OtherCases() {
  std::vector<TypeCase> cases;
  cases.push_back({"JSON", [](Random& random) { return "_utf8mb4 " + HexText(RandomJson(random, 0)); }});
  TypeCase built{
      "JSON",
      Pick(
          {"JSON_ARRAY(CAST('2024-01-02' AS DATE), CAST('-12:34:56.5' AS TIME(6)), TIMESTAMP'2024-01-02 03:04:05.678')",
           "JSON_ARRAY(1.50, -0.5, 123456789012345678901234567890.123, CAST(7 AS DECIMAL(20,10)))",
           "JSON_OBJECT('', X'616263', 'long', REPEAT('x', 70000), 'b', 1e0)", "CAST(X'00ff' AS JSON)",
           "JSON_ARRAY(CAST(REPEAT('y', 200) AS BINARY), b'101', ST_GeomFromText('POINT(1 2)'))", "CAST(1e15 AS JSON)",
           "CAST(1e16 AS JSON)", "CAST(123456789012345680e0 AS JSON)", "JSON_ARRAY(1e-5, 1e-15, 1e-16, 0e0, -0e0)"},
          [](Random& random) {
            return fmt::format("JSON_ARRAY({:.16e}, {}, '{}')",
                               std::ldexp(static_cast<double>(random()), -static_cast<int>(random() % 140)), random(),
                               random());
          })};
  built.maria = false;
  cases.push_back(built);
  TypeCase vector{"VECTOR(3)", [](Random& random) {
                    return fmt::format("STRING_TO_VECTOR('[{},{},1.5]')", random() % 100, random() % 7);
                  }};
  vector.maria = false;
  cases.push_back(vector);
  cases.push_back({"GEOMETRY", Pick({"ST_GeomFromText('POINT(1 2)')"}, [](Random& random) {
                     return fmt::format("ST_GeomFromText('LINESTRING({} 0,1 {},3 3)')", random() % 100, random() % 100);
                   })});
  cases.push_back({"POINT", [](Random& random) {
                     return fmt::format("ST_GeomFromText('POINT({} {})')", random() % 100, random() % 100);
                   }});
  for (TypeCase each : AddressCases()) {
    each.my = false;
    cases.push_back(each);
  }
  return cases;
}

std::vector<TypeCase> TextCases(const std::string& charset) {
  static const std::map<std::string, std::vector<std::string>> kAlphabets = {
      {"latin1", kLatin1}, {"gbk", kGbk}, {"sjis", kSjis}, {"utf8mb3", kGbk}, {"utf8mb4", kUtf8}};
  if (charset == "binary") {
    std::vector<TypeCase> cases = {
        Bytes("BINARY(4)", 4),  Bytes("BINARY(255)", 255), Bytes("VARBINARY(20)", 20), Bytes("VARBINARY(1000)", 1000),
        Bytes("TINYBLOB", 255), Bytes("BLOB", 3000),       Bytes("MEDIUMBLOB", 70000), Bytes("LONGBLOB", 3000)};
    TypeCase compressed = Bytes("MEDIUMBLOB COMPRESSED", 3000);
    compressed.my = false;
    cases.push_back(compressed);
    return cases;
  }
  const std::vector<std::string>& alphabet = kAlphabets.at(charset);
  std::vector<TypeCase> cases = {
      Text("CHAR(10)", charset, alphabet, 10),     Text("CHAR(255)", charset, alphabet, 255),
      Text("VARCHAR(20)", charset, alphabet, 20),  Text("VARCHAR(300)", charset, alphabet, 300),
      Text("TINYTEXT", charset, alphabet, 60),     Text("TEXT", charset, alphabet, 900),
      Text("MEDIUMTEXT", charset, alphabet, 2000), Text("LONGTEXT", charset, alphabet, 2000),
  };
  TypeCase compressed = Text("VARCHAR(300) COMPRESSED", charset, alphabet, 300);
  compressed.my = false;
  cases.push_back(compressed);
  // Members with letters outside ASCII, more of them than one byte counts.
  std::string members = "''";
  for (int i = 0; i < 300; ++i) members += fmt::format(",'{}{}'", alphabet.back(), i);
  cases.push_back({fmt::format("ENUM({}) CHARACTER SET {}", members, charset),
                   Pick({"0", "1", "301"}, [](Random& random) { return fmt::format("{}", random() % 302); })});
  members.clear();
  for (int i = 0; i < 64; ++i) members += fmt::format("{}'{}{}'", i == 0 ? "" : ",", alphabet.back(), i);
  cases.push_back({fmt::format("SET({}) CHARACTER SET {}", members, charset),
                   Pick({"0", "1", "9223372036854775808", "18446744073709551615"},
                        [](Random& random) { return fmt::format("{}", random()); })});
  return cases;
}

std::vector<TypeCase> GeneratedCases() {
  return {{"INT", [](Random& random) { return fmt::format("{}", random() % 1000); }},
          {"INT AS (c0 + 1) VIRTUAL", [](Random&) { return std::string("DEFAULT"); }},
          {"VARCHAR(20) AS (CONCAT('x', c0)) STORED", [](Random&) { return std::string("DEFAULT"); }},
          {"INT UNSIGNED NOT NULL DEFAULT 7 INVISIBLE", {}}};
}

}  // namespace shardlift::binlog
