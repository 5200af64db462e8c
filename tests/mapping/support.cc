#include "tests/mapping/support.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "mapping/parser.h"

namespace shardlift::mapping::testing {

mysql::Column MakeColumn(std::string name, mysql::ColumnType type, std::string column_type) {
  mysql::Column column;
  column.name = std::move(name);
  column.type = type;
  column.column_type = std::move(column_type);
  return column;
}

mysql::Column Unsigned(mysql::Column column) {
  column.is_unsigned = true;
  return column;
}

mysql::Column Nullable(mysql::Column column) {
  column.nullable = true;
  return column;
}

mysql::Column TextColumn(std::string name, mysql::ColumnType type, std::uint32_t length, std::string charset) {
  mysql::Column column = MakeColumn(std::move(name), type, "varchar");
  column.length = length;
  column.charset = std::move(charset);
  return column;
}

mysql::Column TimeColumn(std::string name, mysql::ColumnType type, std::uint8_t fraction) {
  mysql::Column column = MakeColumn(std::move(name), type, "datetime");
  column.fraction = fraction;
  return column;
}

mysql::Column MemberColumn(std::string name, mysql::ColumnType type, std::vector<std::string> members) {
  mysql::Column column = MakeColumn(std::move(name), type, "enum");
  column.members = std::move(members);
  return column;
}

std::shared_ptr<const store::BucketRules> MakeRules(store::RoutingRules rules) {
  auto made = store::BucketRules::Create(std::move(rules));
  EXPECT_TRUE(made.ok()) << made.status().message();
  return std::make_shared<const store::BucketRules>(std::move(made).value());
}

const std::shared_ptr<const store::BucketRules>& DefaultRules() {
  static const auto rules = MakeRules({});
  return rules;
}

base::Result<Compiled> CompileExpression(const mysql::TableSchema& schema, std::string_view text,
                                         mysql::Flavour flavour, const store::BucketRules* rules) {
  Compiled compiled;
  compiled.used.resize(schema.columns.size());
  SL_ASSIGN(compiled.expr, Parse(text));
  TypeContext context{
      text, &schema, 5, 7, &compiled.used, &compiled.notes, rules == nullptr ? DefaultRules().get() : rules, flavour};
  SL_TRY(Typecheck(context, &compiled.expr));
  return compiled;
}

std::string EvalToString(const mysql::TableSchema& schema, const Expr& expr, std::span<const mysql::Value> row,
                         mysql::Flavour flavour) {
  std::vector<ColumnReader> readers;
  for (const mysql::Column& column : schema.columns) readers.emplace_back(column);
  StringPool pool;
  Evaluator evaluator(row, readers, pool, flavour == mysql::Flavour::kMariaDb);
  Val value;
  if (!evaluator.Eval(expr, &value)) return std::string("bad value: ") + evaluator.reason();
  if (value.null) return "NULL";
  if (expr.type.kind != Kind::kInt) return std::string(value.bytes);
  std::string text;
  AppendInteger(expr.type, value, &text);
  return text;
}

MappingConfig LoadMappingFile(const std::string& name) {
  MappingConfig config;
  config.place = "configs/mappings/" + name + ".json";
  std::ifstream file(config.place);
  EXPECT_TRUE(file.good()) << config.place;
  nlohmann::ordered_json json = nlohmann::ordered_json::parse(file, nullptr, true, true);
  config.name = json.at("name");
  config.origin = json.at("origin");
  config.match = json.at("match");
  config.key = json.at("key");
  if (json.contains("where")) config.where = json.at("where");
  for (const auto& [target, expression] : json.at("columns").items()) config.columns.emplace_back(target, expression);
  if (json.contains("ignore")) config.ignore = json.at("ignore");
  if (json.at("on_bad_value") == "dead_letter") config.on_bad_value = BadValuePolicy::kDeadLetter;
  return config;
}

std::vector<std::string> Unpack(const MappedRow& row) {
  std::vector<std::string> fields;
  for (FieldReader reader(row.fields); !reader.AtEnd();) fields.emplace_back(reader.Next().value_or("NULL"));
  return fields;
}

}  // namespace shardlift::mapping::testing
