// The events that name transactions, of both servers.
#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "binlog/event.h"
#include "mysql/gtid_set.h"
#include "mysql/maria_gtid.h"

namespace shardlift::binlog {

// GTID, ANONYMOUS_GTID (number 0) and GTID_TAGGED.
base::Result<mysql::Gtid> ParseMySqlGtid(const Event& event);

struct MariaGtid : mysql::MariaGtid {
  bool standalone = false;  // no transaction begins: a single statement follows
};
base::Result<MariaGtid> ParseMariaGtid(const Event& event);

// PREVIOUS_GTIDS: everything executed before this file.
base::Result<mysql::GtidSet> ParsePreviousGtids(const Event& event);
// GTID_LIST: the last transaction of each domain and server before this file.
base::Result<std::vector<MariaGtid>> ParseMariaGtidList(const Event& event);

}  // namespace shardlift::binlog
