#include "mapping/owner_sql.h"

#include <fmt/format.h>

#include <algorithm>

#include "mapping/owner_key.h"
#include "mysql/session.h"

namespace shardlift::mapping {
namespace {

class OwnerColumns final : public OwnerSql {
 public:
  OwnerColumns(const store::TargetTable& target, std::uint32_t origin, std::uint32_t ordinal)
      : target_(target), of_table_(fmt::format("`owner_origin` = {} AND `owner_table` = {}", origin, ordinal)) {}

  std::string Shown(std::size_t column) const override { return store::ShownSql(target_.columns[column]); }
  std::string Key() const override { return "`owner_key`"; }
  std::string Order() const override { return "`owner_key`"; }
  std::string OfTable() const override { return of_table_; }
  std::string Owners(std::span<const std::string_view> legacy_keys) const override {
    if (legacy_keys.empty()) return "0";
    std::string condition = of_table_ + " AND `owner_key` IN (";
    for (std::size_t i = 0; i < legacy_keys.size(); ++i) {
      if (i > 0) condition += ',';
      condition += mysql::HexLiteral(legacy_keys[i]);
    }
    return condition + ")";
  }
  bool has_ranges() const override { return true; }
  std::string Range(std::string_view from, Bound from_is, const std::optional<std::string>& upto) const override {
    std::string condition = of_table_;
    if (!from.empty()) {
      condition +=
          (from_is == Bound::kIncluded ? " AND `owner_key` >= " : " AND `owner_key` > ") + mysql::HexLiteral(from);
    }
    if (upto) condition += " AND `owner_key` <= " + mysql::HexLiteral(*upto);
    return condition;
  }

 private:
  const store::TargetTable& target_;
  const std::string of_table_;
};

}  // namespace

std::string OwnerKeyPartSql(const store::TargetColumn& column) {
  const std::string shown = store::ShownSql(column);
  const bool is_signed = column.kind == store::TargetKind::kSigned;
  if (is_signed || column.kind == store::TargetKind::kUnsigned) return IntegerPartSql(shown, is_signed);
  return BytesPartSql(shown);
}

bool AreApart(const OwnerSql& a, const OwnerSql& b) {
  const std::size_t columns = std::min(a.marks().size(), b.marks().size());
  for (std::size_t i = 0; i < columns; ++i) {
    const std::string& left = a.marks()[i];
    const std::string& right = b.marks()[i];
    if (left.empty() || right.empty()) continue;
    // Ordinals are given to one table and never again.
    const bool both_ids = left == "id" && right == "id";
    const bool other_values = left != right && left != "id" && right != "id";
    if (both_ids || other_values) return true;
  }
  return false;
}

std::unique_ptr<const OwnerSql> OwnerColumnsSql(const store::TargetTable& target, std::uint32_t origin,
                                                std::uint32_t table_ordinal) {
  return std::make_unique<OwnerColumns>(target, origin, table_ordinal);
}

}  // namespace shardlift::mapping
