// The derived tables on the real servers, against the same computed here from the messages.
#include "store/derived.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "store/message_table.h"
#include "tests/live/live.h"

namespace shardlift::store {
namespace {

using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

struct Message {
  int bucket;
  std::string account;
  std::string conversation;
  int second;  // of a minute: equal times are frequent
  std::uint64_t id;
  int status;
  std::string client_id;  // empty: NULL
  auto Place() const { return std::pair(second, id); }
};

class Derived : public live::LiveTest {
 protected:
  void SetUp() override {
    LiveTest::SetUp();
    ASSERT_TRUE(ApplySchema(*session_, "store_derived").ok());
    Sql("USE store_derived");
    for (const char* table : {"message", "conversation", "read_cursor", "message_dedup"}) {
      Sql(std::string("DELETE FROM ") + table);
    }
    std::mt19937 random(417);
    std::string values;
    for (std::uint64_t n = 0; n < 2000; ++n) {
      const int account = static_cast<int>(random() % 12);
      Message m{account % 5 == 4 ? 65535 : account * 300,
                fmt::format("a{}", account),
                fmt::format("c{}", random() % 6),
                static_cast<int>(random() % 60),
                (1ull << 63) * (n % 2) + n,
                static_cast<int>(random() % 9 > 0),
                n % 3 == 0 ? fmt::format("k{}", random() % 100) : ""};
      values +=
          fmt::format("{}({}, 1, '{}', '{}', '2024-01-01 00:00:{:02}.000001', {}, 1, 0, '', {}, {}, 1, 1, x'{:016X}')",
                      n == 0 ? "" : ",", m.bucket, m.account, m.conversation, m.second, m.id, m.status,
                      m.client_id.empty() ? "NULL" : "'" + m.client_id + "'", n);
      messages_.push_back(std::move(m));
    }
    Sql("INSERT INTO message (bucket, account_type, account_key, conversation, sent_at, msg_id, biz_tag, msg_type, "
        "body, "
        "status, client_id, owner_origin, owner_table, owner_key) VALUES " +
        values);
  }
  static std::string Time(int second) { return fmt::format("2024-01-01 00:00:{:02}.000001", second); }
  std::vector<std::string> Stored(const std::string& columns, const std::string& table) {
    std::vector<std::string> rows;
    for (const auto& row : Query("SELECT CONCAT_WS(' ', " + columns + ") FROM " + table).rows) rows.push_back(*row[0]);
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  template <typename Map, typename Print>
  static std::vector<std::string> Printed(const Map& map, Print print) {
    std::vector<std::string> rows;
    for (const auto& [key, value] : map) rows.push_back(print(key, value));
    std::sort(rows.begin(), rows.end());
    return rows;
  }
  std::vector<Message> messages_;
};

using Key = std::tuple<int, std::string, std::string>;

TEST_P(Derived, Rebuilt_EqualsWhatTheMessagesSay) {
  for (int round = 0; round < 2; ++round) {  // the second one replaces the first
    for (const std::string_view table : DerivedTables()) ASSERT_TRUE(RebuildDerived(*session_, table).ok()) << table;
  }
  std::map<Key, std::vector<Message>> conversations;
  std::map<Key, std::pair<int, std::uint64_t>> client_ids;
  for (const Message& m : messages_) {
    conversations[{m.bucket, m.account, m.conversation}].push_back(m);
    if (m.client_id.empty()) continue;
    const auto first = client_ids.emplace(Key{m.bucket, m.account, m.client_id}, m.Place()).first;
    first->second = std::min(first->second, m.Place());
  }
  std::map<Key, std::pair<int, std::uint64_t>> cursors;
  for (auto& [key, list] : conversations) {
    std::sort(list.begin(), list.end(), [](const Message& a, const Message& b) { return a.Place() < b.Place(); });
    for (const Message& m : list) {
      if (m.status == 0) break;
      cursors[key] = m.Place();
    }
  }
  ASSERT_LT(cursors.size(), conversations.size()) << "some conversations should begin with an unread message";
  EXPECT_THAT(
      Stored("bucket, account_key, conversation, first_sent_at, last_sent_at, last_msg_id, messages", "conversation"),
      ElementsAreArray(Printed(conversations, [](const Key& key, const std::vector<Message>& list) {
        return fmt::format("{} {} {} {} {} {} {}", std::get<0>(key), std::get<1>(key), std::get<2>(key),
                           Time(list.front().second), Time(list.back().second), list.back().id, list.size());
      })));
  const auto place = [](const Key& key, const std::pair<int, std::uint64_t>& at) {
    return fmt::format("{} {} {} {} {}", std::get<0>(key), std::get<1>(key), std::get<2>(key), Time(at.first),
                       at.second);
  };
  EXPECT_THAT(Stored("bucket, account_key, conversation, read_sent_at, read_msg_id", "read_cursor"),
              ElementsAreArray(Printed(cursors, place)));
  EXPECT_THAT(Stored("bucket, account_key, client_id, sent_at, msg_id", "message_dedup"),
              ElementsAreArray(Printed(client_ids, place)));
}

TEST_P(Derived, Check_FindsWhatWasChanged) {
  const auto check = [this](std::string_view table) {
    const auto result = CheckDerived(*session_, table);
    EXPECT_TRUE(result.ok()) << result.status().message();
    return result.ok() ? std::pair(result->missing, result->extra) : std::pair<std::uint64_t, std::uint64_t>(99, 99);
  };
  using Counts = std::pair<std::uint64_t, std::uint64_t>;
  EXPECT_GT(check("conversation").first, 0u) << "nothing was built yet";
  for (const std::string_view table : DerivedTables()) {
    ASSERT_TRUE(RebuildDerived(*session_, table).ok());
    EXPECT_EQ(check(table), Counts(0, 0)) << table;
  }
  Sql("DELETE FROM conversation ORDER BY bucket DESC LIMIT 1");
  EXPECT_EQ(check("conversation"), Counts(1, 0));
  Sql("UPDATE conversation SET messages = messages + 1 ORDER BY bucket LIMIT 2");
  EXPECT_EQ(check("conversation"), Counts(3, 2));
  Sql("INSERT INTO read_cursor VALUES (7, 1, 'nobody', 'c', '2024-01-01', 1)");
  EXPECT_EQ(check("read_cursor"), Counts(0, 1));
  Sql("UPDATE message_dedup SET msg_id = msg_id + 1 ORDER BY bucket LIMIT 1");
  EXPECT_EQ(check("message_dedup"), Counts(1, 1));
  Sql("UPDATE message SET status = 0");
  EXPECT_EQ(check("read_cursor").first, 0u) << "no cursor follows when all is unread";
  ASSERT_TRUE(RebuildDerived(*session_, "read_cursor").ok());
  EXPECT_THAT(Stored("bucket", "read_cursor"), IsEmpty());
}

TEST_P(Derived, MessagesOfApplicationsAreSeen) {
  EXPECT_FALSE(HasNewMessages(*session_).value());
  Sql("UPDATE message SET owner_origin = 0 ORDER BY bucket LIMIT 1");
  EXPECT_TRUE(HasNewMessages(*session_).value());
}

SL_BOTH_FLAVOURS(Derived);

}  // namespace
}  // namespace shardlift::store
