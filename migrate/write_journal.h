// WriteJournal: is asked, inside a lane's transaction, before a row that was read by name is written.
//
// For a repair: what is right stays untouched, and what is changed is on record before it is changed. The stream's own
// changes do not pass it.
//
// Thread rules: lanes call it, several at once. A transaction that has to be made again asks again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::migrate {

struct JournalEntry {
  std::string_view owner_id;                                        // migrate/batch.h
  const std::vector<std::optional<std::string>>* before = nullptr;  // the row on this shard, locked; nullptr: none
  std::optional<std::string_view> after;                            // packed fields of the row to be; none: no row
};

class WriteJournal {
 public:
  WriteJournal() = default;
  WriteJournal(const WriteJournal&) = delete;
  WriteJournal& operator=(const WriteJournal&) = delete;
  virtual ~WriteJournal() = default;
  // For each entry: true, it is to be written (and is on record); false, it stays as it is. A failure ends the run
  // without the transaction.
  virtual base::Result<std::vector<bool>> Admit(std::uint32_t shard, std::span<const JournalEntry> entries) = 0;
};

}  // namespace shardlift::migrate
