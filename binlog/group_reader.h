// GroupReader: binlog events in, commit groups out. Knows nothing of where the events come from.
//
// Feed takes one whole event at a time, in order, starting between two groups. Where groups begin and end is told by
// binlog/group_bounds.h.
// Failures name file:offset. After a failure the reader must not be fed again.
// Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/status.h"
#include "binlog/byte_store.h"
#include "binlog/compression.h"
#include "binlog/described_table.h"
#include "binlog/event.h"
#include "binlog/file_reader.h"
#include "binlog/group.h"
#include "binlog/group_bounds.h"
#include "binlog/query.h"
#include "binlog/row_event.h"
#include "binlog/table_map.h"

namespace shardlift::binlog {

using KnownSchema = std::function<base::Result<const mysql::TableSchema*>(
    const TableMapName& name, const mysql::FilePosition& place, bool has_names)>;

struct GroupReaderOptions {
  mysql::FilePosition start;  // of the first event; the file may be empty when a ROTATE event comes first
  TableFilter tables;
  // Instead of `tables`: tables are as the binlog describes them (binlog/described_table.h), for those where this is
  // true.
  std::function<bool(std::string_view schema, std::string_view table)> describe;
  // With `describe`: the schema of a table as it was where an event begins, null where that is not known. `has_names`:
  // the event names the columns itself. The schema must stay valid as long as the reader.
  KnownSchema known_schema;
  bool json_as_sql = false;  // with `describe`: JSON values are SQL expressions that make them (binlog/json_binary.h)
  std::function<void(const DescribedTable& table)> on_described;  // each table, once for each different table map
  bool from_network = false;       // the server decrypts what it sends, and makes up events for the connection
  bool checksum_at_start = false;  // events before the first format description carry a checksum
  SpillOptions spill;
};

class GroupReader {
 public:
  explicit GroupReader(GroupReaderOptions options);
  ~GroupReader();

  // The group that ends with this event, if one does.
  base::Result<std::optional<CommitGroup>> Feed(std::string_view event_bytes);
  // The same for an event that was verified already, at its place in a local file. Do not mix with Feed.
  base::Result<std::optional<CommitGroup>> FeedFromFile(const std::string& file, const FileEvent& event);

  // The connection was lost and there is a new one: a group that was not whole is forgotten. What comes next begins at
  // `start` (MySQL: the server tells), `checksum_at_start` as in the options.
  void Reconnected(const mysql::FilePosition& start, bool checksum_at_start);
  // What lies before `end` was passed over without being fed.
  void SkippedTo(const mysql::FilePosition& end);

  // The end of the last group, or of the last event after it that belongs to no group.
  const mysql::FilePosition& boundary() const { return boundary_; }
  bool in_group() const { return bounds_.in_group(); }
  bool last_was_heartbeat() const { return last_was_heartbeat_; }
  std::uint32_t last_event_seconds() const { return last_event_seconds_; }
  const Format& format() const { return bounds_.format(); }

  // XA transactions seen prepared and not yet resolved.
  std::optional<mysql::FilePosition> OldestPrepareBegin() const;
  std::vector<mysql::Gtid> PreparedGtids() const;

 private:
  struct Prepared {
    mysql::Gtid gtid;
    mysql::FilePosition begin;
    std::vector<Statement> statements;
    std::unique_ptr<GroupBody> body;
  };
  struct SeenTable {
    std::uint64_t group = 0;                     // the table map counts only in the group it was seen in
    std::string raw;                             // the event's body, to know an unchanged table map at once
    const mysql::TableSchema* schema = nullptr;  // with `describe`: the known one
    bool has_names = false;                      // with `describe`
    std::shared_ptr<const TableMap> map;         // null: not wanted
  };
  struct Savepoint {
    std::string name;
    std::size_t events;
  };

  // group_reader.cc: what comes to which part.
  void Look(const EventHeader& header);
  base::Result<std::optional<CommitGroup>> After(base::Status status);
  base::Status Dispatch(const Event& event);
  base::Status OnPayload(const Event& event);
  std::string Place() const { return PlaceText(bounds_.event_file(), bounds_.event_begin()); }

  // group_events.cc: what happens inside a group.
  base::Status OnQuery(const Query& query, std::string_view schema, std::string_view sql);
  base::Status OnTableMap(const Event& event);
  base::Status Describe(const Event& event, const TableMapName& name, SeenTable& seen);
  base::Status OnRows(const Event& event, const RowEventKind& kind);
  base::Status OnXaPrepareEvent(const Event& event);
  void StartGroup();
  void AddStatement(std::string_view schema, std::string_view sql, QueryKind kind);
  void RollbackToSavepoint(const std::string& name);
  void ReleaseSavepoint(const std::string& name);
  base::Status EndGroup(GroupKind kind);
  base::Status EndPrepare(const std::string& xid);
  base::Status EndXaCommit(const std::string& xid);
  base::Status EndXaRollback(const std::string& xid);
  void ForgetGroup();
  SeenTable* FindTable(std::uint64_t table_id);

  GroupReaderOptions options_;
  GroupBounds bounds_;
  PayloadReader payload_;
  std::string uncompressed_;

  std::uint32_t event_seconds_ = 0;
  mysql::FilePosition boundary_;
  std::uint32_t last_event_seconds_ = 0;
  bool last_was_heartbeat_ = false;

  std::uint64_t group_number_ = 0;
  std::uint64_t described_ = 0;  // tables
  std::string own_xid_;          // of an XA START in this group
  CommitGroup group_;
  std::vector<Savepoint> savepoints_;
  std::unordered_map<std::uint64_t, SeenTable> tables_;
  std::map<std::string, Prepared> prepared_;  // by canonical xid
  std::optional<CommitGroup> ended_;
};

}  // namespace shardlift::binlog
