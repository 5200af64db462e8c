// The tables of the three legacy families as schemas, and one good row of each.
#pragma once

#include <vector>

#include "mysql/schema.h"
#include "mysql/value.h"

namespace shardlift::mapping::testing {

mysql::TableSchema ImTable();      // im_2.msg_07
mysql::TableSchema PushTable();    // push.push_202310
mysql::TableSchema NoticeTable();  // oldsys.sys_notice
std::vector<mysql::Value> ImValues();
std::vector<mysql::Value> PushValues();
std::vector<mysql::Value> NoticeValues();

}  // namespace shardlift::mapping::testing
