#include "mapping/table_mapper.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "mapping/eval.h"
#include "mapping/key_owner_sql.h"
#include "mapping/lossy.h"
#include "mapping/owner_key.h"
#include "mapping/parser.h"
#include "mapping/row_template.h"
#include "mapping/target_column.h"
#include "store/message_table.h"
#include "store/router.h"

namespace shardlift::mapping {

using base::Code;
using base::Status;

struct MapScratch {
  StringPool pool;
  std::vector<Val> fields;
};

namespace {

constexpr const char* kNoBucketReason =
    "the routing rules have no bucket for the account key: it is no number, or lies below the first range";

}  // namespace

struct TableMapper::Impl {
  struct Column {
    std::size_t target = 0;
    TargetExpression expression;
  };

  MappingConfig config;
  TableContext context;
  ContentCharsets charsets;
  std::vector<std::size_t> key;
  std::vector<ColumnReader> readers;
  std::vector<Column> columns;        // named ones and defaults, in table order
  std::vector<std::size_t> computed;  // of these, those whose value follows from the row
  std::optional<RowTemplate> row_template;
  ExprPtr where;
  std::string origin_text;
  std::string ordinal_text;
  MappingSql sql;
  std::unique_ptr<const OwnerSql> owners;
  std::vector<std::string> notes;

  Status Error(std::string_view place, std::string_view message) const {
    std::string text = config.place;
    text.append(": ").append(place).append(place.empty() ? "" : ": ").append(message);
    return Status(Code::kUsage, std::move(text));
  }
  const store::TargetTable& Target() const { return *context.target; }
  Status CheckNumbers() const;
  Status CompileKey();
  Status CheckTargets() const;
  Status CheckReplacements() const;
  Status CompileColumns(std::vector<bool>* used);
  Status CompileColumn(std::size_t target, std::string_view text, std::vector<bool>* used);
  Status CompileReplacement(const std::string& name, std::string_view own_text, std::vector<bool>* used);
  Status CompileWhere(std::vector<bool>* used);
  void NoteBuckets();
  Status CheckUnmapped(std::vector<bool> used) const;
  void WriteSql();
  Status FindOwners();
  void ComputeConstants();
  Status BadValue(std::string_view target, const Evaluator& evaluator, const char* reason) const;
  Status MapRow(std::span<const mysql::Value> row, MapScratch& scratch, MappedRow* out) const;
  Status MapColumns(Evaluator& evaluator, MapScratch& scratch, MappedRow* out) const;
};

Status TableMapper::Impl::CheckNumbers() const {
  if (config.origin < 1 || config.origin > 255) return Error("origin", "it must be from 1 to 255");
  if (context.table_ordinal < 1 || context.table_ordinal > 0xFFFF) {
    return Error("", "table ordinal " + std::to_string(context.table_ordinal) + " is not from 1 to 65535");
  }
  if (context.rules == nullptr) return Error("", "the routing rules are not known here");
  return base::Ok();
}

Status TableMapper::Impl::CompileKey() {
  auto found = OwnerKeyColumns(context.schema, config.key);
  if (!found.ok()) return Error("key", found.status().message());
  key = std::move(found).value();
  return base::Ok();
}

Status TableMapper::Impl::CheckTargets() const {
  for (std::size_t i = 0; i < config.columns.size(); ++i) {
    const std::string& name = config.columns[i].first;
    const std::size_t target = Target().Find(name);
    if (target == store::TargetTable::kNone) {
      return Error("columns." + name, "the target table has no such column");
    }
    if (Target().IsFilledByTheTool(target))
      return Error("columns." + name, "this column is filled by the tool; leave it out");
    for (std::size_t j = 0; j < i; ++j) {
      if (config.columns[j].first == name) return Error("columns." + name, "this column is there twice");
    }
  }
  return base::Ok();
}

Status TableMapper::Impl::CheckReplacements() const {
  for (std::size_t i = 0; i < config.bad_values.size(); ++i) {
    const std::string& name = config.bad_values[i].first;
    const auto is_it = [&](const auto& column) { return column.first == name; };
    if (std::none_of(config.columns.begin(), config.columns.end(), is_it)) {
      return Error("bad_values." + name, "\"columns\" has no such column");
    }
    if (std::any_of(config.bad_values.begin(), config.bad_values.begin() + static_cast<std::ptrdiff_t>(i), is_it)) {
      return Error("bad_values." + name, "this column is there twice");
    }
  }
  return base::Ok();
}

Status TableMapper::Impl::CompileColumn(std::size_t target, std::string_view text, std::vector<bool>* used) {
  const store::TargetColumn& column = Target().columns[target];
  std::vector<std::string> found;
  TypeContext types{text,     &context.schema, config.origin,       context.table_ordinal,
                    used,     &found,          context.rules.get(), context.flavour,
                    &charsets};
  auto compiled = TargetExpression::Compile(types, column);
  if (!compiled.ok()) return Error("columns." + column.name, compiled.status().message());
  columns.push_back({target, std::move(compiled).value()});
  if (const auto parsed = Parse(text); parsed.ok()) FindLossy(**parsed, &found);
  for (const std::string& note : found) notes.push_back("columns." + column.name + ": " + note);
  return CompileReplacement(column.name, text, used);
}

Status TableMapper::Impl::CompileReplacement(const std::string& name, std::string_view own_text,
                                             std::vector<bool>* used) {
  for (const auto& [column, text] : config.bad_values) {
    if (column != name) continue;
    const TypeContext types{text,     &context.schema, config.origin,       context.table_ordinal,
                            used,     nullptr,         context.rules.get(), context.flavour,
                            &charsets};
    const Status status = columns.back().expression.SetReplacement(types, own_text);
    if (!status.ok()) return Error("bad_values." + name, status.message());
    notes.push_back("bad_values." + name + ": a bad value becomes " + text + " (counted)");
  }
  return base::Ok();
}

Status TableMapper::Impl::CompileColumns(std::vector<bool>* used) {
  SL_TRY(CheckTargets());
  SL_TRY(CheckReplacements());
  for (std::size_t i = 0; i < Target().columns.size(); ++i) {
    const store::TargetColumn& target = Target().columns[i];
    if (Target().IsFilledByTheTool(i)) continue;
    auto named = std::find_if(config.columns.begin(), config.columns.end(),
                              [&](const auto& column) { return column.first == target.name; });
    if (named != config.columns.end()) {
      SL_TRY(CompileColumn(i, named->second, used));
    } else if (!target.default_sql) {
      return Error("columns", "target column " + target.name + " has no default; give it an expression");
    } else {
      SL_TRY(CompileColumn(i, *target.default_sql, used));
    }
  }
  return base::Ok();
}

void TableMapper::Impl::NoteBuckets() {
  const store::RoutingRules& rules = context.rules->rules();
  if (rules.strategy != store::Strategy::kModulo && rules.strategy != store::Strategy::kRange) return;
  const auto account = std::find_if(columns.begin(), columns.end(),
                                    [this](const Column& column) { return column.target == Target().account_key; });
  const Expr* value = &account->expression.expr();
  while (value->op == Op::kToBinary || value->op == Op::kToText) value = value->args[0].get();
  const bool is_number = value->type.kind == Kind::kInt && value->type.min >= 0;
  const bool below = rules.strategy == store::Strategy::kRange && rules.ranges.front().first > 0;
  if (is_number && !below) return;
  notes.push_back(fmt::format("bucket: account keys that are no number{} are bad values (checked at run time)",
                              below ? " or lie below the first range" : ""));
}

Status TableMapper::Impl::CompileWhere(std::vector<bool>* used) {
  if (config.where.empty()) return base::Ok();
  std::vector<std::string> found;
  TypeContext types{config.where,        &context.schema, config.origin, context.table_ordinal, used, &found,
                    context.rules.get(), context.flavour, &charsets};
  auto parsed = Parse(config.where);
  if (!parsed.ok()) return Error("where", parsed.status().message());
  where = std::move(parsed).value();
  if (Status status = TypecheckCondition(types, &where); !status.ok()) return Error("where", status.message());
  for (const std::string& note : found) notes.push_back("where: " + note);
  return base::Ok();
}

Status TableMapper::Impl::CheckUnmapped(std::vector<bool> used) const {
  const mysql::TableSchema& schema = context.schema;
  for (std::size_t index : key) used[index] = true;
  for (const std::string& name : config.ignore) {
    int index = schema.Find(name);
    if (index < 0) return Error("ignore", "there is no column " + name + " in " + schema.name.Text());
    used[static_cast<std::size_t>(index)] = true;
  }
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (used[i] || schema.columns[i].generated) continue;
    return Error("", "column " + schema.columns[i].name + " of " + schema.name.Text() +
                         " is not used by any expression; map it, or name it under \"ignore\"");
  }
  return base::Ok();
}

void TableMapper::Impl::WriteSql() {
  SqlContext writer{&context.schema, context.flavour, &charsets};
  const store::TargetTable& target = Target();
  sql.columns.resize(target.columns.size());
  sql.pieces.resize(sql.columns.size());
  for (const Column& column : columns) {
    sql.columns[column.target] = column.expression.Sql(writer);
    sql.pieces[column.target] = column.expression.Pieces(writer);
  }
  sql.owner_key = OwnerKeySql(context.schema, key);
  const auto column_or = [&](std::size_t index, std::uint32_t otherwise) {
    return index == store::TargetTable::kNone ? std::to_string(otherwise) : sql.columns[index];
  };
  sql.columns[target.bucket] = "NULL";
  if (context.rules->has_sql()) {
    const std::vector<std::string>& pieces = sql.pieces[target.account_key];
    const std::string& account = pieces.size() == 1 ? pieces[0] : sql.columns[target.account_key];
    const std::string type = column_or(target.account_type, target.account_type_fixed);
    sql.columns[target.bucket] = context.rules->Sql(type, account, column_or(target.biz_tag, 0)).value();
  }
  sql.pieces[target.bucket] = {sql.columns[target.bucket]};
  const auto put = [&](std::size_t own, const std::string& text) { sql.pieces[own] = {sql.columns[own] = text}; };
  put(target.owner_origin, origin_text);
  put(target.owner_table, ordinal_text);
  put(target.owner_key, sql.owner_key);
  sql.where = where == nullptr ? "1" : ToSql(writer, *where);
  sql.order_by = OwnerKeyOrder(context.schema, key);
}

Status TableMapper::Impl::FindOwners() {
  owners = OwnerColumnsSql(Target(), config.origin, context.table_ordinal);
  if (Target().key.empty()) return base::Ok();
  KeyOwnerParts parts{config, context, key, charsets, readers, {}};
  parts.expressions.resize(Target().columns.size());
  for (const Column& column : columns) parts.expressions[column.target] = &column.expression;
  SL_ASSIGN(owners, KeyOwnerSql(std::move(parts)));
  return base::Ok();
}

// A constant that is a bad value, or loses something, is left to the rows: they say so, and are counted.
void TableMapper::Impl::ComputeConstants() {
  RowTemplate& row = row_template.emplace(Target().columns.size());
  row.SetConstant(Target().owner_origin, Val::Bytes(origin_text));
  row.SetConstant(Target().owner_table, Val::Bytes(ordinal_text));
  StringPool pool;
  Evaluator evaluator({}, {}, pool, context.flavour == mysql::Flavour::kMariaDb);
  const char* reason = "";
  bool replaced = false;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    Val value;
    if (!column.expression.IsConstant() || !column.expression.Eval(evaluator, pool, &value, &reason, &replaced) ||
        replaced || evaluator.TakeLossy()) {
      computed.push_back(i);
    } else {
      row.SetConstant(column.target, value);
    }
  }
  row.Finish();
}

Status TableMapper::Impl::BadValue(std::string_view target, const Evaluator& evaluator, const char* reason) const {
  std::string place = config.name + ": " + context.schema.name.Text() + ": " + std::string(target) + ": ";
  if (evaluator.absent_column() >= 0) {
    const mysql::Column& column = context.schema.columns[static_cast<std::size_t>(evaluator.absent_column())];
    return Status(Code::kRefused, place + "column " + column.name +
                                      " is not in the row image; set binlog_row_image=FULL on the source");
  }
  return Status(Code::kBadValue, place + reason);
}

Status TableMapper::Impl::MapColumns(Evaluator& evaluator, MapScratch& scratch, MappedRow* out) const {
  const store::TargetTable& target = Target();
  std::vector<Val>& fields = scratch.fields;
  fields.resize(target.columns.size());
  for (const std::size_t index : computed) {
    const Column& column = columns[index];
    const char* reason = "";
    bool replaced = false;
    if (!column.expression.Eval(evaluator, scratch.pool, &fields[column.target], &reason, &replaced)) {
      out->bad_column = static_cast<int>(column.target);
      return BadValue(target.columns[column.target].name, evaluator, reason);
    }
    if (replaced) out->replaced.push_back(static_cast<std::uint16_t>(column.target));
    if (evaluator.TakeLossy()) out->lossy.push_back(static_cast<std::uint16_t>(column.target));
  }
  const auto number_or = [&](std::size_t index, std::uint32_t otherwise) {
    if (index == store::TargetTable::kNone) return otherwise;
    return static_cast<std::uint32_t>(row_template->At(index, fields).bits);
  };
  out->bucket =
      context.rules->BucketOf({number_or(target.account_type, target.account_type_fixed),
                               row_template->At(target.account_key, fields).bytes, number_or(target.biz_tag, 0)});
  if (out->bucket == store::kNoBucket) {
    out->bad_column = static_cast<int>(target.bucket);
    return BadValue("bucket", evaluator, kNoBucketReason);
  }
  const fmt::format_int bucket(out->bucket);
  fields[target.bucket] = Val::Bytes({bucket.data(), bucket.size()});
  fields[target.owner_key] = Val::Bytes(out->owner_key);
  row_template->Pack(fields, &out->fields);
  return base::Ok();
}

TableMapper::TableMapper(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TableMapper::~TableMapper() = default;

base::Result<std::unique_ptr<TableMapper>> TableMapper::Compile(const MappingConfig& config,
                                                                const TableContext& context) {
  auto impl = std::make_unique<Impl>();
  impl->config = config;
  impl->context = context;
  impl->origin_text = std::to_string(config.origin);
  impl->ordinal_text = std::to_string(context.table_ordinal);
  SL_TRY(impl->CheckNumbers());
  auto charsets = ContentCharsets::Of(config, context.schema);
  if (!charsets.ok()) return impl->Error("", charsets.status().message());
  impl->charsets = std::move(charsets).value();
  SL_TRY(impl->CompileKey());
  std::vector<bool> used(context.schema.columns.size());
  SL_TRY(impl->CompileColumns(&used));
  impl->NoteBuckets();
  SL_TRY(impl->CompileWhere(&used));
  SL_TRY(impl->CheckUnmapped(used));
  for (std::size_t i = 0; i < context.schema.columns.size(); ++i) {
    impl->readers.emplace_back(context.schema.columns[i], impl->charsets.At(i));
  }
  impl->WriteSql();
  SL_TRY(impl->FindOwners());
  impl->ComputeConstants();
  return std::unique_ptr<TableMapper>(new TableMapper(std::move(impl)));
}

Status TableMapper::Impl::MapRow(std::span<const mysql::Value> row, MapScratch& scratch, MappedRow* out) const {
  scratch.pool.Reset();
  Evaluator evaluator(row, readers, scratch.pool, context.flavour == mysql::Flavour::kMariaDb);
  if (where != nullptr) {
    Val holds;
    if (!evaluator.EvalCondition(*where, &holds)) return BadValue("where", evaluator, evaluator.reason());
    if (holds.null || holds.bits == 0) return base::Ok();
    evaluator.TakeLossy();
  }
  SL_TRY(MapColumns(evaluator, scratch, out));
  out->kept = true;
  return base::Ok();
}

Status TableMapper::Map(std::span<const mysql::Value> row, MapScratch& scratch, MappedRow* out) const {
  out->kept = false;
  out->bucket = 0;
  out->replaced.clear();
  out->lossy.clear();
  out->bad_column = -1;
  Status status = OwnerKey(row, &out->owner_key);
  if (status.ok()) status = impl_->MapRow(row, scratch, out);
  if (!out->kept) out->fields.clear();  // else overwritten: clearing them first would have them filled twice
  return status;
}

Status TableMapper::OwnerKey(std::span<const mysql::Value> row, std::string* out) const {
  SL_CHECK(row.size() == impl_->context.schema.columns.size());
  const char* reason = EncodeOwnerKey(impl_->context.schema, impl_->key, row, out);
  if (reason == nullptr) return base::Ok();
  for (std::size_t index : impl_->key) {
    if (!row[index].is_absent()) continue;
    return Status(Code::kRefused, impl_->config.name + ": " + impl_->context.schema.name.Text() + ": key column " +
                                      impl_->context.schema.columns[index].name +
                                      " is not in the row image; set binlog_row_image=FULL on the source");
  }
  return Status(Code::kBadValue,
                impl_->config.name + ": " + impl_->context.schema.name.Text() + ": owner_key: " + reason);
}

const MappingSql& TableMapper::sql() const { return impl_->sql; }
const OwnerSql& TableMapper::owners() const { return *impl_->owners; }
const MappingConfig& TableMapper::config() const { return impl_->config; }
const TableContext& TableMapper::context() const { return impl_->context; }
std::span<const std::size_t> TableMapper::key_columns() const { return impl_->key; }
const std::vector<std::string>& TableMapper::lossy_notes() const { return impl_->notes; }

MapScratchPtr NewMapScratch() { return MapScratchPtr(new MapScratch()); }
void MapScratchDeleter::operator()(MapScratch* scratch) const { delete scratch; }

}  // namespace shardlift::mapping
