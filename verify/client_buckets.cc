#include "verify/client_buckets.h"

#include <charconv>
#include <string>
#include <utility>
#include <vector>

#include "store/message_table.h"

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
  BucketFiller(std::unique_ptr<RowSource> rows, const store::BucketRules& rules, BucketField field)
      : rows_(std::move(rows)),
        rules_(rules),
        field_(field == BucketField::kColumn ? FieldOf("bucket") : PastColumns()) {}

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
  static std::size_t FieldOf(std::string_view column) { return kFirstColumnField + store::MessageColumnIndex(column); }
  static std::size_t PastColumns() { return kFirstColumnField + store::MessageColumns().size(); }

  void Fill() {
    fields_[field_].reset();
    const Field& key = fields_[account_key_];
    const auto type = NumberIn(fields_[account_type_]);
    const auto tag = NumberIn(fields_[biz_tag_]);
    if (!key || !type || !tag) return;
    const std::uint32_t bucket = rules_.BucketOf({*type, *key, *tag});
    if (bucket == store::kNoBucket) return;
    text_ = std::to_string(bucket);
    fields_[field_] = text_;
  }

  const std::unique_ptr<RowSource> rows_;
  const store::BucketRules& rules_;
  const std::size_t field_;
  const std::size_t account_type_ = FieldOf("account_type");
  const std::size_t account_key_ = FieldOf("account_key");
  const std::size_t biz_tag_ = FieldOf("biz_tag");
  std::vector<Field> fields_;
  std::string text_;
};

}  // namespace

std::unique_ptr<RowSource> WithBuckets(std::unique_ptr<RowSource> rows, const store::BucketRules& rules,
                                       BucketField field) {
  if (rules.has_sql()) return rows;
  return std::make_unique<BucketFiller>(std::move(rows), rules, field);
}

}  // namespace shardlift::verify
