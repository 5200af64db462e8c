// The events that name transactions, of both servers.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "binlog/event.h"
#include "mysql/gtid_set.h"

namespace shardlift::binlog {

// GTID, ANONYMOUS_GTID (number 0) and GTID_TAGGED.
base::Result<mysql::Gtid> ParseMySqlGtid(const Event& event);

struct MariaGtid {
  std::uint32_t domain_id = 0;
  std::uint32_t server_id = 0;
  std::uint64_t number = 0;
  bool standalone = false;  // no transaction begins: a single statement follows
  std::string ToText() const;
};
base::Result<MariaGtid> ParseMariaGtid(const Event& event);

// "0-1-100", in decimal; false for anything else. The server's id is not compared by those who name transactions.
bool ParseMariaGtidText(std::string_view text, MariaGtid* gtid);

// PREVIOUS_GTIDS: everything executed before this file.
base::Result<mysql::GtidSet> ParsePreviousGtids(const Event& event);
// GTID_LIST: the last transaction of each domain and server before this file.
base::Result<std::vector<MariaGtid>> ParseMariaGtidList(const Event& event);

}  // namespace shardlift::binlog
