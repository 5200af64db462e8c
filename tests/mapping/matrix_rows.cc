#include "tests/mapping/matrix_rows.h"

#include <fmt/format.h>

#include "mysql/session.h"
#include "tests/mapping/random_rows.h"

namespace shardlift::mapping::testing {

namespace {

using Random = std::mt19937_64;

std::uint64_t Below(Random& random, std::uint64_t n) { return random() % n; }
std::string Hex(const std::string& bytes) { return mysql::HexLiteral(bytes); }
std::string Quoted(const std::string& text) { return "'" + text + "'"; }

template <unsigned kBits>
std::string Signed(Random& random) {
  return std::to_string(static_cast<std::int64_t>(random()) >> (64 - kBits + Below(random, kBits)));
}

template <unsigned kBits>
std::string Unsigned(Random& random) {
  return std::to_string(random() >> (64 - kBits + Below(random, kBits)));
}

template <int kWhole, int kScale>
std::string Decimal(Random& random) {
  std::string text = Below(random, 2) == 0 ? "-" : "";
  auto digits = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) text.push_back(static_cast<char>('0' + Below(random, 10)));
  };
  digits(1 + Below(random, kWhole));
  if (kScale == 0) return text;
  text.push_back('.');
  digits(1 + Below(random, kScale));
  return text;
}

// Characters of the servers' every charset come by their code; `wide` adds some outside the first plane.
std::string Utf8Text(Random& random, std::uint64_t length, bool wide) {
  std::string text;
  for (std::uint64_t i = 0; i < length; ++i) {
    switch (Below(random, 6)) {
      case 0: text += Utf8(0x4E00 + static_cast<std::uint32_t>(Below(random, 0x5000))); break;
      case 1: text += Utf8(wide ? 0x1F600 + static_cast<std::uint32_t>(Below(random, 80)) : 0x3042u); break;
      case 2: text += std::string(1, " '\"\\\n\t%_/ab:"[Below(random, 12)]); break;
      case 3: text += Utf8(0xC0 + static_cast<std::uint32_t>(Below(random, 300))); break;
      default: text.push_back(static_cast<char>(' ' + Below(random, 95)));
    }
  }
  return text;
}

std::string Utf8Cell(Random& random) { return Hex(Utf8Text(random, Below(random, 14), true)); }
std::string Utf8Mb3Cell(Random& random) { return Hex(Utf8Text(random, Below(random, 14), false)); }
std::string LongCell(Random& random) { return Hex(Utf8Text(random, Below(random, 120), true)); }

std::string AsciiCell(Random& random) {
  std::string text;
  for (std::uint64_t i = Below(random, 12); i > 0; --i) text.push_back(static_cast<char>(' ' + Below(random, 95)));
  return Hex(text);
}

std::string Latin1Cell(Random& random) {
  std::string text;
  for (std::uint64_t i = Below(random, 12); i > 0; --i) {
    text.push_back(static_cast<char>(Below(random, 2) == 0 ? ' ' + Below(random, 95) : 0x80 + Below(random, 128)));
  }
  return Hex(text);
}

// UTF-8 in a latin1 column.
std::string MislabelledCell(Random& random) { return Hex(Utf8Text(random, Below(random, 8), true)); }

// Two bytes each where both servers have characters, ASCII between them.
template <unsigned kFirst, unsigned kLast, unsigned kSecond, unsigned kSecondCount>
std::string DoubleByteCell(Random& random) {
  std::string text;
  for (std::uint64_t i = Below(random, 12); i > 0; --i) {
    if (Below(random, 3) == 0) {
      text.push_back(static_cast<char>(' ' + Below(random, 95)));
    } else {
      text.push_back(static_cast<char>(kFirst + Below(random, kLast - kFirst)));
      text.push_back(static_cast<char>(kSecond + Below(random, kSecondCount)));
    }
  }
  return Hex(text);
}

std::string BytesOf(Random& random, std::uint64_t length) {
  std::string bytes(length, '\0');
  for (char& c : bytes) c = Below(random, 3) == 0 ? "\0 a:"[Below(random, 4)] : static_cast<char>(random());
  return bytes;
}
std::string BinaryCell(Random& random) { return Hex(BytesOf(random, 8)); }
std::string VarbinaryCell(Random& random) { return Hex(BytesOf(random, Below(random, 30))); }
std::string BlobCell(Random& random) { return Hex(BytesOf(random, Below(random, 140))); }

std::string Date(Random& random, int year_first, std::uint64_t years) {
  return fmt::format("{:04}-{:02}-{:02}", year_first + static_cast<int>(Below(random, years)), 1 + Below(random, 12),
                     1 + Below(random, 28));
}

std::string Clock(Random& random, unsigned digits) {
  std::string text = fmt::format("{:02}:{:02}:{:02}.{:06}", Below(random, 24), Below(random, 60), Below(random, 60),
                                 Below(random, 1000000));
  return text.substr(0, digits == 0 ? 8 : 9 + digits);
}

template <unsigned kDigits>
std::string DateTimeCell(Random& random) {
  return Quoted(Date(random, 1000, 9000) + " " + Clock(random, kDigits));
}
std::string RecentCell(Random& random) { return Quoted(Date(random, 1971, 66) + " " + Clock(random, 0)); }
std::string DateCell(Random& random) { return Quoted(Date(random, 1000, 9000)); }

std::string EnumCell(Random& random) { return std::to_string(1 + Below(random, 3)); }
std::string SetCell(Random& random) { return std::to_string(Below(random, 8)); }
std::string SmallCell(Random& random) { return std::to_string(static_cast<int>(Below(random, 25)) - 12); }
std::string CountCell(Random& random) { return std::to_string(Below(random, 70)); }
std::string YearCell(Random& random) { return std::to_string(1901 + Below(random, 255)); }
std::string SecondsCell(Random& random) { return std::to_string(Below(random, 4102444800)); }
std::string MillisCell(Random& random) {
  return fmt::format("{}.{:03}", Below(random, 4102444800), Below(random, 1000));
}

std::string JsonText(Random& random, int depth) {
  switch (Below(random, depth > 2 ? 5 : 8)) {
    case 0: return std::to_string(static_cast<int>(Below(random, 2000)) - 1000);
    case 1: return Below(random, 2) == 0 ? "true" : "null";
    case 2: return "\"" + std::to_string(Below(random, 100)) + "\"";
    case 3: return R"("a \"q\" \\ \n\u00e9\u4e2d)" + Utf8(0x1F600) + "\"";
    case 4: return fmt::format("{}.5", Below(random, 100));
    case 5: return "[" + JsonText(random, depth + 1) + ", " + JsonText(random, depth + 1) + "]";
    case 6: return R"({"a": )" + JsonText(random, depth + 1) + "}";
    default: return R"({"a": )" + JsonText(random, depth + 1) + R"(, "b c": )" + JsonText(random, depth + 1) + "}";
  }
}
std::string JsonCell(Random& random) { return "CONVERT(" + Hex(JsonText(random, 0)) + " USING utf8mb4)"; }

std::string DigitsCell(Random& random) {
  return Quoted(Below(random, 2) == 0 ? Signed<40>(random) : Decimal<6, 3>(random));
}
std::string HexCell(Random& random) {
  std::string text;
  for (std::uint64_t i = Below(random, 12); i > 0; --i) text.push_back("0123456789abcdefABCDEF"[Below(random, 22)]);
  return Quoted(text);
}
std::string Base64Cell(Random& random) {
  std::string text;
  for (std::uint64_t i = Below(random, 5); i > 0; --i) {
    for (int j = 0; j < 4; ++j) text.push_back("AZaz019+/Qm"[Below(random, 11)]);
    if (Below(random, 8) == 0) text.push_back(" \n"[Below(random, 2)]);
  }
  static constexpr const char* kEnds[] = {"", "", "QQ==", "QUI=", "Q", "QQ=", "=", "Q Q==", "QQ==QQ==", "*"};
  return Quoted(text + kEnds[Below(random, 10)]);
}
std::string TimeTextCell(Random& random) {
  std::string date = Date(random, 1000, 9000);
  return Quoted(Below(random, 3) == 0 ? date : date + " " + Clock(random, static_cast<unsigned>(Below(random, 7))));
}
std::string PartsCell(Random& random) {
  std::string text;
  for (std::uint64_t i = Below(random, 6); i > 0; --i) {
    text += Below(random, 3) == 0 ? Utf8Text(random, 2, false) : std::string(Below(random, 3), "a0"[Below(random, 2)]);
    text += Below(random, 4) == 0 ? "::" : ":";
  }
  return Hex(text);
}

const std::vector<MatrixColumn> kColumns = {
    {"ti", "TINYINT", "inx", Signed<8>, {"-128", "127", "0"}},
    {"tu", "TINYINT UNSIGNED", "ix", Unsigned<8>, {"0", "255"}},
    {"si", "SMALLINT", "ix", Signed<16>, {"-32768", "32767", "0"}},
    {"mu", "MEDIUMINT UNSIGNED", "ix", Unsigned<24>, {"0", "16777215"}},
    {"ii", "INT", "ix", Signed<32>, {"-2147483648", "2147483647", "0"}},
    {"iu", "INT UNSIGNED", "ix", Unsigned<32>, {"0", "4294967295"}},
    {"bi", "BIGINT", "ix", Signed<64>, {"-9223372036854775808", "9223372036854775807", "0", "-1"}},
    {"bu", "BIGINT UNSIGNED", "ix", Unsigned<64>, {"0", "18446744073709551615", "9223372036854775808"}},
    {"zf", "INT(5) UNSIGNED ZEROFILL", "i", Unsigned<32>, {"0", "4294967295"}},
    {"yr", "YEAR", "i", YearCell, {"0", "1901", "2155"}},
    {"bt", "BIT(20)", "i", Unsigned<20>, {"0", "1048575"}},
    {"n1", "TINYINT", "n", SmallCell, {"-12", "12", "0"}},
    {"n2", "SMALLINT", "n", SmallCell, {"-1", "1", "0"}},
    {"ct", "SMALLINT", "f", CountCell, {"0", "63", "64", "-1"}},
    {"d5", "DECIMAL(5,2)", "cx", Decimal<3, 2>, {"-999.99", "999.99", "0", "0.01", "-0.01", "0.5", "-1.5"}},
    {"d10", "DECIMAL(10,0)", "cx", Decimal<10, 0>, {"-9999999999", "9999999999", "0"}},
    {"d12", "DECIMAL(12,6) UNSIGNED", "cx", Unsigned<16>, {"0", "999999.999999", "0.000001"}},
    {"d20", "DECIMAL(20,4)", "cx", Decimal<16, 4>, {"-9999999999999999.9999", "9999999999999999.9999", "0", "0.00005"}},
    {"vc", "VARCHAR(60)", "t", Utf8Cell, {"''", "' '", "'a '", "'A'", Hex("\xF0\x9F\x98\x80")}},
    {"u3", "VARCHAR(60) CHARACTER SET utf8mb3", "t", Utf8Mb3Cell, {"''", "' '"}},
    {"l1", "VARCHAR(60) CHARACTER SET latin1", "tl", Latin1Cell, {"''", Hex("\x80"), Hex("\xFF")}},
    {"lu",
     "VARCHAR(60) CHARACTER SET latin1",
     "l",
     MislabelledCell,
     {"''", Hex("\xE4\xB8\xAD"), Hex("\xF0\x9F\x98\x80")}},
    {"gb", "VARCHAR(60) CHARACTER SET gbk", "t", DoubleByteCell<0xB0, 0xD7, 0xA1, 94>, {"''", Hex("\xFD\x9B")}},
    {"sj",
     "VARCHAR(60) CHARACTER SET sjis",
     "t",
     DoubleByteCell<0x89, 0x97, 0x40, 63>,
     {"''", Hex("\\"), Hex("~"), Hex("\x81\x5F"), Hex("\xA1\xDF")}},
    {"uj", "VARCHAR(60) CHARACTER SET ujis", "t", DoubleByteCell<0xB0, 0xCF, 0xA1, 94>, {"''", Hex("\x8E\xA1")}},
    {"b5", "VARCHAR(60) CHARACTER SET big5", "t", DoubleByteCell<0xA4, 0xC6, 0x40, 63>, {"''"}},
    {"as7", "VARCHAR(60) CHARACTER SET ascii", "t", AsciiCell, {"''", "'~'", "' a'"}},
    {"ch", "CHAR(20)", "t", Utf8Cell, {"''", Hex("\xF0\x9F\x98\x80")}},
    {"tx", "TEXT", "t", LongCell, {"''", "' '"}},
    {"en", "ENUM('a','B','\xE4\xB8\xAD') CHARACTER SET gbk", "t", EnumCell, {"1", "3"}},
    {"st", "SET('x','y','Z')", "t", SetCell, {"0", "7"}},
    {"bn", "BINARY(8)", "b", BinaryCell, {"x'0000000000000000'", "x'FFFFFFFFFFFFFFFF'"}},
    {"vb", "VARBINARY(40)", "b", VarbinaryCell, {"''", "x'00'", "x'20'"}},
    {"bl", "BLOB", "b", BlobCell, {"''", "x'FF'"}},
    {"dt",
     "DATETIME",
     "d",
     DateTimeCell<0>,
     {"'1000-01-01 00:00:00'", "'9999-12-31 23:59:59'", "'2024-02-29 00:00:00'", "'0000-00-00 00:00:00'"}},
    {"dt3",
     "DATETIME(3)",
     "d",
     DateTimeCell<3>,
     {"'1970-01-01 00:00:00.000'", "'9999-12-31 23:59:59.999'", "'2023-12-31 23:59:59.500'"}},
    {"dt6", "DATETIME(6)", "dD", DateTimeCell<6>, {"'1969-12-31 23:59:59.999999'", "'9999-12-31 23:59:59.999999'"}},
    {"tz",
     "DATETIME",
     "z",
     RecentCell,
     {"'1986-05-04 02:30:00'", "'1991-09-15 01:30:00'", "'2007-03-11 02:30:00'", "'2007-11-04 01:30:00'",
      "'1970-01-02 12:00:00'", "'2037-12-30 00:00:00'"}},
    {"ts", "TIMESTAMP(3) NULL", "d", RecentCell, {"'1970-01-01 00:00:01.000'", "'2038-01-19 03:14:07.999'"}},
    {"da", "DATE", "a", DateCell, {"'1000-01-01'", "'9999-12-31'", "'2024-02-29'", "'1970-01-01'"}},
    {"js", "JSON", "j", JsonCell, {"'{}'", "'[]'", "'null'", "'\"\"'"}},
    {"dg",
     "VARCHAR(40)",
     "g",
     DigitsCell,
     {"'0'", "'-0'", "'9223372036854775807'", "'18446744073709551615'", "''", "'x1'", "'1.'", "'.5'", "' 1'", "'007'"}},
    {"hx", "VARCHAR(24)", "h", HexCell, {"''", "'a'", "'xyz'", "'00'", "'4142 43'"}},
    {"b64", "VARCHAR(90)", "k", Base64Cell, {"''", "'===='", "'A==='", "' '"}},
    {"tt",
     "VARCHAR(40)",
     "m",
     TimeTextCell,
     {"''", "'2024-02-30'", "'2024-02-29 24:00:00'", "'0000-00-00'", "'2024-2-9'"}},
    {"jt",
     "VARCHAR(400)",
     "q",
     JsonCell,
     {"''", "'{'", "'[1,]'", "'01'", "'\"\\\\x\"'", "'-'", "'1e5'", "' 1 '", "'nul'", "'{\"a\":1} x'"}},
    {"pt", "VARCHAR(90)", "pt", PartsCell, {"''", "':'", "'::'", "'a'"}},
    {"pg", "VARCHAR(90) CHARACTER SET gbk", "p", DoubleByteCell<0xB0, 0xB3, 0xA1, 94>, {"''", "':'"}},
    {"sec", "BIGINT", "s", SecondsCell, {"0", "253402300799", "2147483647", "2147483648", "-1"}},
    {"ms", "DECIMAL(16,3)", "S", MillisCell, {"0", "0.001", "2147483647.999", "4294967296.5", "-0.5"}},
};

}  // namespace

const std::vector<MatrixColumn>& MatrixColumns() { return kColumns; }

std::string MatrixDdl(const std::string& table) {
  std::string ddl = "CREATE TABLE " + table + " (id INT UNSIGNED NOT NULL PRIMARY KEY";
  for (const MatrixColumn& column : MatrixColumns()) ddl += fmt::format(", {} {}", column.name, column.ddl);
  return ddl + ") DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin";
}

std::vector<Cell> MatrixRow(Random& random) {
  std::vector<Cell> row;
  for (const MatrixColumn& column : MatrixColumns()) {
    std::uint64_t kind = Below(random, 20);
    if (kind < 2) {
      row.push_back({"NULL", true});
    } else if (kind < 7) {
      row.push_back({column.boundaries[Below(random, column.boundaries.size())], true});
    } else {
      row.push_back({column.plain(random), false});
    }
  }
  return row;
}

}  // namespace shardlift::mapping::testing
