#include "mapping/explain.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "mapping/lossy.h"
#include "mapping/owner_key.h"
#include "mapping/parser.h"
#include "mapping/reverse_mapper.h"
#include "mapping/target_column.h"

namespace shardlift::mapping {
namespace {

using mysql::Column;
using mysql::ColumnType;

void AddOnce(std::string_view text, std::vector<std::string>* list) {
  if (!text.empty() && std::find(list->begin(), list->end(), text) == list->end()) list->emplace_back(text);
}

// True when the column stands outside LOWER and UPPER somewhere.
bool KeepsCase(const mysql::TableSchema& schema, const Expr& expr, std::size_t column) {
  if (expr.op == Op::kColumn) return schema.Find(expr.text) == static_cast<int>(column);
  if (expr.op == Op::kCall && (expr.text == "LOWER" || expr.text == "UPPER")) return false;
  return std::any_of(expr.args.begin(), expr.args.end(),
                     [&](const ExprPtr& arg) { return KeepsCase(schema, *arg, column); });
}

bool Calls(const Expr& expr, std::string_view function) {
  if (expr.op == Op::kCall && expr.text == function) return true;
  return std::any_of(expr.args.begin(), expr.args.end(), [&](const ExprPtr& arg) { return Calls(*arg, function); });
}

bool IgnoresCase(const Column& column) {
  return column.is_text() && !column.collation.ends_with("_bin") && column.collation.find("_cs") == std::string::npos;
}

// What the column's type and character set mean for a target column.
void ColumnRisks(const mysql::TableSchema& schema, std::size_t index, const Expr& expr, std::string_view target,
                 bool is_account, std::vector<std::string>* risks) {
  const Column& column = schema.columns[index];
  const bool names_something = is_account || target == "conversation" || target == "sender";
  if (names_something && IgnoresCase(column) && KeepsCase(schema, expr, index)) {
    AddOnce(column.name + " (" + column.collation +
                "): values that the source holds equal, by case, accents or trailing spaces, are different here",
            risks);
  }
  if (column.type == ColumnType::kDateTime || column.type == ColumnType::kDate) {
    AddOnce(column.name + ": zero and impossible dates are bad values (checked at run time)", risks);
  }
  if (target == "sent_at" && column.type == ColumnType::kDateTime && !Calls(expr, "CONVERT_TZ")) {
    AddOnce(column.name + ": a DATETIME holds no time zone and is taken as UTC; else use CONVERT_TZ", risks);
  }
  if (column.type == ColumnType::kEnum || column.type == ColumnType::kSet) {
    AddOnce(column.name + ": members go as their texts, not as their numbers", risks);
  }
}

// MariaDB keeps display widths of integers; they mean nothing.
std::string TypeText(const Column& column) {
  std::string type = column.column_type;
  const std::size_t open = type.find("int(");
  if (column.is_integer() && open != std::string::npos) type.erase(open + 3, type.find(')', open) - open - 2);
  return type;
}

class Explainer {
 public:
  Explainer(const MappingConfig& config, const TableContext& context)
      : config_(config),
        schema_(context.schema),
        context_(context),
        target_(*context.target),
        used_(schema_.columns.size()),
        whole_(schema_.columns.size()) {}

  MappingExplanation Run() {
    if (auto charsets = ContentCharsets::Of(config_, schema_); charsets.ok()) {
      charsets_ = std::move(charsets).value();
    } else {
      Problem(charsets.status().message());
    }
    for (const auto& [name, text] : config_.columns) {
      const std::size_t index = target_.Find(name);
      if (index == store::TargetTable::kNone) {
        Problem("columns." + name + ": the target table has no such column");
      } else if (target_.IsFilledByTheTool(index)) {
        Problem("columns." + name + ": this column is filled by the tool; leave it out");
      }
    }
    for (std::size_t i = 0; i < target_.columns.size(); ++i) {
      if (!target_.IsFilledByTheTool(i)) TargetColumnOf(target_.columns[i]);
    }
    if (!config_.where.empty()) Where();
    Key();
    Sources();
    if (out_.problems.empty()) WayBack();
    return std::move(out_);
  }

 private:
  void Problem(std::string text) { out_.problems.push_back(std::move(text)); }

  TypeContext Types(std::string_view text, std::vector<bool>* used, std::vector<std::string>* notes) const {
    TypeContext types;
    types.text = text;
    types.schema = &schema_;
    types.origin = config_.origin;
    types.table_ordinal = context_.table_ordinal;
    types.used = used;
    types.notes = notes;
    types.rules = context_.rules.get();
    types.flavour = context_.flavour;
    types.charsets = &charsets_;
    return types;
  }

  void TargetColumnOf(const store::TargetColumn& target) {
    const auto named = std::find_if(config_.columns.begin(), config_.columns.end(),
                                    [&](const auto& column) { return column.first == target.name; });
    ColumnExplanation column;
    column.target = target.name;
    column.is_default = named == config_.columns.end();
    if (column.is_default && !target.default_sql) {
      return Problem("columns: target column " + target.name + " has no default; give it an expression");
    }
    column.expression = column.is_default ? *target.default_sql : named->second;
    std::vector<bool> used(schema_.columns.size());
    const TypeContext types = Types(column.expression, &used, &column.risks);
    auto compiled = TargetExpression::Compile(types, target);
    if (!compiled.ok()) return Problem("columns." + target.name + ": " + compiled.status().message());
    Replacement(target.name, &*compiled, &column, &used);
    Finish(std::move(column), used);
  }

  void Replacement(const std::string& name, TargetExpression* compiled, ColumnExplanation* column,
                   std::vector<bool>* used) {
    const auto named = std::find_if(config_.bad_values.begin(), config_.bad_values.end(),
                                    [&](const auto& replacement) { return replacement.first == name; });
    if (named == config_.bad_values.end()) return;
    const base::Status status = compiled->SetReplacement(Types(named->second, used, nullptr), column->expression);
    if (!status.ok()) return Problem("bad_values." + name + ": " + status.message());
    column->risks.push_back("a bad value becomes " + named->second + " (counted)");
  }

  void Where() {
    ColumnExplanation column;
    column.target = "where";
    column.expression = config_.where;
    std::vector<bool> used(schema_.columns.size());
    const TypeContext types = Types(column.expression, &used, &column.risks);
    auto parsed = Parse(column.expression);
    base::Status status = parsed.status();
    if (status.ok()) status = TypecheckCondition(types, &*parsed);
    if (!status.ok()) return Problem("where: " + status.message());
    Finish(std::move(column), used);
  }

  // Of an expression that is known to parse.
  void Finish(ColumnExplanation column, const std::vector<bool>& used) {
    const auto parsed = Parse(column.expression);
    SL_CHECK(parsed.ok());
    for (std::size_t i = 0; i < used.size(); ++i) {
      if (!used[i]) continue;
      used_[i] = true;
      column.sources.push_back(schema_.columns[i].name);
      const bool is_account = column.target == target_.columns[target_.account_key].name;
      ColumnRisks(schema_, i, **parsed, column.target, is_account, &column.risks);
      if ((*parsed)->op == Op::kColumn && column.target != "where") whole_[i] = true;
    }
    if (column.target != "where") FindLossy(**parsed, &column.conversions);
    out_.columns.push_back(std::move(column));
  }

  void Key();
  void OwnerArgument(const mysql::UniqueKey& unique);
  void Sources();
  void WayBack();

  const MappingConfig& config_;
  const mysql::TableSchema& schema_;
  const TableContext& context_;
  ContentCharsets charsets_;
  const store::TargetTable& target_;
  std::vector<bool> used_;
  std::vector<bool> whole_;
  std::set<std::size_t> key_;
  MappingExplanation out_;
};

KeyPart ExplainKeyColumn(const Column& column) {
  if (column.is_integer()) {
    return {column.name, TypeText(column),
            column.is_unsigned ? "8 bytes, big-endian" : "8 bytes, big-endian, sign bit flipped", 8};
  }
  const std::size_t character = column.is_binary() ? 1 : column.charset.starts_with("utf8") ? 4 : 2;
  return {column.name, TypeText(column), "its bytes, 00 as 00 FF, then 00 01 as the end",
          2 * character * column.length + 2};
}

void Explainer::Key() {
  std::vector<std::size_t> key;
  for (const std::string& name : config_.key) {
    const int index = schema_.Find(name);
    if (index < 0) return Problem("key: there is no column " + name + " in " + schema_.name.Text());
    const Column& column = schema_.columns[static_cast<std::size_t>(index)];
    key.push_back(static_cast<std::size_t>(index));
    key_.insert(key.back());
    if (!IsOwnerKeyColumn(column)) {
      return Problem("key: column " + name + " has type " + column.column_type +
                     "; a key may have integers, text and binary strings");
    }
    out_.key.push_back(ExplainKeyColumn(column));
  }
  const auto unique = std::find_if(schema_.unique_keys.begin(), schema_.unique_keys.end(),
                                   [&](const mysql::UniqueKey& candidate) { return candidate.columns == key; });
  if (unique == schema_.unique_keys.end()) {
    return Problem("key: these columns are not a unique key of NOT NULL columns of " + schema_.name.Text());
  }
  OwnerArgument(*unique);
}

void Explainer::OwnerArgument(const mysql::UniqueKey& unique) {
  std::size_t bytes_max = 0;
  std::string list;
  for (const KeyPart& part : out_.key) {
    list += (list.empty() ? "" : ", ") + part.column + " " + part.column_type;
    bytes_max += part.bytes_max;
  }
  std::vector<std::string>& steps = out_.owner_argument;
  steps.push_back(
      "owner = (origin " + std::to_string(config_.origin) +
      ", table ordinal, key bytes); the ordinal is given to one table of one source and never again, so equal "
      "owners come from one table");
  steps.push_back(
      "each part of (" + list +
      ") is 8 bytes, or ends at the first 00 01, which no value holds: equal key bytes have equal parts, and "
      "equal parts are equal values, byte by byte");
  steps.push_back("unique key " + unique.name +
                  " of NOT NULL columns: two rows never have equal values, so they never have one owner; " +
                  (target_.key.empty() ? "the store's unique index on the owner would refuse the second"
                                       : "the target's declared key is made of these values and leads back to them"));
  steps.push_back("bytes compare as the parts do: integers by number, strings by their bytes");
  if (bytes_max > kOwnerKeyBytesMax) {
    steps.push_back("up to " + std::to_string(bytes_max) + " bytes could be needed; keys of more than " +
                    std::to_string(kOwnerKeyBytesMax) + " are bad values, never cut (checked at run time)");
  }
}

void Explainer::WayBack() {
  out_.way_back = "each row here names its legacy row (owner), so deletes and replacements by owner are defined; ";
  const auto reverse = ReverseMapper::Compile(config_, context_);
  if (!reverse.ok()) {
    out_.way_back += "no claim that column values can be computed back";
    return;
  }
  std::string one_way;
  for (const ColumnReverse& column : (*reverse)->columns()) {
    if (!column.inverts) one_way += (one_way.empty() ? "" : ", ") + column.column + " (" + column.how + ")";
  }
  out_.way_back += one_way.empty() ? "all columns can be computed back" : "one-way: " + one_way;
}

void Explainer::Sources() {
  std::set<int> ignored;
  for (const std::string& name : config_.ignore) {
    if (schema_.Find(name) < 0) Problem("ignore: there is no column " + name + " in " + schema_.name.Text());
    ignored.insert(schema_.Find(name));
  }
  for (std::size_t i = 0; i < schema_.columns.size(); ++i) {
    const Column& column = schema_.columns[i];
    const char* const fate = key_.contains(i)                        ? "key"
                             : whole_[i]                             ? "whole"
                             : used_[i]                              ? "part"
                             : ignored.contains(static_cast<int>(i)) ? "ignored"
                             : column.generated                      ? "generated"
                                                                     : "unmapped";
    out_.sources.push_back({column.name, TypeText(column), fate});
    if (out_.sources.back().fate == "unmapped") {
      Problem("column " + column.name + " is not used by any expression; map it, or name it under \"ignore\"");
    }
  }
}

}  // namespace

MappingExplanation Explain(const MappingConfig& config, const TableContext& context) {
  return Explainer(config, context).Run();
}

}  // namespace shardlift::mapping
