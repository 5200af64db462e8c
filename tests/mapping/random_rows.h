// Tables with random rows, boundaries included, and the expressions that are compared over them.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace shardlift::mapping::testing {

extern const char* const kRandomTableDdl;  // random_values.r
extern const char* const kImDdl;           // im_2.msg_07
extern const char* const kPushDdl;         // push.push_202310
extern const char* const kNoticeDdl;       // oldsys.sys_notice

// "(1,'x',...)" for INSERT.
std::string RandomRow(std::mt19937_64& random, int id);
std::string ImRow(std::mt19937_64& random, int id);
std::string PushRow(std::mt19937_64& random, int id);
std::string NoticeRow(std::mt19937_64& random, int id);
std::string OwnerKeyRow(std::mt19937_64& random, int id);

std::string Utf8(std::uint32_t code_point);

// Over random_values.r. None may overflow 64 bits on the servers: that ends their statement with an error.
extern const std::vector<const char*> kExpressions;

}  // namespace shardlift::mapping::testing
