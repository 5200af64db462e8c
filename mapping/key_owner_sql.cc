#include "mapping/key_owner_sql.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "mapping/key_inverse_sql.h"
#include "mapping/owner_key.h"
#include "mysql/session.h"

namespace shardlift::mapping {
namespace {

using base::Code;
using base::Result;
using base::Status;
using store::TargetColumn;
using store::TargetKind;

constexpr const char* kRemedy =
    "write columns of the legacy key there: as they are, in COMPOSE_ID, with whole numbers added or multiplied, or in "
    "CONCAT with literals; or leave the target's \"key\" out and let the tool add its own columns";

bool IsInteger(const TargetColumn& column) {
  return column.kind == TargetKind::kUnsigned || column.kind == TargetKind::kSigned;
}

// The first column that the expression reads and the legacy key does not have; nullptr for none.
const Expr* Foreign(const Expr& expr, std::span<const std::size_t> key) {
  const bool column = expr.op == Op::kColumn || expr.op == Op::kColumnBytes;
  if (column && std::find(key.begin(), key.end(), expr.column) == key.end()) return &expr;
  for (const ExprPtr& arg : expr.args) {
    if (const Expr* foreign = Foreign(*arg, key); foreign != nullptr) return foreign;
  }
  return nullptr;
}

Int128 ParsedNumber(const std::string& text) {
  const bool negative = text.starts_with('-');
  std::uint64_t magnitude = 0;
  std::from_chars(text.data() + (negative ? 1 : 0), text.data() + text.size(), magnitude);
  return negative ? -Int128{magnitude} : Int128{magnitude};
}

class KeyColumns final : public OwnerSql {
 public:
  explicit KeyColumns(KeyOwnerParts parts)
      : parts_(std::move(parts)),
        target_(*parts_.context.target),
        schema_(parts_.context.schema),
        inverter_(schema_, parts_.charsets) {}

  Status Prove() {
    for (std::size_t i = 0; i < target_.key.size(); ++i) {
      const TargetColumn& column = target_.columns[target_.key[i]];
      if (const char* why = TakeBack(*parts_.expressions[target_.key[i]], column); why != nullptr) {
        return Refused(column.name, fmt::format("{}; {}", why, kRemedy));
      }
    }
    for (const std::size_t index : parts_.legacy_key) {
      if (inverter_.told()[index]) continue;
      return Refused(schema_.columns[index].name,
                     fmt::format("the declared key does not tell this column of the legacy key; {}", kRemedy));
    }
    conditions_.insert(conditions_.end(), inverter_.conditions().begin(), inverter_.conditions().end());
    WriteKey();
    return base::Ok();
  }

  std::string Shown(std::size_t column) const override {
    const store::TargetTable& target = target_;
    if (column == target.bucket) return store::ShownBucketSql(target, *parts_.context.rules);
    if (column == target.owner_origin) return std::to_string(parts_.config.origin);
    if (column == target.owner_table) return std::to_string(parts_.context.table_ordinal);
    return column == target.owner_key ? key_ : store::ShownSql(target.columns[column]);
  }
  std::string Key() const override { return key_; }
  std::string Order() const override { return order_; }
  std::string OfTable() const override {
    return conditions_.empty() ? "1" : fmt::format("({})", fmt::join(conditions_, ") AND ("));
  }
  std::string Owners(std::span<const std::string_view> legacy_keys) const override;
  bool has_ranges() const override { return has_ranges_; }
  std::string Range(std::string_view from, Bound from_is, const std::optional<std::string>& upto) const override {
    std::string condition = OfTable();
    if (!from.empty()) condition += " AND " + BoundSql(from, '>', from_is == Bound::kIncluded);
    if (upto) condition += " AND " + BoundSql(*upto, '<', true);
    return condition;
  }

 private:
  static Status Refused(const std::string& column, const std::string& what) {
    return Status(Code::kRefused, column + ": " + what);
  }

  const char* TakeBack(const TargetExpression& expression, const TargetColumn& column) {
    const Expr& expr = expression.expr();
    if (expression.has_replacement()) return "something else may stand for a bad value (\"bad_values\")";
    if (Foreign(expr, parts_.legacy_key) != nullptr) return "it reads a column that the legacy key does not have";
    const std::string name = mysql::QuoteIdentifier(column.name);
    if (const auto constant = LiteralBytes(expr)) {
      std::string mark = *constant;
      // A collation may take spaces at the end for nothing.
      if (column.kind == TargetKind::kText) mark.erase(mark.find_last_not_of(' ') + 1);
      marks_.push_back("=" + mark);
      conditions_.push_back(EqualSql(column, *constant));
      return nullptr;
    }
    marks_.emplace_back(expr.op == Op::kComposeId ? "id" : "");
    if (!IsInteger(column)) return inverter_.Bytes(expr, store::ShownSql(column));
    const Int128 least = column.kind == TargetKind::kSigned ? -Int128{column.least} : Int128{0};
    return inverter_.Integer(expr, name, least, Int128{column.limit});
  }

  // A text column's index is used, and the bytes decide.
  static std::string EqualSql(const TargetColumn& column, const std::string& value) {
    const std::string name = mysql::QuoteIdentifier(column.name);
    if (IsInteger(column)) return fmt::format("{} = {}", name, value);
    const std::string hex = mysql::HexLiteral(value);
    if (column.kind != TargetKind::kText) return fmt::format("{} = {}", name, hex);
    return fmt::format("{} = _{} {} COLLATE {} AND {} = {}", name, column.charset, hex, column.collation,
                       store::ShownSql(column), hex);
  }

  // The legacy key as the owner key has it (docs/formats.md#owner-key).
  void WriteKey() {
    std::vector<std::string> items;
    std::vector<std::string> lines;
    for (const std::size_t index : parts_.legacy_key) {
      const mysql::Column& column = schema_.columns[index];
      const ToldColumn& told = *inverter_.told()[index];
      if (told.line) lines.push_back(told.line->column);
      items.push_back(column.is_integer() ? IntegerPartSql(told.sql, !column.is_unsigned) : BytesPartSql(told.sql));
    }
    key_ = items.size() == 1 ? items.front() : fmt::format("CONCAT({})", fmt::join(items, ", "));
    has_ranges_ = lines.size() == parts_.legacy_key.size();
    order_ = has_ranges_ ? fmt::format("{}", fmt::join(lines, ", ")) : key_;
  }

  // As verify's of the legacy table: an index serves the first term, but not a comparison of rows.
  std::string BoundSql(std::string_view owner_key, char symbol, bool included) const {
    const auto values = DecodeOwnerKey(schema_, parts_.legacy_key, owner_key);
    if (!values) return "NULL";
    std::string sql;
    for (std::size_t i = values->size(); i-- > 0;) {
      const Line& line = *inverter_.told()[parts_.legacy_key[i]]->line;
      const std::string bound = NumberText(line.factor * ParsedNumber((*values)[i]) + line.offset);
      if (sql.empty()) {
        sql = fmt::format("{} {}{} {}", line.column, symbol, included ? "=" : "", bound);
      } else {
        sql = fmt::format("{0} {1}= {2} AND ({0} {1} {2} OR ({0} = {2} AND ({3})))", line.column, symbol, bound, sql);
      }
    }
    return "(" + sql + ")";
  }

  // The condition of one owner; empty when the mapping gives its key no values.
  std::string OwnerCondition(std::string_view legacy_key) const;

  const KeyOwnerParts parts_;
  const store::TargetTable& target_;
  const mysql::TableSchema& schema_;
  KeyInverter inverter_;
  std::vector<std::string> conditions_;
  std::string key_;
  std::string order_;
  bool has_ranges_ = false;
};

std::string KeyColumns::OwnerCondition(std::string_view legacy_key) const {
  const auto texts = DecodeOwnerKey(schema_, parts_.legacy_key, legacy_key);
  if (!texts) return {};
  std::vector<mysql::Value> row(schema_.columns.size(), mysql::Value::Absent());
  for (std::size_t i = 0; i < texts->size(); ++i) {
    const std::size_t index = parts_.legacy_key[i];
    const auto value = mysql::ParseText(schema_.columns[index], (*texts)[i]);
    if (!value.ok()) return {};
    row[index] = *value;
  }
  StringPool pool;
  Evaluator evaluator(row, parts_.readers, pool, parts_.context.flavour == mysql::Flavour::kMariaDb);
  std::string condition;
  for (const std::size_t index : target_.key) {
    Val value;
    const char* reason = "";
    bool replaced = false;
    if (!parts_.expressions[index]->Eval(evaluator, pool, &value, &reason, &replaced) || value.null) return {};
    const TargetColumn& column = target_.columns[index];
    condition += (condition.empty() ? "" : " AND ") + EqualSql(column, std::string(value.bytes));
  }
  return condition;
}

// Servers make ranges of an index of these; of comparisons of rows one of them does not.
std::string KeyColumns::Owners(std::span<const std::string_view> legacy_keys) const {
  std::string all;
  for (const std::string_view legacy_key : legacy_keys) {
    const std::string one = OwnerCondition(legacy_key);
    if (one.empty()) continue;
    all += (all.empty() ? "(" : " OR (") + one + ")";
  }
  return all.empty() ? "0" : "(" + all + ")";
}

}  // namespace

Result<std::unique_ptr<const OwnerSql>> KeyOwnerSql(KeyOwnerParts parts) {
  const std::string place = fmt::format("{}: {} into {}: declared key", parts.config.place,
                                        parts.context.schema.name.Text(), parts.context.target->name);
  auto made = std::make_unique<KeyColumns>(std::move(parts));
  if (Status status = made->Prove(); !status.ok()) return status.WithContext(place);
  return std::unique_ptr<const OwnerSql>(std::move(made));
}

}  // namespace shardlift::mapping
