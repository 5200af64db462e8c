// Time zone tables for the servers of tests.
#pragma once

#include "mysql/session.h"

namespace shardlift::mapping::testing {

// Fills the tables of a few zones with what the server's own program makes of tzdata; fails the test when it cannot.
void LoadTimeZones(mysql::Session& session);

}  // namespace shardlift::mapping::testing
