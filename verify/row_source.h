// RowSource: rows of one legacy table, from the source or from one shard, in ascending owner key order.
//
// The merge sees servers only through this, so that its logic is tested without any. One thread at a time.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "base/status.h"
#include "mysql/session.h"

namespace shardlift::verify {

// Fields of a row: the owner key, then one per column of the target, then (shards only) the bucket that the shard
// itself computes from the account columns.
inline constexpr std::size_t kKeyField = 0;
inline constexpr std::size_t kFirstColumnField = 1;

using RowFields = std::span<const std::optional<std::string_view>>;

class RowSource {
 public:
  RowSource() = default;
  virtual ~RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  // False at the end. The views of row() live until the next call.
  virtual base::Result<bool> Next() = 0;
  virtual RowFields row() const = 0;
};

// Streams a SELECT. Borrows the session until it is destroyed.
base::Result<std::unique_ptr<RowSource>> OpenSqlRows(mysql::Session& session, std::string_view sql,
                                                     std::string_view what);

}  // namespace shardlift::verify
