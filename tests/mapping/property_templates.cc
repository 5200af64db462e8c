#include "tests/mapping/property_templates.h"

#include <map>

#include "tests/mapping/matrix_rows.h"

namespace shardlift::mapping::testing {

namespace {

using Templates = std::vector<const char*>;

// Operands of one comparison.
Templates Comparison(const char* symbol) {
  static std::vector<std::string> kept;  // the templates live as long as the program
  kept.reserve(1000);
  Templates made;
  for (const char* pair : {"{x}|{x}", "{x}|{x}", "{n}|{n}", "{t}|{t}", "{t}|'a'", "{b}|{b}", "{d}|{d}",
                           "{d}|'2024-02-29'", "{a}|{d}", "{c}|1.50", "{c}|{n}", "{en}|'B'"}) {
    std::string text = pair;
    kept.push_back(text.replace(text.find('|'), 1, std::string(" ") + symbol + " "));
    made.push_back(kept.back().c_str());
  }
  return made;
}

const std::map<std::string_view, Templates> kAll = {
    // Numbers.
    {"+", {"{n} + {i}", "{c} + {c}", "{c} + {n}", "{ti} + {n} + 1.5", "{iu} + {ii}"}},
    {"-", {"{n} - {n}", "{c} - {c}", "{c} - {n}", "{i} - {n}", "{ii} - {iu}"}},
    {"-x", {"-{n}", "-({c})", "-{ii}", "-({c} + 1)", "-(-{bi})"}},
    {"*", {"{n} * {n}", "{c} * {n}", "{d5} * {c}", "{ti} * {ii}", "{d12} * {d20}"}},
    {"/",
     {"{n} / {n}", "{c} / {n}", "{c} / {c}", "{i} / 7", "{sec} / 1000", "{d20} / 3 * 3", "{bi} / {n}", "{d12} / {n}"}},
    {"DIV", {"{n} DIV {n}", "{i} DIV 7", "{d5} DIV {n}", "{d20} DIV {n}", "{d10} DIV {d5}", "{i} DIV {n}"}},
    {"%", {"{n} % {n}", "{i} MOD 97", "MOD({c}, {n})", "{c} % {c}", "{i} % {n}", "{d20} % 0.3"}},
    {"&", {"{i} & {i}", "{i} & 255", "{n} & {n}"}},
    {"|", {"{i} | {i}", "{n} | 1", "{n} | {n}"}},
    {"^", {"{i} ^ {i}", "{n} ^ {n}", "{i} ^ 255"}},
    {"~", {"~{i}", "~{n}"}},
    {"<<", {"{i} << {f}", "{n} << 3", "{i} << {n}"}},
    {">>", {"{i} >> {f}", "{n} >> 3", "{i} >> {n}"}},
    {"ABS", {"ABS({i})", "ABS({c})", "ABS({n})"}},
    {"CEILING", {"CEILING({c})", "CEIL({i})", "CEILING({d5} / 3)"}},
    {"FLOOR", {"FLOOR({c})", "FLOOR({i})", "FLOOR({d5} / 3)"}},
    {"ROUND", {"ROUND({c})", "ROUND({c}, 1)", "ROUND({i})", "ROUND({c}, 3)", "ROUND({d5} / 3, 2)"}},
    {"TRUNCATE", {"TRUNCATE({c}, 0)", "TRUNCATE({c}, 1)", "TRUNCATE({i}, 2)", "TRUNCATE({c}, 5)"}},
    {"SIGN", {"SIGN({i})", "SIGN({c})"}},
    {"GREATEST",
     {"GREATEST({ti}, {si}, {ii})", "GREATEST({c}, {c})", "GREATEST({d}, {d})", "GREATEST({n}, {d5})",
      "GREATEST({a}, {a})", "GREATEST({tu}, {bu})"}},
    {"LEAST",
     {"LEAST({ti}, {si}, {ii})", "LEAST({c}, {c})", "LEAST({d}, {d})", "LEAST({n}, {d5})", "LEAST({a}, {a})",
      "LEAST({tu}, {bu})"}},
    // Logic.
    {"=", Comparison("=")},
    {"<>", Comparison("<>")},
    {"<", Comparison("<")},
    {"<=", Comparison("<=")},
    {">", Comparison(">")},
    {">=", Comparison(">=")},
    {"<=>", Comparison("<=>")},
    {"AND", {"{n} AND {n}", "{n} > 0 AND {t} IS NULL", "{i} AND NULL", "{n} AND {i} > 0"}},
    {"OR", {"{n} OR {n}", "{n} > 0 OR {t} = ''", "{n} OR NULL"}},
    {"XOR", {"{n} XOR {n}", "{n} > 0 XOR {t} = ''", "{n} XOR {i}"}},
    {"NOT", {"NOT {n}", "NOT ({t} = '')", "NOT {i}"}},
    {"IS NULL", {"{t} IS NULL", "{i} IS NOT NULL", "{c} IS NULL", "{a} IS NULL", "{b} IS NOT NULL"}},
    {"IS TRUE", {"{n} IS TRUE", "({t} = '') IS NOT TRUE", "{i} IS TRUE"}},
    {"IS FALSE", {"{n} IS FALSE", "({t} = '') IS NOT FALSE", "{i} IS FALSE"}},
    {"IN",
     {"{n} IN (0, 1, {n})", "{n} NOT IN (3, NULL)", "{t} IN ('', 'a', {t})", "{c} IN ({c}, 0.5)", "{i} NOT IN ({i}, 0)",
      "{b} IN (x'00', {b})"}},
    {"BETWEEN",
     {"{x} BETWEEN {x} AND {x}", "{t} NOT BETWEEN 'a' AND {t}", "{n} BETWEEN {n} AND 5",
      "{d} BETWEEN '1970-01-01' AND {d}", "{c} NOT BETWEEN {n} AND {c}"}},
    {"LIKE",
     {"{t} LIKE '%a%'", "{t} NOT LIKE '_%'", "{p} LIKE '%:_:%'", "{t} LIKE '%\\_%'", "{t} LIKE '__'",
      "{b} LIKE x'2500255F25'", "{t} LIKE ' %'", "{p} LIKE 'a%a_:%'"}},
    // Branches.
    {"CASE WHEN",
     {"CASE WHEN {n} > 0 THEN {t} WHEN {n} THEN {t} END", "CASE WHEN {n} THEN {d} ELSE {d} END",
      "CASE WHEN {n} > 3 THEN {c} ELSE {c} END", "CASE WHEN {n} THEN {j} END",
      "CASE WHEN {n} IS NULL THEN {b} ELSE {b} END"}},
    {"CASE x",
     {"CASE {n} WHEN {n} THEN 'same' WHEN 1 THEN {t} END", "CASE {st} WHEN 'x,y' THEN 1 WHEN 'Z' THEN {n} ELSE -3 END",
      "CASE {t} WHEN '' THEN {c} ELSE {n} END"}},
    {"IF",
     {"IF({n} > 0, {n}, {ti})", "IF({n}, {t}, {t})", "IF({n}, {c}, {n})", "IF({n} < 0, {a}, {a})",
      "IF({n}, {b}, {b})"}},
    {"IFNULL", {"IFNULL({n}, {n})", "IFNULL({t}, {t})", "IFNULL({c}, {c})", "IFNULL({d}, {d})", "IFNULL({bu}, 0)"}},
    {"NULLIF",
     {"NULLIF({n}, {n})", "NULLIF({t}, '')", "NULLIF({c}, {c})", "NULLIF({d}, {d})", "NULLIF({b}, x'00')",
      "NULLIF({t}, {t})"}},
    {"COALESCE",
     {"COALESCE({n}, {ti}, -1)", "COALESCE({t}, {t}, '')", "COALESCE({c}, {n}, 0.5)", "COALESCE({d}, {d})",
      "COALESCE({b}, {b})"}},
    // Casts.
    {"CAST AS CHAR",
     {"CAST({i} AS CHAR)", "CAST({c} AS CHAR)", "CAST({d} AS CHAR)", "CAST({a} AS CHAR)", "CONVERT({t} USING utf8mb4)",
      "CAST({j} AS CHAR)", "CAST(UNHEX(HEX({t})) AS CHAR)", "{t}", "CAST({x} / 3 AS CHAR)"}},
    {"CAST AS BINARY",
     {"CAST({t} AS BINARY)", "CAST({i} AS BINARY)", "CAST({c} AS BINARY)", "CAST({d} AS BINARY)", "{b}"}},
    {"CAST AS SIGNED", {"CAST({i} AS SIGNED)", "CAST({g} AS SIGNED)", "CAST({c} AS SIGNED)", "CAST({g} AS SIGNED)"}},
    {"CAST AS UNSIGNED",
     {"CAST({i} AS UNSIGNED)", "CAST({g} AS UNSIGNED)", "CAST(ABS({c}) AS UNSIGNED)", "CAST({d12} AS UNSIGNED)"}},
    {"CAST AS DECIMAL",
     {"CAST({i} AS DECIMAL(30,2))", "CAST({c} AS DECIMAL(20,1))", "CAST({g} AS DECIMAL(22,2))",
      "CAST({c} AS DECIMAL(30,8))", "CAST({n} AS DECIMAL(2,1))", "CAST({c} AS DECIMAL(18))"}},
    {"CAST AS DATETIME",
     {"CAST({a} AS DATETIME(2))", "CAST({d} AS DATETIME(6))", "CAST({m} AS DATETIME(6))", "CAST({dt} AS DATETIME)",
      "CAST(CAST({dt3} AS CHAR) AS DATETIME(3))"}},
    {"CAST AS DATE", {"CAST({d} AS DATE)", "CAST({m} AS DATE)", "CAST({a} AS DATE)", "CAST({D} AS DATE)"}},
    {"CONVERT USING",
     {"CAST(CONVERT({l1} USING latin1) AS BINARY)", "CONVERT(CAST(CONVERT({lu} USING latin1) AS BINARY) USING utf8mb4)",
      "CAST(CONVERT({gb} USING gbk) AS BINARY)", "CAST(CONVERT({sj} USING sjis) AS BINARY)",
      "CAST(CONVERT({u3} USING utf8mb3) AS BINARY)"}},
    // Text.
    {"CONCAT",
     {"CONCAT({t}, {t})", "CONCAT('im:', {i}, ':', {i})", "CONCAT({b}, {t})", "CONCAT({c}, '/', {d}, {a})",
      "CONCAT({t}, {n}, {j})"}},
    {"CONCAT_WS",
     {"CONCAT_WS(':', {t}, {n}, {t})", "CONCAT_WS({t}, {t}, NULL, {t})", "CONCAT_WS(', ', {c}, {d})",
      "CONCAT_WS({b}, {b}, {b})"}},
    {"SUBSTRING",
     {"SUBSTRING({t}, {n})", "SUBSTRING({t}, {n}, {n})", "MID({b}, {n}, {n})", "SUBSTR({t}, {i}, {i})",
      "SUBSTRING({t}, 2, 3)", "SUBSTRING({b}, -3)"}},
    {"SUBSTRING_INDEX",
     {"SUBSTRING_INDEX({p}, ':', {n})", "SUBSTRING_INDEX({p}, '::', {n})", "SUBSTRING_INDEX({p}, 'a:', {n})",
      "SUBSTRING_INDEX({t}, 'a', 1)", "SUBSTRING_INDEX({b}, x'00', {n})", "SUBSTRING_INDEX({p}, ':', -1)",
      "SUBSTRING_INDEX({t}, LEFT({t}, 1), {n})"}},
    {"LEFT", {"LEFT({t}, {n})", "LEFT({b}, {n})", "LEFT({t}, {i})", "LEFT({t}, 5)"}},
    {"RIGHT", {"RIGHT({t}, {n})", "RIGHT({b}, {n})", "RIGHT({t}, {i})", "RIGHT({t}, 5)"}},
    {"LOWER", {"LOWER({t})", "LCASE({as7})", "LOWER({gb})", "LOWER(HEX({b}))", "LOWER({sj})", "LOWER({p})"}},
    {"UPPER", {"UPPER({t})", "UCASE({as7})", "UPPER({gb})", "UPPER({h})", "UPPER({sj})", "UPPER({p})"}},
    {"TRIM",
     {"TRIM({t})", "TRIM(BOTH ':' FROM {p})", "TRIM(LEADING 'a' FROM {t})", "TRIM(TRAILING '::' FROM {p})", "TRIM({b})",
      "TRIM({t} FROM {t})", "TRIM(TRAILING x'00' FROM {b})"}},
    {"LTRIM", {"LTRIM({t})", "LTRIM({b})", "LTRIM(CONCAT('  ', {t}))"}},
    {"RTRIM", {"RTRIM({t})", "RTRIM({b})", "RTRIM(CONCAT({t}, '  '))"}},
    {"LPAD",
     {"LPAD({t}, 8, '\xE4\xB8\xAD-')", "LPAD({b}, 12, x'0102')", "LPAD(HEX({i}), 16, '0')", "LPAD({t}, 3, 'x')",
      "LPAD({t}, 0, 'x')"}},
    {"RPAD",
     {"RPAD({t}, 8, '\xE4\xB8\xAD-')", "RPAD({b}, 12, x'0102')", "RPAD(HEX({i}), 16, '0')", "RPAD({t}, 3, 'x')"}},
    {"REPLACE",
     {"REPLACE({t}, 'a', 'bb')", "REPLACE({p}, '::', ':')", "REPLACE({b}, x'00', x'')",
      "REPLACE({t}, LEFT({t}, 1), '\xE4\xB8\xAD')", "REPLACE({t}, ' ', {t})"}},
    {"CHAR_LENGTH", {"CHAR_LENGTH({t})", "CHARACTER_LENGTH({b})", "CHAR_LENGTH({p})"}},
    {"LENGTH", {"LENGTH({t})", "OCTET_LENGTH({b})"}},
    {"LOCATE",
     {"LOCATE(':', {p})", "LOCATE('a', {t}, {n})", "LOCATE(x'00', {b})", "LOCATE({t}, {t})", "LOCATE('', {t})",
      "LOCATE(':', {p}, 2)"}},
    {"HEX", {"HEX({t})", "HEX({b})", "HEX({i})"}},
    {"UNHEX", {"UNHEX({h})", "UNHEX({t})", "UNHEX(CONCAT({h}, {h}))"}},
    {"TO_BASE64", {"TO_BASE64({b})", "TO_BASE64({t})"}},
    {"FROM_BASE64", {"FROM_BASE64({k})", "FROM_BASE64(TO_BASE64({b}))", "FROM_BASE64({as7})", "FROM_BASE64({k})"}},
    // Time.
    {"FROM_UNIXTIME",
     {"FROM_UNIXTIME({s})", "FROM_UNIXTIME({S})", "FROM_UNIXTIME({iu})", "FROM_UNIXTIME({s} / 1000)",
      "FROM_UNIXTIME({iu} + 0.5)"}},
    {"UNIX_TIMESTAMP",
     {"UNIX_TIMESTAMP({ts})", "UNIX_TIMESTAMP({z})", "UNIX_TIMESTAMP({a})", "UNIX_TIMESTAMP({d})",
      "UNIX_TIMESTAMP(CAST({z} AS DATETIME(6)))"}},
    {"CONVERT_TZ",
     {"CONVERT_TZ({d}, '+08:00', '+00:00')", "CONVERT_TZ({d}, '-05:30', '+14:00')",
      "CONVERT_TZ({z}, 'Asia/Shanghai', '+00:00')", "CONVERT_TZ({z}, 'America/New_York', 'UTC')",
      "CONVERT_TZ({z}, '+00:00', 'Europe/London')", "CONVERT_TZ({z}, 'America/New_York', 'Asia/Shanghai')"}},
    {"INTERVAL",
     {"{d} + INTERVAL {n} DAY", "{d} - INTERVAL {n} MONTH", "DATE_ADD({a}, INTERVAL {n} YEAR)",
      "DATE_SUB({d}, INTERVAL {ii} SECOND)", "{D} + INTERVAL {bi} MICROSECOND", "{d} + INTERVAL {si} HOUR",
      "{a} - INTERVAL {si} WEEK", "{d} + INTERVAL {n} QUARTER", "{d} + INTERVAL {mu} MINUTE",
      "{a} + INTERVAL {si} MONTH"}},
    {"DATE", {"DATE({d})", "DATE({a})", "DATE({D})"}},
    {"YEAR", {"YEAR({d})", "YEAR({a})"}},
    {"MONTH", {"MONTH({d})", "MONTH({a})"}},
    {"DAY", {"DAY({d})", "DAYOFMONTH({a})"}},
    {"HOUR", {"HOUR({d})"}},
    {"MINUTE", {"MINUTE({d})"}},
    {"SECOND", {"SECOND({d})"}},
    {"MICROSECOND", {"MICROSECOND({d})", "MICROSECOND({D})"}},
    // JSON, hashes, identity.
    {"JSON_OBJECT",
     {"JSON_OBJECT('n', {n}, 't', {t})", "JSON_OBJECT('bb', {i}, 'a', {j}, 'no', NULL)",
      "JSON_OBJECT('\"\\\\\\n', {t})"}},
    {"JSON_EXTRACT",
     {"JSON_EXTRACT({j}, '$.a')", "JSON_EXTRACT({j}, '$')", "JSON_EXTRACT({j}, '$.\"b c\"')",
      "JSON_EXTRACT({j}, '$.a.a')", "JSON_EXTRACT({j}, '$.a[1]')", "JSON_EXTRACT({j}, '$[0]')"}},
    {"JSON_UNQUOTE",
     {"JSON_UNQUOTE({j})", "JSON_UNQUOTE(JSON_EXTRACT({j}, '$.a'))", "JSON_UNQUOTE(JSON_EXTRACT({j}, '$.\"b c\"'))"}},
    {"CRC32", {"CRC32({t})", "CRC32({b})"}},
    {"SHA2", {"SHA2({t}, 256)", "SHA2({b}, 512)", "SHA2({t}, 224)", "SHA2({b}, 384)"}},
    {"BUCKET",
     {"BUCKET({tu}, {t})", "BUCKET({iu}, {i})", "BUCKET(3, {b})", "BUCKET({ti}, {t})", "BUCKET({iu}, {iu}, {i})",
      "BUCKET({tu}, {t}, {iu})", "BUCKET(3, {b}, {ti})"}},
    {"COMPOSE_ID", {"COMPOSE_ID({iu})", "COMPOSE_ID({i})", "COMPOSE_ID({tu} * 4294967296 + {iu})"}},
    {"TABLE_SUFFIX", {"CONCAT(TABLE_SUFFIX(), {t})", "CAST(TABLE_SUFFIX() AS UNSIGNED) + {n}"}},
};

std::string Column(std::mt19937_64& random, std::string_view group) {
  std::vector<const char*> names;
  for (const MatrixColumn& column : MatrixColumns()) {
    bool named = group.size() > 1 && group == column.name;
    bool in_group = group.size() == 1 && std::string_view(column.groups).find(group) != std::string_view::npos;
    if (named || in_group) names.push_back(column.name);
  }
  return names.empty() ? "no_column_" + std::string(group) : names[random() % names.size()];
}

}  // namespace

const std::vector<const char*>& TemplatesOf(std::string_view name) {
  static const Templates none;
  auto found = kAll.find(name);
  return found == kAll.end() ? none : found->second;
}

std::string Instance(std::mt19937_64& random, const std::vector<const char*>& templates) {
  std::string_view text = templates[random() % templates.size()];
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::size_t end = text[at] == '{' ? text.find('}', at) : std::string_view::npos;
    if (end == std::string_view::npos) {
      out.push_back(text[at]);
    } else {
      out += Column(random, text.substr(at + 1, end - at - 1));
      at = end;
    }
  }
  return out;
}

}  // namespace shardlift::mapping::testing
