// Which parts of the tables a pass compares, by its mode.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/status.h"
#include "mysql/session.h"
#include "verify/owner_part.h"
#include "verify/table_check.h"
#include "verify/touched_owners.h"

namespace shardlift::verify {

// What one thread does at a time.
struct Unit {
  std::size_t table = 0;
  std::optional<OwnerPart> part;  // none: all of the table is settled
  bool counts = false;            // also counts the table's source rows
  bool by_rows = false;           // row by row at once, without digests
};

// About so many parts of a table of integer keys, even in keys, not in rows; one for all of any other.
base::Result<std::vector<OwnerPart>> CutEvenly(TableChecker& sessions, const job::CatalogTable& table,
                                               std::uint32_t parts);
// Parts of a table for several threads; one for all of it when it is small.
base::Result<std::vector<OwnerPart>> PartsForThreads(const CheckContext& context, TableChecker& sessions,
                                                     const job::CatalogTable& table);
// Of each table the share of its parts that the seed draws, at least one.
base::Status AddSampleUnits(const CheckContext& context, TableChecker& sessions, std::size_t table,
                            std::vector<Unit>* units);
// Owners that lie close together as ranges, others by their keys.
base::Status AddTouchedUnits(const CheckContext& context, TableChecker& sessions, std::size_t table,
                             const OwnerSet& owners, std::vector<Unit>* units);

// The key before, for keys of integers; empty: there is none.
std::string KeyBefore(std::string key);

}  // namespace shardlift::verify
