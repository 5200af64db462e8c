// The tables that follow from messages: computed again, and what refers to a message that is not there.
#include <fmt/format.h>

#include <algorithm>

#include "mysql/schema.h"
#include "store/derived.h"
#include "verify/beyond_checks.h"

namespace shardlift::verify {

using base::Result;
using base::Status;

namespace {

Result<bool> HasRows(mysql::Session& session, std::string_view table) {
  SL_ASSIGN(const mysql::Rows rows,
            session.Query(fmt::format("SELECT 1 FROM {} LIMIT 1", mysql::QuoteIdentifier(table)), "look for rows"));
  return !rows.rows.empty();
}

}  // namespace

// A table without any row on any shard was not filled yet: it is filled after the last verification, and that is no
// finding.
Status BeyondWork::CheckDerivedTables(BeyondCheck* check) {
  const std::uint32_t shards = static_cast<std::uint32_t>(input_.config.shards.size());
  for (const std::string_view table : store::DerivedTables()) {
    bool filled = false;
    bool taken = false;
    for (std::uint32_t i = 0; i < shards; ++i) {
      SL_ASSIGN(mysql::Session * session, sessions_.Shard(i));
      SL_ASSIGN(const bool has_rows, HasRows(*session, table));
      filled = filled || has_rows;
      SL_ASSIGN(const bool has_new, store::HasNewMessages(*session));
      taken = taken || (has_new && table == "read_cursor");
    }
    if (!filled || taken) {
      check->reason += fmt::format("{}{}: {}", check->reason.empty() ? "" : "; ", table,
                                   taken ? "the applications' own by now"
                                         : "empty; store rebuild fills it, where messages have something for it");
      continue;
    }
    for (std::uint32_t i = 0; i < shards; ++i) {
      SL_TRY(CheckStop());
      SL_ASSIGN(mysql::Session * session, sessions_.Shard(i));
      SL_ASSIGN(const store::DerivedCheck found, store::CheckDerived(*session, table));
      ++check->looked_at;
      if (found.clean()) continue;
      check->findings += found.missing + found.extra;
      const std::size_t left =
          input_.options.findings_max - std::min(input_.options.findings_max, check->listed.size());
      SL_ASSIGN(const std::vector<store::DerivedDifference> rows,
                store::ListDerivedDifferences(*session, table, input_.config.fingerprint, left));
      for (const store::DerivedDifference& row : rows) {
        check->listed.push_back(fmt::format("{} on shard {}, bucket {}, {} {}: {}", table, ShardName(i), row.bucket,
                                            row.what, row.hash,
                                            row.missing ? "the row that follows from the messages is not there"
                                                        : "the row does not follow from the messages"));
      }
    }
  }
  if (check->looked_at == 0) check->state = BeyondState::kNothing;
  return base::Ok();
}

Status BeyondWork::CheckReferences(BeyondCheck* check) {
  for (const char* table : {"message_tag", "message_dedup"}) {
    for (std::uint32_t i = 0; i < input_.config.shards.size(); ++i) {
      SL_TRY(CheckStop());
      SL_ASSIGN(mysql::Session * session, sessions_.Shard(i));
      ++check->looked_at;
      SL_ASSIGN(auto rows,
                OpenSqlRows(*session,
                            fmt::format("SELECT t.bucket, t.msg_id FROM {} t LEFT JOIN message m USING (bucket, "
                                        "account_type, account_key, sent_at, msg_id) WHERE m.msg_id IS NULL",
                                        table),
                            fmt::format("look for rows of {} without a message", table)));
      for (;;) {
        SL_ASSIGN(const bool more, rows->Next());
        if (!more) break;
        Add(check, fmt::format("{} on shard {}, bucket {}, msg_id {}: there is no such message", table, ShardName(i),
                               rows->row()[0].value_or("?"), rows->row()[1].value_or("?")));
      }
    }
  }
  return base::Ok();
}

}  // namespace shardlift::verify
