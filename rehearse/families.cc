#include "rehearse/families.h"

#include <fmt/format.h>

#include <array>

#include "rehearse/texts.h"

namespace shardlift::rehearse {
namespace {

constexpr std::array<std::string_view, 4> kMonths = {"202309", "202310", "202311", "202312"};
constexpr std::array<std::string_view, 6> kAppCodes = {"shop", "pay", "Travel", "news", "im", "game"};
constexpr std::array<std::string_view, 4> kStates = {"new", "read", "archived", "recalled"};
constexpr std::uint64_t kImFirstSecond = 1'690'000'000;
constexpr std::uint64_t kImSeconds = 12'000'000;

std::string_view KeyColumn(Family family) { return family == Family::kIm ? "id" : "push_id"; }

std::uint64_t ImUser(Random& random, std::uint32_t remainder) {
  // A few accounts at the end of the type's range.
  if (random.OneIn(3000)) return ~0ULL - 63 + remainder;
  return 64 * random.Between(1, random.OneIn(2) ? 50 : 1'000'000) + remainder;
}

std::string DateTimeText(std::uint64_t day_of_month, std::uint64_t month, std::uint64_t second_of_day) {
  return fmt::format("2023-{:02}-{:02} {:02}:{:02}:{:02}", month, day_of_month, second_of_day / 3600,
                     second_of_day / 60 % 60, second_of_day % 60);
}

std::string PushTime(Random& random, std::uint32_t month_index) {
  return fmt::format("{}.{:03}", DateTimeText(random.Between(1, 30), 9 + month_index, random.Below(86400)),
                     random.Below(1000));
}

std::string NoticeTime(Random& random) {
  return DateTimeText(random.Between(1, 28), random.Between(1, 12), random.Below(86400));
}

std::string_view AppCode(Random& random) {
  return random.OneIn(20) ? std::string_view("sandbox") : kAppCodes[random.Below(kAppCodes.size())];
}

void AppendParams(Random& random, std::string* sql) {
  if (random.OneIn(5)) {
    sql->append("NULL");
  } else {
    AppendQuoted(JsonText(random), sql);
  }
}

void AppendIm(const LegacyTable& table, const Key& key, Random& random, std::string* sql) {
  sql->push_back('(');
  if (key.minor != 0) sql->append(fmt::format("{},", key.minor));
  const std::uint64_t created = kImFirstSecond + random.Below(kImSeconds);
  sql->append(fmt::format("{},{},{},{},", 1 + random.Below(5'000'000), ImUser(random, table.index), random.Below(13),
                          random.Below(4)));
  AppendQuoted(BodyText(random, Repertoire::kUtf8mb4), sql);
  sql->append(fmt::format(",{},{})", created, random.OneIn(3) ? created + random.Below(100'000) : 0));
}

void AppendPush(const LegacyTable& table, const Key& key, Random& random, std::string* sql) {
  sql->push_back('(');
  if (key.minor != 0) sql->append(fmt::format("{},", key.minor));
  AppendQuoted(OpenId(random), sql);
  sql->append(fmt::format(",'{}','tpl_{}',", AppCode(random), random.Below(300)));
  AppendParams(random, sql);
  sql->append(fmt::format(",'{}',", PushTime(random, table.index)));
  if (random.OneIn(2)) {
    sql->append("NULL");
  } else {
    sql->append(fmt::format("'{}'", PushTime(random, table.index)));
  }
  sql->append(fmt::format(",{})", random.OneIn(10) ? 1 : 0));
}

void AppendNotice(const Key& key, Random& random, std::string* sql) {
  sql->append(fmt::format("({},{},", key.major, key.minor));
  AppendQuoted(UserName(random), sql);
  sql->push_back(',');
  AppendQuoted(ShortText(random, Repertoire::kGbk, 60), sql);
  sql->push_back(',');
  AppendQuoted(BodyText(random, Repertoire::kGbk), sql);
  sql->append(fmt::format(",'{}','{}')", kStates[random.Below(kStates.size())], NoticeTime(random)));
}

}  // namespace

std::string_view FamilyName(Family family) {
  switch (family) {
    case Family::kIm: return "im";
    case Family::kPush: return "push";
    case Family::kNotice: return "notice";
  }
  return "";
}

std::uint32_t OriginOf(Family family) { return static_cast<std::uint32_t>(family) + 1; }

std::vector<LegacyTable> AllTables() {
  std::vector<LegacyTable> tables;
  tables.reserve(64 + kMonths.size() + 1);
  for (std::uint32_t n = 0; n < 64; ++n) {
    tables.push_back({Family::kIm, n / 32, n, fmt::format("im_{}", n / 16), fmt::format("msg_{:02}", n % 16)});
  }
  for (std::uint32_t m = 0; m < kMonths.size(); ++m) {
    tables.push_back({Family::kPush, 1, m, "push", fmt::format("push_{}", kMonths[m])});
  }
  tables.push_back({Family::kNotice, 0, 0, "oldsys", "sys_notice"});
  return tables;
}

std::vector<std::string> SourceDdl(std::uint32_t source) {
  std::vector<std::string> out;
  std::string last_schema;
  for (const LegacyTable& table : AllTables()) {
    if (table.source != source) continue;
    if (table.schema != last_schema) {
      out.push_back(fmt::format("CREATE DATABASE {} DEFAULT CHARACTER SET utf8mb4", table.schema));
      last_schema = table.schema;
    }
    std::string_view columns;
    switch (table.family) {
      case Family::kIm:
        columns =
            "(id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT, from_uid BIGINT UNSIGNED NOT NULL, "
            "to_uid BIGINT UNSIGNED NOT NULL, kind TINYINT NOT NULL, flags TINYINT UNSIGNED NOT NULL DEFAULT 0, "
            "content TEXT NOT NULL, ctime INT UNSIGNED NOT NULL, mtime INT UNSIGNED NOT NULL DEFAULT 0, "
            "PRIMARY KEY (id), KEY to_uid_id (to_uid, id)) DEFAULT CHARSET=utf8mb4";
        break;
      case Family::kPush:
        columns =
            "(push_id BIGINT NOT NULL AUTO_INCREMENT, "
            "open_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, app_code VARCHAR(16) NOT NULL, "
            "template_code VARCHAR(32) NOT NULL, params JSON NULL, created_at DATETIME(3) NOT NULL, "
            "read_at DATETIME(3) NULL, deleted TINYINT(1) NOT NULL DEFAULT 0, PRIMARY KEY (push_id), "
            "KEY open_id (open_id)) DEFAULT CHARSET=utf8mb4";
        break;
      case Family::kNotice:
        columns =
            "(region SMALLINT UNSIGNED NOT NULL, seq INT UNSIGNED NOT NULL, username VARCHAR(40) NOT NULL, "
            "title VARCHAR(120) NOT NULL, body TEXT NOT NULL, "
            "state ENUM('new','read','archived','recalled') NOT NULL DEFAULT 'new', post_time DATETIME NOT NULL, "
            "PRIMARY KEY (region, seq)) DEFAULT CHARSET=gbk";
        break;
    }
    out.push_back(fmt::format("CREATE TABLE {} {}", table.Text(), columns));
  }
  return out;
}

std::uint64_t SeedKey(std::uint64_t n) { return n + n / (kKeyGap - 1) + 1; }

std::string WhereKey(Family family, const Key& key) {
  if (family == Family::kNotice) return fmt::format("region = {} AND seq = {}", key.major, key.minor);
  return fmt::format("{} = {}", KeyColumn(family), key.minor);
}

std::string SetKey(Family family, const Key& key) {
  if (family == Family::kNotice) return fmt::format("region = {}, seq = {}", key.major, key.minor);
  return fmt::format("{} = {}", KeyColumn(family), key.minor);
}

std::string WhereKeyRange(Family family, const Key& after, std::uint64_t rows) {
  const std::uint64_t last = after.minor + rows;
  if (family == Family::kNotice) {
    return fmt::format("region = {} AND seq > {} AND seq <= {}", after.major, after.minor, last);
  }
  return fmt::format("{0} > {1} AND {0} <= {2}", KeyColumn(family), after.minor, last);
}

std::string InsertHead(const LegacyTable& table, bool with_key) {
  std::string_view columns;
  switch (table.family) {
    case Family::kIm: columns = "from_uid, to_uid, kind, flags, content, ctime, mtime"; break;
    case Family::kPush: columns = "open_id, app_code, template_code, params, created_at, read_at, deleted"; break;
    case Family::kNotice: columns = "region, seq, username, title, body, state, post_time"; break;
  }
  if (table.family == Family::kNotice || !with_key)
    return fmt::format("INSERT INTO {} ({}) VALUES ", table.Text(), columns);
  return fmt::format("INSERT INTO {} ({}, {}) VALUES ", table.Text(), KeyColumn(table.family), columns);
}

void AppendRow(const LegacyTable& table, const Key& key, Random& random, std::string* sql) {
  switch (table.family) {
    case Family::kIm: AppendIm(table, key, random, sql); break;
    case Family::kPush: AppendPush(table, key, random, sql); break;
    case Family::kNotice: AppendNotice(key, random, sql); break;
  }
}

std::string UpdateList(const LegacyTable& table, Random& random) {
  std::string out;
  const bool moves_in_time = random.OneIn(5);
  switch (table.family) {
    case Family::kIm:
      out = fmt::format("flags = {}, mtime = {}", random.Below(4), kImFirstSecond + random.Below(kImSeconds));
      if (!random.OneIn(3)) {
        out.append(", content = ");
        AppendQuoted(BodyText(random, Repertoire::kUtf8mb4), &out);
      }
      if (moves_in_time) out.append(fmt::format(", ctime = {}", kImFirstSecond + random.Below(kImSeconds)));
      break;
    case Family::kPush:
      out = fmt::format("read_at = '{}', deleted = {}", PushTime(random, table.index), random.Below(2));
      if (!random.OneIn(3)) {
        out.append(", params = ");
        AppendParams(random, &out);
      }
      if (moves_in_time) out.append(fmt::format(", created_at = '{}'", PushTime(random, table.index)));
      break;
    case Family::kNotice:
      out = fmt::format("state = '{}', title = ", kStates[random.Below(kStates.size())]);
      AppendQuoted(ShortText(random, Repertoire::kGbk, 60), &out);
      if (!random.OneIn(3)) {
        out.append(", body = ");
        AppendQuoted(BodyText(random, Repertoire::kGbk), &out);
      }
      if (moves_in_time) out.append(fmt::format(", post_time = '{}'", NoticeTime(random)));
      break;
  }
  return out;
}

std::string MoveList(const LegacyTable& table, Random& random) {
  std::string out;
  switch (table.family) {
    case Family::kIm: out = fmt::format("to_uid = {}", ImUser(random, table.index)); break;
    case Family::kPush:
      out = "open_id = ";
      AppendQuoted(OpenId(random), &out);
      break;
    case Family::kNotice:
      out = "username = ";
      AppendQuoted(UserName(random), &out);
      break;
  }
  return out;
}

std::string FlipWhereList(const LegacyTable& table, Random& random) {
  if (table.family != Family::kPush) return UpdateList(table, random);
  return fmt::format("app_code = IF(app_code = 'sandbox', '{}', 'sandbox')", kAppCodes[random.Below(kAppCodes.size())]);
}

std::string TouchAllList(Family family) {
  switch (family) {
    case Family::kIm: return "flags = (flags + 1) % 4, mtime = mtime + 1";
    case Family::kPush: return "deleted = 1 - deleted";
    case Family::kNotice: return "state = 1 + (state + 0) % 4";
  }
  return {};
}

}  // namespace shardlift::rehearse
