// OwnerRows: the rows of some owners of one table on the source and on each shard, kept and then judged together.
//
// The reading is done whenever each side is where its owner wants it; what is read has to be of one moment, or the
// verdicts are none.
//
// Thread rules: the two Read functions from any threads, one at a time for the source and for each shard; reading a
// side again replaces it. Judge after all of them.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "mysql/session.h"
#include "store/router.h"
#include "verify/owner_part.h"
#include "verify/prober.h"
#include "verify/row_source.h"

namespace shardlift::verify {

class OwnerRows {
 public:
  // More than `bytes_max` on one side are not kept: too_large(). Borrows the references.
  OwnerRows(const job::JobConfig& config, const job::CatalogTable& table, const store::Router& router,
            std::vector<std::string> owner_keys, std::uint64_t bytes_max);

  // With every target column computed by the source; `lock`: with shared row locks.
  base::Status ReadSource(mysql::Session& source, bool lock);
  // Locks the rows until the session's transaction ends.
  base::Status ReadShard(std::uint32_t shard, mysql::Session& session);

  const std::vector<std::string>& owner_keys() const { return part_.owners; }
  bool too_large() const;
  // A result for each owner key, in their order. An owner that is wrong and whose row lost a clash on a target key is
  // open: the row that has the key may be on its way.
  base::Result<std::vector<ProbeResult>> Judge();

 private:
  using Row = std::vector<std::optional<std::string>>;
  struct Side {
    std::vector<Row> rows;
    std::set<std::string> clashes;  // owner keys
    std::atomic<bool> too_large{false};
  };
  base::Status Keep(mysql::Session& session, const std::string& sql, const std::string& what, Side* side) const;
  std::unique_ptr<RowSource> RowsOf(const Side& side, bool is_source) const;

  const job::JobConfig& config_;
  const job::CatalogTable& table_;
  const store::Router& router_;
  const std::uint64_t bytes_max_;
  OwnerPart part_;
  Side source_;
  std::deque<Side> shards_;
};

}  // namespace shardlift::verify
