#include "mapping/byte_pieces.h"

#include "mapping/charset.h"
#include "mapping/json_check.h"
#include "mysql/session.h"

namespace shardlift::mapping {

namespace {

bool IsStoredAsUtf8(const SqlContext& context, const Expr& expr) {
  if (expr.op != Op::kColumn) return false;
  const mysql::Column& column = context.schema->columns[expr.column];
  if (!column.is_text() || !context.Content(expr.column).empty()) return false;
  return IsPassThrough(FindCharset(column.charset));
}

void Append(std::vector<std::string> more, std::vector<std::string>* pieces) {
  for (std::string& piece : more) pieces->push_back(std::move(piece));
}

// As Writer::JsonObject; `arg` is never NULL.
std::string JsonValue(const SqlContext& context, const Expr& arg) {
  if (arg.type.kind == Kind::kInt) return ToSql(context, arg);
  if (arg.type.kind == Kind::kText) return "CAST(JSON_QUOTE(" + ToSql(context, arg) + ") AS BINARY)";
  return "CAST(" + ToSql(context, arg) + " AS BINARY)";
}

bool HasPlainValues(const Expr& object) {
  for (std::size_t i = 1; i < object.args.size(); i += 2) {
    const Type& type = object.args[i]->type;
    if (type.kind != Kind::kNull && type.nullable) return false;
  }
  return true;
}

std::vector<std::string> JsonPieces(const SqlContext& context, const Expr& object) {
  std::vector<std::string> pieces;
  std::string pending = "{";
  for (std::size_t i = 0; i < object.args.size(); i += 2) {
    if (i > 0) pending += ", ";
    AppendJsonString(object.args[i]->text, context.flavour == mysql::Flavour::kMariaDb, &pending);
    pending += ": ";
    const Expr& value = *object.args[i + 1];
    if (value.type.kind == Kind::kNull) {
      pending += "null";
      continue;
    }
    pieces.push_back(mysql::HexLiteral(pending));
    pieces.push_back(JsonValue(context, value));
    pending.clear();
  }
  pieces.push_back(mysql::HexLiteral(pending + "}"));
  return pieces;
}

}  // namespace

std::vector<std::string> BytePieces(const SqlContext& context, const Expr& expr) {
  switch (expr.op) {
    case Op::kToBinary:
    case Op::kToText: return BytePieces(context, *expr.args[0]);
    case Op::kTextLiteral:
    case Op::kBinaryLiteral: return {mysql::HexLiteral(expr.text)};
    case Op::kConcat: {
      std::vector<std::string> pieces;
      for (const ExprPtr& arg : expr.args) Append(BytePieces(context, *arg), &pieces);
      return pieces;
    }
    case Op::kJsonObject:
      if (HasPlainValues(expr)) return JsonPieces(context, expr);
      break;
    default: break;
  }
  if (IsStoredAsUtf8(context, expr)) return {mysql::QuoteIdentifier(context.schema->columns[expr.column].name)};
  const bool has_charset = expr.type.kind == Kind::kText || expr.type.kind == Kind::kJson;
  return {has_charset ? "CAST(" + ToSql(context, expr) + " AS BINARY)" : ToSql(context, expr)};
}

}  // namespace shardlift::mapping
