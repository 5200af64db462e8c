#include "mapping/sql.h"

#include <fmt/format.h>

#include "mapping/json_check.h"
#include "store/router.h"

namespace shardlift::mapping {

namespace {

constexpr unsigned kServerDigitsMax = 65;

std::string Hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string hex;
  for (char byte : bytes) {
    auto c = static_cast<unsigned char>(byte);
    hex.push_back(kDigits[c >> 4]);
    hex.push_back(kDigits[c & 15]);
  }
  return hex;
}

bool IsPlain(std::string_view text) {
  for (char c : text) {
    if (c < ' ' || c > '~' || c == '\'' || c == '\\') return false;
  }
  return true;
}

std::string Collated(const std::string& sql) { return "(" + sql + " COLLATE utf8mb4_bin)"; }
std::string AsText(const std::string& sql) { return Collated("CONVERT(" + sql + " USING utf8mb4)"); }
std::string CastToText(const std::string& sql) { return Collated("CAST(" + sql + " AS CHAR CHARACTER SET utf8mb4)"); }

std::string TextLiteral(std::string_view text) {
  if (IsPlain(text)) return Collated(fmt::format("_utf8mb4'{}'", text));
  return Collated(fmt::format("_utf8mb4 x'{}'", Hex(text)));
}

std::string BinaryLiteral(std::string_view bytes) {
  return bytes.empty() ? std::string("_binary''") : fmt::format("_binary x'{}'", Hex(bytes));
}

std::string_view Symbol(Op op) {
  switch (op) {
    case Op::kAdd: return "+";
    case Op::kSubtract: return "-";
    case Op::kMultiply: return "*";
    case Op::kIntDivide: return "DIV";
    case Op::kModulo: return "%";
    case Op::kEqual: return "=";
    case Op::kNotEqual: return "<>";
    case Op::kLess: return "<";
    case Op::kLessEqual: return "<=";
    case Op::kGreater: return ">";
    case Op::kGreaterEqual: return ">=";
    case Op::kNullSafeEqual: return "<=>";
    case Op::kAnd: return "AND";
    case Op::kOr: return "OR";
    case Op::kXor: return "XOR";
    case Op::kDivide: return "/";
    case Op::kBitAnd: return "&";
    case Op::kBitOr: return "|";
    case Op::kBitXor: return "^";
    case Op::kShiftLeft: return "<<";
    case Op::kShiftRight: return ">>";
    default: return "";
  }
}

std::string_view FunctionName(Op op) {
  switch (op) {
    case Op::kConcat: return "CONCAT";
    case Op::kConcatWs: return "CONCAT_WS";
    case Op::kSubstringIndex: return "SUBSTRING_INDEX";
    case Op::kLocate: return "LOCATE";
    case Op::kRightPad: return "RPAD";
    case Op::kToBase64: return "TO_BASE64";
    case Op::kFromBase64: return "FROM_BASE64";
    case Op::kCrc32: return "CRC32";
    case Op::kSha2: return "SHA2";
    case Op::kAbs: return "ABS";
    case Op::kFloor: return "FLOOR";
    case Op::kCeiling: return "CEILING";
    case Op::kRound: return "ROUND";
    case Op::kTruncate: return "TRUNCATE";
    case Op::kSign: return "SIGN";
    case Op::kGreatest: return "GREATEST";
    case Op::kLeast: return "LEAST";
    case Op::kJsonUnquote: return "JSON_UNQUOTE";
    case Op::kSubstring: return "SUBSTRING";
    case Op::kLeft: return "LEFT";
    case Op::kRight: return "RIGHT";
    case Op::kLower: return "LOWER";
    case Op::kUpper: return "UPPER";
    case Op::kHex: return "HEX";
    case Op::kUnhex: return "UNHEX";
    case Op::kLeftPad: return "LPAD";
    case Op::kCharLength: return "CHAR_LENGTH";
    case Op::kLength: return "LENGTH";
    default: return "";
  }
}

class Writer {
 public:
  explicit Writer(const SqlContext& context) : c_(context) {}

  std::string Equal(const Expr& a, const Expr& b) const { return Compare("=", a, b); }

  std::string Write(const Expr& expr) const {
    switch (expr.op) {
      case Op::kColumn: return Column(expr);
      case Op::kIntLiteral: return IntLiteral(expr);
      case Op::kDecimalLiteral: return expr.text;
      case Op::kColumnBytes:
        return "CAST(" + mysql::QuoteIdentifier(c_.schema->columns[expr.column].name) + " AS BINARY)";
      case Op::kTextLiteral: return TextLiteral(expr.text);
      case Op::kBinaryLiteral: return BinaryLiteral(expr.text);
      case Op::kNull: return "NULL";
      case Op::kTrue: return "TRUE";
      case Op::kFalse: return "FALSE";
      case Op::kNegate: return Number(expr, "(- " + Arg(expr, 0) + ")");
      case Op::kReplace: return Replace(expr);
      case Op::kBitNot: return "(~ " + Arg(expr, 0) + ")";
      case Op::kLike: return Like(expr);
      case Op::kNot: return "(NOT " + Arg(expr, 0) + ")";
      case Op::kIsNull: return Test(expr, "NULL");
      case Op::kIsTrue: return Test(expr, "TRUE");
      case Op::kIsFalse: return Test(expr, "FALSE");
      case Op::kIn: return In(expr);
      case Op::kBetween: return Between(expr);
      case Op::kCase:
      case Op::kSimpleCase: return Typed(expr, Case(expr));
      case Op::kCoalesce: return Typed(expr, Call("COALESCE", expr));
      case Op::kNullIf:
        return Typed(expr, fmt::format("CASE WHEN {} THEN NULL ELSE {} END", Compare("=", *expr.args[0], *expr.args[1]),
                                       Arg(expr, 0)));
      case Op::kToText: return ToText(expr);
      case Op::kToBinary: return "CAST(" + Arg(expr, 0) + " AS BINARY)";
      case Op::kToSigned: return "CAST(" + Arg(expr, 0) + " AS SIGNED)";
      case Op::kToUnsigned: return "CAST(" + Arg(expr, 0) + " AS UNSIGNED)";
      case Op::kToDecimal:
        return fmt::format("CAST({} AS DECIMAL({},{}))", Arg(expr, 0), expr.type.precision, expr.type.fraction);
      case Op::kToDate: return "CAST(" + Arg(expr, 0) + " AS DATE)";
      case Op::kToDateTime: return fmt::format("CAST({} AS DATETIME({}))", Arg(expr, 0), expr.type.fraction);
      default: break;
    }
    if (expr.op >= Op::kEqual && expr.op <= Op::kNullSafeEqual) {
      return Compare(Symbol(expr.op), *expr.args[0], *expr.args[1]);
    }
    if (Symbol(expr.op).empty()) return Function(expr);
    if (expr.op == Op::kIntDivide) return IntDivide(expr);
    const std::string sql = fmt::format("({} {} {})", Arg(expr, 0), Symbol(expr.op), Arg(expr, 1));
    // MariaDB has a rest of -0.00.
    return Number(expr, expr.op == Op::kModulo && expr.type.kind == Kind::kDecimal ? "(" + sql + " + 0)" : sql);
  }

 private:
  std::string Function(const Expr& expr) const {
    switch (expr.op) {
      case Op::kLocate:
      case Op::kSign:
      case Op::kCharLength:
      case Op::kLength: return "CAST(" + Call(FunctionName(expr.op), expr) + " AS SIGNED)";
      case Op::kAbs:
      case Op::kFloor:
      case Op::kCeiling:
      case Op::kRound:
      case Op::kTruncate:
      case Op::kGreatest:
      case Op::kLeast: return Typed(expr, Call(FunctionName(expr.op), expr));
      case Op::kTrim:
      case Op::kLeftTrim:
      case Op::kRightTrim: return Trim(expr);
      case Op::kCrc32: return "CRC32(CAST(" + Arg(expr, 0) + " AS BINARY))";
      case Op::kHex:
      case Op::kToBase64:
      case Op::kSha2:
      case Op::kJsonUnquote: return AsText(Call(FunctionName(expr.op), expr));
      case Op::kFromUnixTime: return FromUnixTime(expr);
      case Op::kUnixTimestamp: return UnixTimestamp(expr);
      case Op::kConvertTz: return ConvertTz(expr);
      case Op::kAddInterval:
        return Typed(expr, fmt::format("({} {} INTERVAL {} {})", Arg(expr, 0), expr.is_negative ? "-" : "+",
                                       Arg(expr, 1), expr.text));
      case Op::kTimePart: return "CAST(" + expr.text + "(" + Arg(expr, 0) + ") AS SIGNED)";
      case Op::kJsonExtract: return CastToText("JSON_EXTRACT(" + Arg(expr, 0) + ", " + TextLiteral(expr.text) + ")");
      case Op::kBucket: return Typed(expr, Bucket(expr));
      case Op::kJsonObject: return JsonObject(expr);
      case Op::kComposeId: return ComposeId(expr);
      default: return Call(FunctionName(expr.op), expr);
    }
  }

  std::string Arg(const Expr& expr, std::size_t i) const { return Write(*expr.args[i]); }

  std::string Call(std::string_view name, const Expr& expr) const {
    std::string sql(name);
    sql += "(";
    for (std::size_t i = 0; i < expr.args.size(); ++i) sql += (i > 0 ? ", " : "") + Arg(expr, i);
    return sql + ")";
  }

  // Digits as the checker counted them: what a server takes along behind them must not reach the next operation.
  static std::string Number(const Expr& expr, const std::string& sql) {
    return expr.type.kind == Kind::kDecimal ? Typed(expr, sql) : sql;
  }

  // To MySQL a quotient that is the least BIGINT is out of range; it comes of division by 1 alone.
  std::string IntDivide(const Expr& expr) const {
    const std::string x = Arg(expr, 0);
    const std::string y = Arg(expr, 1);
    const Type& type = expr.args[0]->type;
    const bool may_be_least = type.kind == Kind::kInt && type.min <= kSignedMin && !expr.type.is_unsigned;
    if (c_.flavour == mysql::Flavour::kMariaDb || !may_be_least) return fmt::format("({} DIV {})", x, y);
    return fmt::format("IF({1} = 1, {0}, {0} DIV {1})", x, y);
  }

  // Not all rules look at each argument, so a NULL would not always make the bucket NULL by itself.
  std::string Bucket(const Expr& expr) const {
    const bool has_tag = expr.args.size() == 3;
    std::string any_null;
    for (std::size_t i = 0; i < expr.args.size(); ++i) {
      if (expr.args[i]->type.nullable) any_null += (any_null.empty() ? "" : " OR ") + Arg(expr, i) + " IS NULL";
    }
    const std::string sql = expr.rules->Sql(Arg(expr, 0), Arg(expr, 1), has_tag ? Arg(expr, 2) : "0").value();
    return any_null.empty() ? sql : fmt::format("(CASE WHEN {} THEN NULL ELSE {} END)", any_null, sql);
  }

  std::string Trim(const Expr& expr) const {
    std::string_view side = expr.op == Op::kTrim ? "BOTH" : expr.op == Op::kLeftTrim ? "LEADING" : "TRAILING";
    std::string part = expr.args.size() > 1                       ? Arg(expr, 1)
                       : expr.args[0]->type.kind == Kind::kBinary ? BinaryLiteral(" ")
                                                                  : TextLiteral(" ");
    return fmt::format("TRIM({} {} FROM {})", side, part, Arg(expr, 0));
  }

  // MariaDB does not look at the third argument when there is nothing to replace.
  std::string Replace(const Expr& expr) const {
    std::string sql = Call("REPLACE", expr);
    if (!expr.args[2]->type.nullable) return sql;
    return fmt::format("(CASE WHEN {} IS NULL THEN NULL ELSE {} END)", Arg(expr, 2), sql);
  }

  std::string Like(const Expr& expr) const {
    return fmt::format("({} {}LIKE {} ESCAPE '\\\\')", Arg(expr, 0), expr.is_not ? "NOT " : "", Arg(expr, 1));
  }

  std::string FromUnixTime(const Expr& expr) const {
    const std::string epoch = "TIMESTAMP'1970-01-01 00:00:00'";
    const unsigned digits = expr.type.fraction;
    if (digits == 0) return fmt::format("({} + INTERVAL {} SECOND)", epoch, Arg(expr, 0));
    return fmt::format("CAST(({} + INTERVAL CAST({} * 1000000 AS SIGNED) MICROSECOND) AS DATETIME({}))", epoch,
                       Arg(expr, 0), digits);
  }

  std::string UnixTimestamp(const Expr& expr) const {
    const std::string epoch = "TIMESTAMP'1970-01-01 00:00:00'";
    if (expr.type.kind == Kind::kInt) return fmt::format("TIMESTAMPDIFF(SECOND, {}, {})", epoch, Arg(expr, 0));
    return Typed(expr, fmt::format("(TIMESTAMPDIFF(MICROSECOND, {}, {}) * 0.000001)", epoch, Arg(expr, 0)));
  }

  std::string ConvertTz(const Expr& expr) const {
    if (expr.zones == nullptr) return fmt::format("({} + INTERVAL {} SECOND)", Arg(expr, 0), expr.seconds);
    return Typed(expr, Call("CONVERT_TZ", expr));
  }

  // YEAR, BIT and zero-filled columns print differently from the number they hold: CAST makes them plain numbers.
  std::string Column(const Expr& expr) const {
    const mysql::Column& column = c_.schema->columns[expr.column];
    std::string name = mysql::QuoteIdentifier(column.name);
    switch (expr.type.kind) {
      case Kind::kInt:
        if (column.is_integer() && column.column_type.find("zerofill") == std::string::npos) return name;
        return "CAST(" + name + " AS UNSIGNED)";
      case Kind::kText:
        if (const std::string_view content = c_.Content(expr.column); !content.empty()) {
          const std::string bytes = "CAST(" + name + " AS BINARY)";
          if (FindCharset(content) == Charset::kUtf8) return AsText(bytes);
          return AsText(fmt::format("CONVERT({} USING {})", bytes, content));
        }
        if (column.is_text() && column.charset == "utf8mb4") return Collated(name);
        return AsText(name);
      case Kind::kJson: return CastToText(name);
      // Prints all digits, and the sign of -0.0 (mysql::SelectItem).
      case Kind::kReal: return "(" + name + "*1e0)";
      default: return name;
    }
  }

  static std::string IntLiteral(const Expr& expr) {
    if (!expr.is_negative) return fmt::format("{}", expr.number);
    if (expr.number == 1ull << 63) return "(-9223372036854775807 - 1)";
    return fmt::format("(-{})", expr.number);
  }

  std::string Test(const Expr& expr, std::string_view what) const {
    return fmt::format("({} IS {}{})", Arg(expr, 0), expr.is_not ? "NOT " : "", what);
  }

  // An operand of a comparison: text compares by its bytes.
  std::string Operand(const Expr& expr) const {
    return expr.type.kind == Kind::kText ? "CAST(" + Write(expr) + " AS BINARY)" : Write(expr);
  }

  std::string Compare(std::string_view symbol, const Expr& a, const Expr& b) const {
    return fmt::format("({} {} {})", Operand(a), symbol, Operand(b));
  }

  // Spelled out: the servers' own IN and BETWEEN pick one comparison type for all operands.
  std::string In(const Expr& expr) const {
    std::string any;
    for (std::size_t i = 1; i < expr.args.size(); ++i) {
      any += (i > 1 ? " OR " : "") + Compare("=", *expr.args[0], *expr.args[i]);
    }
    return (expr.is_not ? "(NOT (" : "((") + any + "))";
  }

  std::string Between(const Expr& expr) const {
    return fmt::format("({}({} AND {}))", expr.is_not ? "NOT " : "", Compare(">=", *expr.args[0], *expr.args[1]),
                       Compare("<=", *expr.args[0], *expr.args[2]));
  }

  std::string Case(const Expr& expr) const {
    bool simple = expr.op == Op::kSimpleCase;
    std::string sql = "CASE";
    std::size_t i = simple ? 1 : 0;
    for (; i + 1 < expr.args.size(); i += 2) {
      std::string when = simple ? Compare("=", *expr.args[0], *expr.args[i]) : Arg(expr, i);
      sql += " WHEN " + when + " THEN " + Arg(expr, i + 1);
    }
    return sql + " ELSE " + Arg(expr, i) + " END";
  }

  // Branches of slightly different types give a type that the servers choose differently.
  static std::string Typed(const Expr& expr, const std::string& sql) {
    switch (expr.type.kind) {
      case Kind::kInt: return fmt::format("CAST({} AS {})", sql, expr.type.is_unsigned ? "UNSIGNED" : "SIGNED");
      case Kind::kDecimal:
        if (expr.type.precision > kServerDigitsMax) return "(" + sql + ")";
        return fmt::format("CAST({} AS DECIMAL({},{}))", sql, expr.type.precision, expr.type.fraction);
      case Kind::kDateTime: return fmt::format("CAST({} AS DATETIME({}))", sql, expr.type.fraction);
      case Kind::kDate: return "CAST(" + sql + " AS DATE)";
      case Kind::kTime: return fmt::format("CAST({} AS TIME({}))", sql, expr.type.fraction);
      default: return "(" + sql + ")";
    }
  }

  std::string ToText(const Expr& expr) const {
    switch (expr.args[0]->type.kind) {
      case Kind::kJson: return Arg(expr, 0);
      case Kind::kBinary: return AsText(Arg(expr, 0));
      default: return CastToText(Arg(expr, 0));
    }
  }

  std::string JsonObject(const Expr& expr) const {
    std::string sql = "CONCAT(";
    std::string pending = "{";
    for (std::size_t i = 0; i < expr.args.size(); i += 2) {
      if (i > 0) pending += ", ";
      AppendJsonString(expr.args[i]->text, c_.flavour == mysql::Flavour::kMariaDb, &pending);
      pending += ": ";
      const Expr& value = *expr.args[i + 1];
      if (value.type.kind == Kind::kNull) {
        pending += "null";
        continue;
      }
      std::string text = Write(value);
      if (value.type.kind == Kind::kInt) text = CastToText(text);
      if (value.type.kind == Kind::kText) text = AsText("JSON_QUOTE(" + text + ")");
      if (value.type.nullable) text = "COALESCE(" + text + ", " + TextLiteral("null") + ")";
      sql += TextLiteral(pending) + ", " + text + ", ";
      pending.clear();
    }
    return sql + TextLiteral(pending + "}") + ")";
  }

  std::string ComposeId(const Expr& expr) const {
    constexpr std::uint64_t kMax = (1ull << 40) - 1;
    const Type& id = expr.args[0]->type;
    std::string x = Arg(expr, 0);
    std::string composed = fmt::format("(CAST({} AS UNSIGNED) + {})", x, expr.number);
    if (id.min >= 0 && id.max <= Int128{kMax}) return composed;
    return fmt::format("CAST(CASE WHEN {0} >= 0 AND {0} <= {1} THEN {2} END AS UNSIGNED)", x, kMax, composed);
  }

  const SqlContext& c_;
};

}  // namespace

std::string ToSql(const SqlContext& context, const Expr& expr) { return Writer(context).Write(expr); }

std::string EqualSql(const SqlContext& context, const Expr& a, const Expr& b) { return Writer(context).Equal(a, b); }

}  // namespace shardlift::mapping
