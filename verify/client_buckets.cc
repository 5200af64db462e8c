#include "verify/client_buckets.h"

#include <charconv>
#include <string>
#include <utility>
#include <vector>

namespace shardlift::verify {
namespace {

using Field = std::optional<std::string_view>;

std::optional<std::uint32_t> NumberIn(const Field& field) {
  std::uint32_t number = 0;
  if (!field) return std::nullopt;
  const auto [end, error] = std::from_chars(field->data(), field->data() + field->size(), number);
  return error == std::errc() && end == field->data() + field->size() ? std::optional(number) : std::nullopt;
}

class BucketFiller : public RowSource {
 public:
  BucketFiller(std::unique_ptr<RowSource> rows, const store::TargetTable& target, const store::BucketRules& rules,
               BucketField field)
      : rows_(std::move(rows)),
        target_(target),
        rules_(rules),
        field_(kFirstColumnField + (field == BucketField::kColumn ? target.bucket : target.columns.size())) {}

  base::Result<bool> Next() override {
    SL_ASSIGN(const bool more, rows_->Next());
    if (!more) return false;
    const RowFields row = rows_->row();
    fields_.assign(row.begin(), row.end());
    Fill();
    return true;
  }
  RowFields row() const override { return fields_; }

 private:
  std::optional<std::uint32_t> NumberOr(std::size_t column, std::uint32_t otherwise) const {
    return column == store::TargetTable::kNone ? otherwise : NumberIn(fields_[kFirstColumnField + column]);
  }

  void Fill() {
    fields_[field_].reset();
    const Field& key = fields_[kFirstColumnField + target_.account_key];
    const auto type = NumberOr(target_.account_type, target_.account_type_fixed);
    const auto tag = NumberOr(target_.biz_tag, 0);
    if (!key || !type || !tag) return;
    const std::uint32_t bucket = rules_.BucketOf({*type, *key, *tag});
    if (bucket == store::kNoBucket) return;
    text_ = std::to_string(bucket);
    fields_[field_] = text_;
  }

  const std::unique_ptr<RowSource> rows_;
  const store::TargetTable& target_;
  const store::BucketRules& rules_;
  const std::size_t field_;
  std::vector<Field> fields_;
  std::string text_;
};

}  // namespace

std::unique_ptr<RowSource> WithBuckets(std::unique_ptr<RowSource> rows, const store::TargetTable& target,
                                       const store::BucketRules& rules, BucketField field) {
  if (rules.has_sql()) return rows;
  return std::make_unique<BucketFiller>(std::move(rows), target, rules, field);
}

}  // namespace shardlift::verify
