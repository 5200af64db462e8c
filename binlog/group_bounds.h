// GroupBounds: where each event of a binlog stands, and where groups begin and end. The rules that need no rows.
//
// A group begins with a GTID event (or the first event after the last group, where there are none) and ends with XID,
// QUERY "COMMIT"/"ROLLBACK", XA PREPARE/COMMIT/ROLLBACK, or a statement outside BEGIN. A TRANSACTION_PAYLOAD holds the
// rest of its group; who looks into it hands over what is in it with NextInside.
// Takes one whole event at a time, in order, starting between two groups. After a failure it must not be fed again.
// Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/event.h"
#include "binlog/file_reader.h"
#include "binlog/query.h"
#include "mysql/gtid_set.h"
#include "mysql/maria_gtid.h"

namespace shardlift::binlog {

struct GroupBoundsOptions {
  mysql::FilePosition start;        // of the first event; the file may be empty when a ROTATE event comes first
  bool from_network = false;        // the server decrypts what it sends, and makes up events for the connection
  bool checksum_at_start = false;   // events before the first format description carry a checksum
  bool look_into_payloads = false;  // a payload's group ends with what is in it, not with the payload
};

// Events made for the connection: they have no place in the binlog.
bool IsMadeUp(const EventHeader& header);
bool IsHeartbeat(EventType type);

class GroupBounds {
 public:
  explicit GroupBounds(GroupBoundsOptions options);

  // An event as it comes from the network: verified, placed, judged. Failures name file:offset.
  base::Result<Event> Next(std::string_view bytes);
  // The same for one that was verified already, at its place.
  base::Status NextAt(const std::string& file, const FileEvent& event);
  // An event in the payload that came last. Its place is the payload's; failures name none.
  base::Status NextInside(const Event& event);
  // The connection was lost and there is a new one: a group that was not whole is forgotten. What comes next begins at
  // `start` (MySQL: the server tells).
  void Reconnected(const mysql::FilePosition& start, bool checksum_at_start);
  // What lies before `end` was passed over.
  void SkippedTo(const mysql::FilePosition& end);

  // What the last event did. began, ended: it is the first, the last event of a group. dropped: a group before it has
  // no end, its server crashed while writing it.
  bool began_group() const { return began_; }
  bool ended_group() const { return ended_; }
  bool dropped_group() const { return dropped_; }
  // After the last event.
  bool in_group() const { return in_group_; }

  // Of the group that the last event stands in, or ended. Number 0: it has none (MariaDB: always).
  const mysql::Gtid& gtid() const { return gtid_; }
  const std::optional<mysql::MariaGtid>& maria_gtid() const { return maria_gtid_; }
  bool has_gtid_event() const { return has_gtid_event_; }
  const mysql::FilePosition& group_begin() const { return group_begin_; }

  // Of the last event, when it is a QUERY event of any kind. The views live until the next event.
  const QueryEvent& query_event() const { return query_event_; }
  const Query& query() const { return query_; }

  // Where the next event begins.
  const std::string& file() const { return file_; }
  std::uint64_t offset() const { return offset_; }
  // Where the last event stands; a made-up one takes no room.
  const std::string& event_file() const { return event_file_; }
  std::uint64_t event_begin() const { return event_begin_; }
  std::uint64_t event_end() const { return event_end_; }
  const Format& format() const { return format_; }

 private:
  void Place(const EventHeader& header);
  base::Status Step(const Event& event);
  base::Status OnFormatDescription(const Event& event);
  base::Status OnRotate(const Event& event);
  base::Status OnGtid(const Event& event);
  base::Status OnQuery(const Event& event);
  base::Status OnOther(const Event& event);
  base::Status BeginGroup();
  void TouchGroup();
  void EndGroup();

  GroupBoundsOptions options_;
  Format format_;
  std::string uncompressed_;

  std::string file_;
  std::uint64_t offset_ = 0;
  std::string event_file_;
  std::uint64_t event_begin_ = 0;
  std::uint64_t event_end_ = 0;

  bool in_group_ = false;
  bool in_transaction_ = false;  // a statement does not end the group
  bool began_ = false;
  bool ended_ = false;
  bool dropped_ = false;
  mysql::Gtid gtid_;
  std::optional<mysql::MariaGtid> maria_gtid_;
  bool has_gtid_event_ = false;
  mysql::FilePosition group_begin_;
  QueryEvent query_event_;
  Query query_;
};

}  // namespace shardlift::binlog
