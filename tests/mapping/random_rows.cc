#include "tests/mapping/random_rows.h"

#include <array>
#include <cstdio>
#include <vector>

#include "mysql/session.h"

namespace shardlift::mapping::testing {

const char* const kRandomTableDdl =
    "CREATE TABLE random_values.r (id INT UNSIGNED NOT NULL PRIMARY KEY, ti TINYINT, tu TINYINT UNSIGNED, si SMALLINT, "
    "mu MEDIUMINT UNSIGNED, i INT, iu INT UNSIGNED, b BIGINT, bu BIGINT UNSIGNED, zf INT(5) UNSIGNED ZEROFILL, y YEAR, "
    "bits BIT(20), de DECIMAL(20,4), vc VARCHAR(60), vg VARCHAR(60) CHARACTER SET gbk, vl VARCHAR(60) CHARACTER SET "
    "latin1, "
    "va VARCHAR(40) CHARACTER SET ascii, u3 VARCHAR(40) CHARACTER SET utf8mb3, tx TEXT, ch CHAR(20), bin BINARY(8), "
    "vb VARBINARY(40), bl BLOB, en ENUM('a','B','\xE4\xB8\xAD') CHARACTER SET gbk, st SET('x','y','Z'), dt DATETIME, "
    "dt3 DATETIME(3), dt6 DATETIME(6), da DATE, ts TIMESTAMP(3) NULL, tm TIME(2), js JSON, nums VARCHAR(24), "
    "hexs VARCHAR(24)) DEFAULT CHARSET=utf8mb4";
const char* const kImDdl =
    "CREATE TABLE im_2.msg_07 (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, from_uid BIGINT UNSIGNED NOT NULL, to_uid "
    "BIGINT "
    "UNSIGNED NOT NULL, kind TINYINT NOT NULL, flags TINYINT UNSIGNED NOT NULL DEFAULT 0, content TEXT NOT NULL, ctime "
    "INT "
    "UNSIGNED NOT NULL, mtime INT UNSIGNED NOT NULL DEFAULT 0, PRIMARY KEY (id), KEY to_uid_id (to_uid, id)) DEFAULT "
    "CHARSET=utf8mb4";
const char* const kPushDdl =
    "CREATE TABLE push.push_202310 (push_id BIGINT NOT NULL AUTO_INCREMENT, open_id VARCHAR(64) CHARACTER SET utf8mb4 "
    "COLLATE "
    "utf8mb4_bin NOT NULL, app_code VARCHAR(16) NOT NULL, template_code VARCHAR(32) NOT NULL, params JSON NULL, "
    "created_at "
    "DATETIME(3) NOT NULL, read_at DATETIME(3) NULL, deleted TINYINT(1) NOT NULL DEFAULT 0, PRIMARY KEY (push_id), KEY "
    "open_id (open_id)) DEFAULT CHARSET=utf8mb4";
const char* const kNoticeDdl =
    "CREATE TABLE oldsys.sys_notice (region SMALLINT UNSIGNED NOT NULL, seq INT UNSIGNED NOT NULL, username "
    "VARCHAR(40) NOT "
    "NULL, title VARCHAR(120) NOT NULL, body TEXT NOT NULL, state ENUM('new','read','archived','recalled') NOT NULL "
    "DEFAULT "
    "'new', post_time DATETIME NOT NULL, PRIMARY KEY (region, seq)) DEFAULT CHARSET=gbk";

namespace {

using Random = std::mt19937_64;

std::uint64_t Below(Random& random, std::uint64_t n) { return random() % n; }

template <std::size_t N>
std::string Pick(Random& random, const std::array<const char*, N>& values) {
  return values[Below(random, N)];
}

std::string Quoted(const std::string& text) { return "'" + text + "'"; }

std::string Unsigned(Random& random, unsigned bits) {
  std::uint64_t max = bits == 64 ? ~0ull : (1ull << bits) - 1;
  switch (Below(random, 8)) {
    case 0: return std::to_string(max);
    case 1: return "0";
    case 2: return std::to_string(max / 2 + Below(random, 2));
    case 3: return std::to_string(Below(random, 4));
    default: return std::to_string((random() & max) >> Below(random, bits));
  }
}

std::string Signed(Random& random, unsigned bits) {
  std::int64_t min = bits == 64 ? INT64_MIN : -(std::int64_t{1} << (bits - 1));
  switch (Below(random, 8)) {
    case 0: return std::to_string(min);
    case 1: return std::to_string(-(min + 1));
    case 2: return std::to_string(static_cast<int>(Below(random, 5)) - 2);
    default: return std::to_string(static_cast<std::int64_t>(random()) >> (64 - bits + Below(random, bits)));
  }
}

std::string Gbk(Random& random, std::uint64_t length) {
  std::string text;
  for (std::uint64_t i = 0; i < length; ++i) {
    if (Below(random, 3) == 0) {
      text.push_back(static_cast<char>(' ' + Below(random, 95)));
    } else {
      text.push_back(static_cast<char>(0xB0 + Below(random, 0xD7 - 0xB0)));
      text.push_back(static_cast<char>(0xA1 + Below(random, 94)));
    }
  }
  return text;
}

std::string Utf8Text(Random& random, std::uint64_t length, std::uint32_t code_point_max) {
  std::string text;
  for (std::uint64_t i = 0; i < length; ++i) {
    switch (Below(random, 6)) {
      case 0: text += Utf8(0x4E00 + static_cast<std::uint32_t>(Below(random, 0x5000))); break;
      case 1:
        text += Utf8(code_point_max > 0xFFFF ? 0x1F600 + static_cast<std::uint32_t>(Below(random, 80)) : 0x3042u);
        break;
      case 2: text += std::string(1, " '\"\\\n\t%_/ab\x01"[Below(random, 12)]); break;
      case 3: text += Utf8(0xC0 + static_cast<std::uint32_t>(Below(random, 300))); break;
      default: text.push_back(static_cast<char>(' ' + Below(random, 95)));
    }
  }
  return text;
}

std::string Bytes(Random& random, std::uint64_t length) {
  std::string bytes(length, '\0');
  for (char& c : bytes) c = Below(random, 3) == 0 ? '\0' : static_cast<char>(random());
  return bytes;
}

std::string DateText(Random& random, int year_first, int years) {
  char text[40];  // as much as three integers may take, as far as the compiler knows
  std::snprintf(text, sizeof(text), "%04d-%02d-%02d",
                year_first + static_cast<int>(Below(random, static_cast<std::uint64_t>(years))),
                1 + static_cast<int>(Below(random, 12)), 1 + static_cast<int>(Below(random, 28)));
  return text;
}

std::string TimeText(Random& random, int digits) {
  char text[32];
  std::snprintf(text, sizeof(text), "%02d:%02d:%02d.%06d", static_cast<int>(Below(random, 24)),
                static_cast<int>(Below(random, 60)), static_cast<int>(Below(random, 60)),
                static_cast<int>(Below(random, 1000000)));
  return std::string(text, static_cast<std::size_t>(digits == 0 ? 8 : 9 + digits));
}

std::string DateTime(Random& random, int digits, int year_first = 1000, int years = 9000) {
  if (Below(random, 20) == 0 && year_first == 1000) return "'9999-12-31 23:59:59'";
  if (Below(random, 10) == 0) return "'2024-02-29 00:00:00'";
  return Quoted(DateText(random, year_first, years) + " " + TimeText(random, digits));
}

std::string Json(Random& random) {
  static const std::array<const char*, 8> kTexts = {R"({"a": 1, "b": "x"})",
                                                    R"([])",
                                                    R"([1, 2.5, null, true])",
                                                    R"({"bb": {"c": [1]}, "a": "\u00e9"})",
                                                    R"("text")",
                                                    R"(12)",
                                                    R"({"k": "\"q\" \\ \n"})",
                                                    R"(null)"};
  return "CONVERT(" + mysql::HexLiteral(Pick(random, kTexts)) + " USING utf8mb4)";
}

// Joins the values into a row; each but the first `fixed` is NULL now and then.
std::string Row(Random& random, const std::vector<std::string>& values, std::size_t fixed) {
  std::string row = "(";
  for (std::size_t i = 0; i < values.size(); ++i) {
    bool null = i >= fixed && Below(random, 12) == 0;
    row += (i > 0 ? "," : "") + (null ? std::string("NULL") : values[i]);
  }
  return row + ")";
}

}  // namespace

std::string Utf8(std::uint32_t c) {
  auto tail = [&](int shift) { return static_cast<char>(0x80 | ((c >> shift) & 0x3F)); };
  if (c < 0x80) return {static_cast<char>(c)};
  if (c < 0x800) return {static_cast<char>(0xC0 | (c >> 6)), tail(0)};
  if (c < 0x10000) return {static_cast<char>(0xE0 | (c >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (c >> 18)), tail(12), tail(6), tail(0)};
}

std::string RandomRow(Random& random, int id) {
  using mysql::HexLiteral;
  std::string digits =
      Pick(random, std::array{"0", "7", "007", "-3", "9223372036854775807", "18446744073709551615", "x1", ""});
  if (Below(random, 2) == 0) digits = std::to_string(Below(random, 100000));
  std::string hex = Pick(random, std::array{"", "a", "0fF", "00", "xyz", "DEADbeef", "4142 43"});
  std::string latin1(Below(random, 12), 'e');
  for (char& c : latin1) c = static_cast<char>(1 + Below(random, 255));
  return Row(random,
             {std::to_string(id),
              Signed(random, 8),
              Unsigned(random, 8),
              Signed(random, 16),
              Unsigned(random, 24),
              Signed(random, 32),
              Unsigned(random, 32),
              Signed(random, 64),
              Unsigned(random, 64),
              Unsigned(random, 32),
              Below(random, 6) == 0 ? "0" : std::to_string(1901 + Below(random, 255)),
              Unsigned(random, 20),
              Signed(random, 40) + "." + std::to_string(Below(random, 9999)),
              HexLiteral(Utf8Text(random, Below(random, 15), 0x1FFFF)),
              HexLiteral(Gbk(random, Below(random, 20))),
              HexLiteral(latin1),
              HexLiteral(Pick(random, std::array{"", "sandbox", "Sandbox", "sandbox ", "ab", "  pad  "})),
              HexLiteral(Utf8Text(random, Below(random, 10), 0xFFFF)),
              HexLiteral(Utf8Text(random, Below(random, 200), 0x1FFFF)),
              HexLiteral(Utf8Text(random, Below(random, 8), 0x1FFFF)),
              HexLiteral(Bytes(random, 1 + Below(random, 8))),
              HexLiteral(Bytes(random, Below(random, 30))),
              HexLiteral(Bytes(random, Below(random, 60))),
              std::to_string(1 + Below(random, 3)),
              std::to_string(Below(random, 8)),
              DateTime(random, 0),
              DateTime(random, 3),
              DateTime(random, 6),
              Quoted(DateText(random, 1000, 9000)),
              DateTime(random, 3, 1975, 60),
              Quoted(TimeText(random, 2)),
              Json(random),
              Quoted(digits),
              Quoted(hex)},
             1);
}

std::string ImRow(Random& random, int id) {
  std::string key = id == 0 ? "1099511627775" : id == 1 ? "1099511627776" : std::to_string(id);
  return Row(random,
             {key, Unsigned(random, 64), Unsigned(random, 64), std::to_string(static_cast<int>(Below(random, 130)) - 2),
              Unsigned(random, 8), mysql::HexLiteral(Utf8Text(random, Below(random, 80), 0x1FFFF)),
              Unsigned(random, 32), Unsigned(random, 32)},
             8);
}

std::string PushRow(Random& random, int id) {
  std::string row =
      Row(random,
          {std::to_string(id * 7 - 3), mysql::HexLiteral("ou_" + Utf8Text(random, Below(random, 12), 0x1FFFF)),
           Quoted(Pick(random, std::array{"mall", "sandbox", "Sandbox", "sandbox ", "bank"})),
           Quoted("tpl_" + std::to_string(Below(random, 1000))), Below(random, 5) == 0 ? "NULL" : Json(random),
           DateTime(random, 3), Below(random, 2) == 0 ? "NULL" : DateTime(random, 3), std::to_string(Below(random, 2))},
          8);
  return row;
}

std::string NoticeRow(Random& random, int id) {
  std::string region = std::to_string(id % 7 == 0 ? 256 + Below(random, 300) : Below(random, 256));
  return Row(
      random,
      {region, Below(random, 9) == 0 ? std::to_string(4294967295u - static_cast<unsigned>(id)) : std::to_string(id),
       mysql::HexLiteral(Gbk(random, 1 + Below(random, 18))), mysql::HexLiteral(Gbk(random, Below(random, 50))),
       mysql::HexLiteral(Gbk(random, Below(random, 300))), std::to_string(1 + Below(random, 4)), DateTime(random, 0)},
      7);
}

std::string OwnerKeyRow(Random& random, int id) {
  using mysql::HexLiteral;
  std::string name = Gbk(random, Below(random, 4));
  while (!name.empty() && name.back() == ' ') name.pop_back();
  std::string character = std::string(1, static_cast<char>('a' + Below(random, 3))) + std::to_string(id);
  return Row(random,
             {Signed(random, 64), HexLiteral(name), HexLiteral(Bytes(random, Below(random, 5))), Unsigned(random, 8),
              Signed(random, 24), HexLiteral(Bytes(random, 4)), HexLiteral(character)},
             7);
}

const std::vector<const char*> kExpressions = {
    // Columns as they are.
    "id", "ti", "tu", "si", "mu", "i", "iu", "b", "bu", "zf", "y", "bits", "vc", "vg", "vl", "va", "u3", "tx", "ch",
    "bin", "vb", "bl", "en", "st", "dt", "dt3", "dt6", "da", "ts", "js",
    // Conversions.
    "CAST(b AS CHAR)", "CAST(bu AS CHAR)", "CAST(zf AS CHAR)", "CAST(y AS CHAR)", "CAST(bits AS CHAR)",
    "CAST(de AS CHAR)", "CAST(dt3 AS CHAR)", "CAST(da AS CHAR)", "CAST(tm AS CHAR)", "CAST(js AS CHAR)",
    "CAST(vg AS BINARY)", "CAST(b AS BINARY)", "CAST(b AS UNSIGNED)", "CAST(bu AS SIGNED)", "CAST(nums AS SIGNED)",
    "CAST(nums AS UNSIGNED)", "CAST(da AS DATETIME)", "CAST(dt AS DATETIME(6))", "CAST(dt3 AS DATETIME(5))",
    "CAST(CAST(dt3 AS CHAR) AS DATETIME(3))", "CONVERT(vl USING utf8mb4)", "CAST(UNHEX(HEX(vc)) AS CHAR)",
    // Numbers.
    "ti + si * 3 - 1", "CAST(tu AS SIGNED) - 300 + si", "iu * iu", "i * ti", "-i", "-(-ti)", "i DIV ti", "b DIV 7",
    "bu DIV 10", "i MOD si", "b % 1000", "bu % 97", "MOD(i, tu)", "zf + 1", "y + 1", "bits + 1", "iu DIV 0",
    "-9223372036854775808",
    // Comparisons and logic.
    "b < bu", "b = ti", "i <=> si", "bu >= 9223372036854775808", "ti BETWEEN -5 AND 5", "bu NOT BETWEEN 5 AND b",
    "b IN (1, -1, NULL)", "bu IN (0, 18446744073709551615)", "bu NOT IN (b, -1)", "va = 'sandbox'", "va <> 'sandbox'",
    "vc < vg", "vb >= bin", "en IN ('a', 'b')", "dt3 < '2500-01-01'", "dt6 BETWEEN dt3 AND '9000-01-01 00:00:00.5'",
    "da = CAST(da AS DATETIME(3))", "NOT (ti > 0 OR si > 0)", "ti > 0 AND (si > 0 OR i IS NULL)",
    "(ti > 0) IS NOT TRUE", "(si > 0) IS FALSE", "ti IS NULL", "vc IS NOT NULL", "ti > 0 = (si > 0)",
    // Branches.
    "CASE WHEN ti > 0 THEN vc WHEN si > 0 THEN vg END", "CASE st WHEN 'x,y' THEN 1 WHEN 'Z' THEN 2 ELSE -3 END",
    "IF(ti < 0, b, i)", "IFNULL(bu, 0)", "COALESCE(ti, si, i, -1)", "COALESCE(dt, dt3, dt6)", "NULLIF(vc, '')",
    "NULLIF(ti, si)", "IF(ti > 0, tu, 7) + 1", "CASE WHEN ti > 0 THEN da END", "CASE WHEN ti > 0 THEN js ELSE NULL END",
    "IF(NULL, 1, 2)", "CASE WHEN ti > 0 THEN tm END", "CASE ti WHEN tu THEN 'same' WHEN NULL THEN 'never' ELSE vc END",
    // Text.
    "CONCAT('im:', bu, ':', b, vg, en)", "CONCAT(vb, 'x', ti)", "SUBSTRING(vc, ti, tu)", "SUBSTRING(vb, -3)",
    "LEFT(tx, 5)", "RIGHT(vg, ti)", "LOWER(vg)", "UPPER(va)", "TRIM(vc)", "REPLACE(vc, ' ', '_-')", "HEX(vc)", "HEX(b)",
    "UNHEX(hexs)", "LEFT(vb, bu)", "SUBSTRING(tx, 3, 4)", "SUBSTRING(ch, bu)", "RIGHT(vb, 2)", "LTRIM(va)", "RTRIM(va)",
    "TRIM(vb)", "REPLACE(vb, x'00', x'')", "REPLACE(tx, LEFT(tx, 1), '\xE4\xB8\xAD')", "LPAD(vc, 8, '\xE4\xB8\xAD-')",
    "LPAD(HEX(id), 16, '0')", "LPAD(bin, 12, x'0102')", "CHAR_LENGTH(vg)", "LENGTH(vg)", "CHAR_LENGTH(vb)",
    "CHAR_LENGTH(tx) - 500", "UPPER(HEX(bl))", "LOWER(en)", "CONCAT(de, '/', dt3, '/', da, '/', tm, '/', js)",
    // Time, JSON, identity.
    "FROM_UNIXTIME(iu)", "FROM_UNIXTIME(i)", "FROM_UNIXTIME(iu * 60)", "CONVERT_TZ(dt, '+08:00', '+00:00')",
    "CONVERT_TZ(dt3, '-05:30', '+14:00')", "CONVERT_TZ(ts, '+00:00', '+08:00')",
    "CONVERT_TZ(COALESCE(dt, dt6), '+08:00', '+00:00')", "JSON_OBJECT()",
    "JSON_OBJECT('name', vc, 'n', b, 'doc', js, 'no', NULL, 'bu', bu, '\"\\\n', tx)", "COMPOSE_ID(iu)", "COMPOSE_ID(b)",
    "COMPOSE_ID(tu * 4294967296 + iu)", "COMPOSE_ID(id)"};

}  // namespace shardlift::mapping::testing
