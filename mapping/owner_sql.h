// OwnerSql: how the rows of one legacy table's owners are found in its target table, as SQL over the target's columns.
//
// Everything that reads or deletes rows by owner asks this. There are two forms: tables with the tool's owner columns,
// and tables with a declared key, where an owner's row is the one whose key has the values that the mapping gives to
// the owner's legacy key. Conditions name rows of exactly these owners, by their bytes, whatever the collation.
//
// Thread rules: immutable; any number of threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/target_table.h"

namespace shardlift::mapping {

enum class Bound : std::uint8_t { kIncluded, kExcluded };

class OwnerSql {
 public:
  OwnerSql() = default;
  OwnerSql(const OwnerSql&) = delete;
  OwnerSql& operator=(const OwnerSql&) = delete;
  virtual ~OwnerSql() = default;

  // What SELECT shows of a column of the target, the tool's own among them (store::ShownSql).
  virtual std::string Shown(std::size_t column) const = 0;
  // The owner key's bytes, and an ORDER BY list that gives them ascending.
  virtual std::string Key() const = 0;
  virtual std::string Order() const = 0;
  // The rows of the legacy table; "1" for all.
  virtual std::string OfTable() const = 0;
  // The rows of the owners with these canonical legacy keys; "0" when none of them can have a row.
  virtual std::string Owners(std::span<const std::string_view> legacy_keys) const = 0;
  // The rows of OfTable from one owner key on (empty: from the first) up to another, included (none: to the last), by
  // an index. Only where has_ranges().
  virtual bool has_ranges() const = 0;
  virtual std::string Range(std::string_view from, Bound from_is, const std::optional<std::string>& upto) const = 0;

  // What all rows of the legacy table have in a column of the declared key: "id" for ids with origin and ordinal in
  // their bits, "=" and the value for one value; empty: values of many kinds. One for each column of the key.
  const std::vector<std::string>& marks() const { return marks_; }

 protected:
  std::vector<std::string> marks_;
};

// A column of a declared key in the encoding of owner keys (docs/formats.md#owner-key).
std::string OwnerKeyPartSql(const store::TargetColumn& column);

// True when no row can be of both legacy tables of a target with a declared key, whatever they hold.
bool AreApart(const OwnerSql& a, const OwnerSql& b);

// Of a table with owner columns, for the owners of one legacy table.
std::unique_ptr<const OwnerSql> OwnerColumnsSql(const store::TargetTable& target, std::uint32_t origin,
                                                std::uint32_t table_ordinal);

}  // namespace shardlift::mapping
