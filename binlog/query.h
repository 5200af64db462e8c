// What a statement in a QUERY event is: transaction control, DDL, DML, or neither. Looks at the first words only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/event.h"

namespace shardlift::binlog {

enum class QueryKind : std::uint8_t {
  kBegin,
  kCommit,
  kRollback,
  kSavepoint,
  kRollbackToSavepoint,
  kReleaseSavepoint,
  kXaStart,
  kXaEnd,
  kXaPrepare,
  kXaCommit,
  kXaCommitOnePhase,
  kXaRollback,
  kDdl,
  kDml,
  kOther,
};

struct Query {
  QueryKind kind = QueryKind::kOther;
  std::string name;  // the savepoint, folded to lower case; or the canonical xid of XA statements
};

Query ClassifyQuery(std::string_view sql);

// The canonical text of an XA transaction id: "formatID:hex of gtrid:hex of bqual".
std::string CanonicalXid(std::uint32_t format_id, std::string_view gtrid, std::string_view bqual);

// The parts of a QUERY event.
struct QueryEvent {
  std::string_view default_schema;
  std::string_view sql;  // still compressed for QUERY_COMPRESSED
};
base::Result<QueryEvent> ParseQueryEvent(const Event& event, const Format& format);

}  // namespace shardlift::binlog
