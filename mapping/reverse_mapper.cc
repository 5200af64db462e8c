#include "mapping/reverse_mapper.h"

#include <algorithm>

#include "base/check.h"
#include "mapping/datetime.h"
#include "mapping/inverse.h"
#include "mapping/owner_key.h"
#include "mapping/target_column.h"

namespace shardlift::mapping {

using base::Code;
using base::Status;

namespace {

constexpr std::string_view kOwnerKey = "owner_key";

// For every column under `expr`: known, or a reason if it has none yet.
void Analyse(const Expr& expr, const std::string& reason, std::vector<std::string>* known_from,
             std::vector<std::string>* reasons, const std::string& target) {
  std::string here = reason;
  if (const char* why = WhyOneWay(expr); here.empty() && why != nullptr) here = target + ": " + why;
  if (expr.op == Op::kColumn || expr.op == Op::kColumnBytes) {
    std::string& from = (*known_from)[expr.column];
    std::string& why = (*reasons)[expr.column];
    if (here.empty() && from.empty()) from = target;
    if (!here.empty() && why.empty()) why = here;
  }
  for (const ExprPtr& arg : expr.args) Analyse(*arg, here, known_from, reasons, target);
}

// The column holds fewer digits than the expression gives: those that it lacks were zeros.
std::string_view WithAllDigits(std::string_view time, unsigned digits, StringPool& pool) {
  std::string& text = pool.New().append(time);
  if (text.size() == kDateTimeBytes) text += '.';
  text.resize(kDateTimeBytes + 1 + digits, '0');
  return text;
}

}  // namespace

struct ReverseMapper::Impl {
  struct Target {
    std::size_t index;
    TargetExpression expression;
  };

  MappingConfig config;
  TableContext context;
  ContentCharsets charsets;
  std::vector<std::size_t> key;
  std::vector<Target> targets;
  std::vector<ColumnReverse> columns;
  std::unique_ptr<Undoer> undoer;
  StringPool pool;
  std::vector<Undoer::Column> found;

  Status CompileTargets(std::vector<std::string>* known_from, std::vector<std::string>* reasons);
  Status BadValue(std::string_view column, std::string_view why) const {
    return Status(Code::kBadValue, config.name + ": " + context.schema.name.Text() +
                                       ": way back: " + std::string(column) + ": " + std::string(why));
  }
};

Status ReverseMapper::Impl::CompileTargets(std::vector<std::string>* known_from, std::vector<std::string>* reasons) {
  std::vector<bool> used(context.schema.columns.size());
  std::vector<std::string> notes;
  for (const auto& [name, text] : config.columns) {
    const std::size_t index = context.target->Find(name);
    TypeContext types{text,     &context.schema, config.origin,       context.table_ordinal,
                      &used,    &notes,          context.rules.get(), context.flavour,
                      &charsets};
    auto compiled = TargetExpression::Compile(types, context.target->columns[index]);
    if (!compiled.ok()) return compiled.status();
    const bool replaces = std::any_of(config.bad_values.begin(), config.bad_values.end(),
                                      [&, &column = name](const auto& one) { return one.first == column; });
    Analyse(compiled->expr(), replaces ? name + ": something else may stand for a bad value" : "", known_from, reasons,
            name);
    if (replaces) continue;
    targets.push_back({index, std::move(compiled).value()});
  }
  return base::Ok();
}

ReverseMapper::ReverseMapper(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ReverseMapper::~ReverseMapper() = default;

base::Result<std::unique_ptr<ReverseMapper>> ReverseMapper::Compile(const MappingConfig& config,
                                                                    const TableContext& context) {
  SL_ASSIGN(auto forward, TableMapper::Compile(config, context));
  auto impl = std::make_unique<Impl>();
  impl->config = config;
  impl->context = context;
  SL_ASSIGN(impl->charsets, ContentCharsets::Of(config, context.schema));
  impl->key.assign(forward->key_columns().begin(), forward->key_columns().end());
  const std::size_t count = context.schema.columns.size();
  std::vector<std::string> known_from(count);
  std::vector<std::string> reasons(count);
  for (std::size_t index : impl->key) known_from[index] = kOwnerKey;
  SL_TRY(impl->CompileTargets(&known_from, &reasons));
  for (std::size_t i = 0; i < count; ++i) {
    const mysql::Column& column = impl->context.schema.columns[i];
    if (column.generated) continue;
    ColumnReverse& reverse = impl->columns.emplace_back(ColumnReverse{column.name, !known_from[i].empty(), ""});
    reverse.how = reverse.inverts ? known_from[i] : reasons[i].empty() ? "no target column holds it" : reasons[i];
  }
  impl->undoer = std::make_unique<Undoer>(impl->context.schema, impl->charsets);
  return std::unique_ptr<ReverseMapper>(new ReverseMapper(std::move(impl)));
}

std::span<const ColumnReverse> ReverseMapper::columns() const { return impl_->columns; }

bool ReverseMapper::inverts() const {
  return std::all_of(impl_->columns.begin(), impl_->columns.end(), [](const auto& column) { return column.inverts; });
}

Status ReverseMapper::Reverse(std::string_view fields, std::vector<mysql::Value>* row) {
  const mysql::TableSchema& schema = impl_->context.schema;
  std::vector<std::optional<std::string_view>> values;
  for (FieldReader reader(fields); !reader.AtEnd();) values.push_back(reader.Next());
  const store::TargetTable& table = *impl_->context.target;
  SL_CHECK(values.size() == table.columns.size());
  impl_->pool.Reset();
  impl_->found.assign(schema.columns.size(), {});
  for (const Impl::Target& target : impl_->targets) {
    const std::optional<std::string_view>& field = values[target.index];
    const Expr& expr = target.expression.expr();
    Known known{!field.has_value(), 0, field.value_or(std::string_view())};
    bool ok = true;
    if (field && expr.type.kind == Kind::kDateTime && expr.type.fraction > table.columns[target.index].fraction) {
      known.bytes = WithAllDigits(*field, expr.type.fraction, impl_->pool);
    }
    if (field && expr.type.kind == Kind::kInt) {
      std::string_view digits = *field;
      ok = TakeInteger(&digits, &known.number) && digits.empty();
    }
    if (!ok || !impl_->undoer->Undo(expr, known, impl_->pool, &impl_->found)) {
      return impl_->BadValue(table.columns[target.index].name, "no legacy row gives this value");
    }
  }
  const auto& owner = values[table.owner_key];
  auto key = DecodeOwnerKey(schema, impl_->key, owner.value_or(std::string_view()));
  if (!key) return impl_->BadValue(kOwnerKey, "this is no key of the table");
  for (std::size_t i = 0; i < impl_->key.size(); ++i) impl_->found[impl_->key[i]] = {true, false, std::move((*key)[i])};
  row->clear();
  for (std::size_t i = 0; i < schema.columns.size(); ++i) {
    const Undoer::Column& found = impl_->found[i];
    if (!found.known) {
      row->push_back(mysql::Value::Absent());
    } else if (found.null) {
      row->push_back(mysql::Value::Null());
    } else {
      auto value = mysql::ParseText(schema.columns[i], found.text);
      if (!value.ok()) return impl_->BadValue(schema.columns[i].name, "the value does not fit the legacy column");
      row->push_back(*value);
    }
  }
  return base::Ok();
}

}  // namespace shardlift::mapping
