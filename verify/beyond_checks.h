// The single checks beyond rows. Only for the .cc files of verify/beyond*.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "verify/beyond.h"
#include "verify/table_check.h"

namespace shardlift::verify {

class BeyondWork {
 public:
  explicit BeyondWork(const BeyondInput& input)
      : input_(input),
        context_{input.config, input.catalog, input.router, input.options, &rows_done_},
        sessions_(context_) {}

  // Each adds to `check` what it finds, and sets its state to kNothing where there is nothing to look at.
  base::Status CheckBucketCounts(BeyondCheck* check);
  base::Status CheckIds(BeyondCheck* check);
  base::Status CheckConversations(BeyondCheck* check);
  base::Status CheckDerivedTables(BeyondCheck* check);
  base::Status CheckReferences(BeyondCheck* check);
  base::Status CheckLeftBehind(BeyondCheck* check);
  base::Status CheckDeadLetters(BeyondCheck* check);
  base::Status CheckBalance(const VerifyReport& report, BeyondCheck* check);

  void CloseSessions() { sessions_.CloseAll(); }

 private:
  using Counts = std::map<std::uint32_t, std::uint64_t>;  // rows by bucket
  struct UniqueKeyOf;

  base::Status CountSourceBuckets(const job::CatalogTable& table, Counts* counts);
  base::Status CheckBucketsOf(const mapping::MappingConfig& mapping, BeyondCheck* check);
  base::Status CheckUnique(const UniqueKeyOf& key, BeyondCheck* check);
  base::Result<std::vector<UniqueKeyOf>> UniqueKeys();
  base::Status CheckLeftBehindOf(const job::CatalogTable& table, BeyondCheck* check);
  base::Status CheckDeadLettersOf(const job::CatalogTable& table, std::uint32_t shard, BeyondCheck* check);
  base::Status CheckUnknownDeadLetters(std::uint32_t shard, BeyondCheck* check);
  // Those of `keys` that a shard's table has; the table is a target, or the dead letters.
  base::Result<std::vector<std::string>> KeysOnShard(const job::CatalogTable& table, std::uint32_t shard,
                                                     std::string_view name, const std::vector<std::string>& keys);

  base::Status CheckStop() const;
  void Add(BeyondCheck* check, std::string text) const;
  std::string ShardName(std::uint32_t shard) const { return input_.config.shards[shard].endpoint.name; }
  // "key (7, 42)", or a keyed hash where the key is text.
  std::string OwnerName(const job::CatalogTable& table, std::string_view owner_key) const;

  const BeyondInput& input_;
  std::atomic<std::uint64_t> rows_done_{0};
  const CheckContext context_;
  TableChecker sessions_;
  std::map<std::string, std::uint64_t> set_aside_;  // by mapping: dead letters whose rows are on no shard
  bool dead_letters_known_ = false;
};

// SQL of the hash that names a conversation (or another text) of an account: the first 32 hex digits of SHA-256 over
// `salt`, the account and the text.
std::string NameHashSql(std::string_view salt, std::string_view account_type, std::string_view account_key,
                        std::string_view text);

}  // namespace shardlift::verify
