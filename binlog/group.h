// CommitGroup: one group of the binlog (what commits or rolls back together), delivered only when its end has been
// read.
//
// The group keeps the raw events; ForEachRow decodes them one row at a time, so that a group of any number of rows
// costs its bytes and one decoded row. Rows undone by ROLLBACK TO SAVEPOINT are not in it; rolled-back groups have no
// rows. XA: the rows of an XA PREPARE group are held by the GroupReader and delivered with the group of their XA COMMIT
// (has_xa_rows is set); XA ROLLBACK discards them. A PREPARE itself is delivered as a group without rows.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/maria_gtid.h"
#include "mysql/position.h"
#include "mysql/schema.h"
#include "mysql/value.h"

namespace shardlift::binlog {

enum class RowOp : std::uint8_t { kInsert, kUpdate, kDelete };

struct RowChange {
  const mysql::TableSchema* table = nullptr;
  RowOp op = RowOp::kInsert;
  std::span<const mysql::Value> before;  // update, delete; one Value per column of *table
  std::span<const mysql::Value> after;   // insert, update
};

struct TableMap;  // binlog/table_map.h

// Where the event of a row stands in the binlog.
struct RowPlace {
  const TableMap* table = nullptr;  // a DescribedTable when the reader describes its tables
  std::string_view file;
  std::uint64_t offset = 0;   // of a compressed transaction: where that begins
  std::uint32_t seconds = 0;  // unix seconds, as the server wrote it
};

enum class GroupKind : std::uint8_t {
  kCommit,      // committed rows (or a DDL / statement without rows)
  kRolledBack,  // nothing to apply; only the position moves
  kXaPrepare,   // rows held until the XA COMMIT; the position is not safe to pass yet (see GroupReader::SafePosition)
  kXaCommit,    // carries the rows held since the PREPARE
  kXaRollback,
};

// A statement event that is neither transaction control nor rows: DDL, or DML in statement format.
struct Statement {
  std::string default_schema;
  std::string sql;  // may hold user data: never print it
  bool is_ddl = false;
  bool is_dml = false;  // statement-format DML
  std::uint64_t end_offset = 0;
};

// Chooses which tables are decoded: returns the schema of a wanted table, nullptr for a table to skip.
// Called when a TABLE_MAP is met; the schema must stay valid as long as the reader.
using TableFilter = std::function<const mysql::TableSchema*(std::string_view schema, std::string_view table)>;

class GroupBody;  // raw events of one group, in binlog/group_body.h

class CommitGroup {
 public:
  CommitGroup();
  ~CommitGroup();
  CommitGroup(CommitGroup&&) noexcept;
  CommitGroup& operator=(CommitGroup&&) noexcept;

  GroupKind kind = GroupKind::kCommit;
  bool has_xa_rows = false;
  // What passing this group adds to a position: the GTID on MySQL (empty number 0 if the group has none); on MariaDB
  // and in files the end of the group.
  mysql::Gtid gtid;
  std::optional<mysql::MariaGtid> maria_gtid;
  bool has_gtid_event = false;  // also of an anonymous transaction: a server that writes such events began it here
  mysql::FilePosition begin;
  mysql::FilePosition end;
  std::uint32_t timestamp_seconds = 0;  // unix seconds, as the server wrote it
  std::vector<Statement> statements;

  std::uint64_t row_bytes() const;  // size of the held row events
  bool has_rows() const;
  // Calls `fn` for each row of a wanted table in binlog order; stops at the first failed Status. The Values and views
  // are valid during the call only. May be called again.
  base::Status ForEachRow(const std::function<base::Status(const RowChange&)>& fn) const;
  base::Status ForEachPlacedRow(const std::function<base::Status(const RowChange&, const RowPlace&)>& fn) const;

  GroupBody* body() { return body_.get(); }

 private:
  friend class GroupReader;
  std::unique_ptr<GroupBody> body_;
};

}  // namespace shardlift::binlog
