// Preflight: what must hold before a job may start, checked on every source and shard, nothing written.
#pragma once

#include "base/status.h"
#include "job/config.h"

namespace shardlift::job {

// One message per failed check, with server, setting, its value and the remedy (the SQL to run). Checked: reachable and
// login works; log_bin; binlog_format ROW; binlog_row_image FULL; MySQL gtid_mode ON; privileges REPLICATION SLAVE
// (MariaDB also BINLOG MONITOR / REPLICATION CLIENT and PROCESS, MySQL XA_RECOVER_ADMIN), SELECT on matched tables;
// shards: CREATE, INSERT, ... on the database, local_infile (a warning: slower path). Returns the first failure's
// class: kUsage for configuration (wrong password, missing privilege), kEnvironment for an unreachable server, kRefused
// for server settings that make the move unsafe. All failures are in the message, one per line.
base::Status CheckServers(const JobConfig& config);

}  // namespace shardlift::job
