// ShardWriter: the statements that change one shard's target tables inside a lane's transaction.
//
// An apply may touch only rows of the same owner (design 5.3): deletes go by the unique index that names owners,
// inserts are plain. Rows go in by LOAD DATA LOCAL, which turns bad values and duplicate keys into warnings; the counts
// and warnings are compared, and when they are off the caller rolls back and comes again with `careful`, which inserts
// row by row.
//
// Borrows the session and the catalog; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "mapping/owner_sql.h"
#include "migrate/batch.h"
#include "mysql/session.h"

namespace shardlift::migrate {

// A row as the lane hands it over; views into the batch.
struct RowRef {
  std::string_view owner_id;
  std::string_view fields;
};

// A row as the shard has it.
struct OwnedRow {
  std::string owner_id;
  std::vector<std::optional<std::string>> columns;  // as those of its target
};

class ShardWriter {
 public:
  ShardWriter(mysql::Session* session, const job::Catalog* catalog, bool use_load_data)
      : session_(session), catalog_(catalog), use_load_data_(use_load_data) {}

  // Removes whatever these owners have on this shard. Owners without a row cost an index probe.
  base::Status DeleteOwners(std::span<const std::string_view> owner_ids);

  // The rows of these owners on this shard, locked until the transaction ends unless `lock` is false; all columns of
  // their target.
  base::Result<std::vector<OwnedRow>> LockOwners(std::span<const std::string_view> owner_ids, bool lock = true);

  // Which of the chunk's owners have a row on this shard already (written by the stream, or by an earlier try).
  base::Result<std::vector<std::string>> ExistingOwners(const ChunkPart& part);

  // Inserts rows whose owners have no row on this shard. kDuplicate when anything is off: roll back, then careful.
  base::Status InsertFast(std::span<const RowRef> rows);

  // Row by row; a clash with another owner's row, or a value the server rejects, becomes a dead letter and the
  // other row stays as it is.
  base::Status InsertCareful(std::span<const RowRef> rows, std::vector<DeadLetter>* dead_letters);

  base::Status WriteDeadLetters(std::string_view source, std::string_view position,
                                std::span<const DeadLetter> dead_letters);
  base::Status ClearDeadLetters(std::span<const std::string_view> owner_ids);

  // False after a server refused LOAD DATA LOCAL; rows then go as multi-row INSERT.
  bool use_load_data() const { return use_load_data_; }

 private:
  struct Statements {  // of one target table
    const store::TargetTable* table = nullptr;
    std::string quoted;
    std::string index;  // that leads to an owner's row
    std::string load;
    std::string insert;  // up to the values
    std::string remove;  // up to the condition
  };
  struct Place {  // of one legacy table
    Statements* statements = nullptr;
    const mapping::OwnerSql* owners = nullptr;
    std::unique_ptr<const mapping::OwnerSql> unlisted;  // of a table that the catalog does not have
  };
  template <class Item, class Fn>
  base::Status ForTables(std::span<const Item> items, Fn&& fn);
  Place& PlaceOf(const OwnerIdParts& owner);
  std::string OwnerCondition(std::span<const std::string_view> owner_ids);
  // Adds those of `wanted` that have a row under the condition.
  base::Status FindExisting(const Place& place, const std::string& condition, const ChunkPart& part,
                            const std::unordered_set<std::string_view>& wanted, std::vector<std::string>* existing);
  base::Status LoadRows(const Statements& table, std::span<const RowRef> rows);
  base::Status InsertRows(const Statements& table, std::span<const RowRef> rows);
  mysql::Session* session_;
  const job::Catalog* catalog_;
  std::map<const store::TargetTable*, Statements> statements_;
  std::unordered_map<std::uint32_t, Place> by_ordinal_;
  bool use_load_data_;
  std::string buffer_;
};

}  // namespace shardlift::migrate
