// The tables that follow from `message`: filled, and checked, by one statement over a range of buckets on the server.
//
//   conversation   one row for each conversation of an account: first and last message, how many
//   read_cursor    the last message such that it and all before it in the conversation are read (status is not 0); none
//                  when the first one is unread
//   message_dedup  the first message of an account with each client_id
//
// The session's default database is the store's. Ranges are worked on one by one, each in its own transaction, so that
// a rebuild holds no locks for long and may be ended and begun again at any time. Nothing is locked against writers: a
// rebuild is true for messages that rest.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::mysql {
class Session;
}

namespace shardlift::store {

std::span<const std::string_view> DerivedTables();

// True once applications have written messages of their own (owner origin 0): the read cursors are theirs from then on.
base::Result<bool> HasNewMessages(mysql::Session& session);

// Replaces all rows of a derived table; the number of rows it has then.
base::Result<std::uint64_t> RebuildDerived(mysql::Session& session, std::string_view table);

struct DerivedCheck {
  std::uint64_t missing = 0;  // rows that follow from the messages and are not there
  std::uint64_t extra = 0;    // rows that are there and do not follow; a row with other values counts in both
  bool clean() const { return missing == 0 && extra == 0; }
};
base::Result<DerivedCheck> CheckDerived(mysql::Session& session, std::string_view table);

// A row that is on one side only, named without what is in it.
struct DerivedDifference {
  bool missing = false;
  std::string bucket;
  std::string what;  // "conversation" or "client id"
  std::string hash;  // 32 hex digits of SHA-256 over "SALT:", account type, ":", length of the account key, ":", the
                     // account key and the conversation or client id
};
// The first `rows_max` of what CheckDerived counts.
base::Result<std::vector<DerivedDifference>> ListDerivedDifferences(mysql::Session& session, std::string_view table,
                                                                    std::string_view salt, std::size_t rows_max);

}  // namespace shardlift::store
