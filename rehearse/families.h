// The three legacy families of a rehearsal: their tables, DDL and rows as SQL text.
//
//   im      64 tables im_0..im_3 . msg_00..msg_15, sharded by to_uid % 64; utf8mb4; an auto-increment of its own per
//   table push    4 monthly tables push . push_202309 .. push_202312; JSON; string accounts; rows of app_code 'sandbox'
//   stay behind notice  one table oldsys . sys_notice; gbk; a key of two columns; local time +08:00
// im_0, im_1 and oldsys lie on the first source, im_2, im_3 and push on the second.
//
// Keys that are multiples of kKeyGap are left free by the seeding: key changes and re-inserts use them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "rehearse/random.h"

namespace shardlift::rehearse {

enum class Family : std::uint8_t { kIm, kPush, kNotice };
inline constexpr std::uint64_t kKeyGap = 11;
inline constexpr std::uint32_t kNoticeRegions = 40;

std::string_view FamilyName(Family family);  // "im", "push", "notice"
std::uint32_t OriginOf(Family family);       // 1, 2, 3 as in configs/mappings

struct LegacyTable {
  Family family = Family::kIm;
  std::uint32_t source = 0;  // 0 or 1
  std::uint32_t index = 0;   // within the family: to_uid % 64, or the month
  std::string schema;
  std::string table;
  std::string Text() const { return schema + "." + table; }
};

// All 69 tables, in a fixed order.
std::vector<LegacyTable> AllTables();
// CREATE DATABASE and CREATE TABLE statements of one source, in order.
std::vector<std::string> SourceDdl(std::uint32_t source);

// A legacy primary key: (id), (push_id) or (region, seq).
struct Key {
  std::uint64_t major = 0;  // region; 0 for the other families
  std::uint64_t minor = 0;
  bool operator==(const Key&) const = default;
};
// The n-th key (from 0) that seeding uses, skipping the gaps: 1 2 .. 10 12 13 ..
std::uint64_t SeedKey(std::uint64_t n);
// "id = 5" / "region = 7 AND seq = 55", and the same for SET.
std::string WhereKey(Family family, const Key& key);
std::string SetKey(Family family, const Key& key);
// "id > 5 AND id <= 9" in key order within one region.
std::string WhereKeyRange(Family family, const Key& after, std::uint64_t rows);

// "INSERT INTO schema.table (columns) VALUES "; without the key column when the server is to number the row.
std::string InsertHead(const LegacyTable& table, bool with_key);
// "(...)": one row of realistic content. minor 0: the server numbers it.
void AppendRow(const LegacyTable& table, const Key& key, Random& random, std::string* sql);
// A SET list that changes the content of a row; sometimes its time, which moves the row in the target.
std::string UpdateList(const LegacyTable& table, Random& random);
// A SET list that changes who owns the message, so that the row may move to another shard.
std::string MoveList(const LegacyTable& table, Random& random);
// push: a SET list that makes the row leave or enter what is moved; other families: as UpdateList.
std::string FlipWhereList(const LegacyTable& table, Random& random);
// A SET list that changes every row it meets; may be applied any number of times.
std::string TouchAllList(Family family);

}  // namespace shardlift::rehearse
