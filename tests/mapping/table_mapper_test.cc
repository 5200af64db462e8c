// Mappings compiled against tables: what Compile refuses, what Map gives for the three legacy families.
#include "mapping/table_mapper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "store/message_table.h"
#include "store/router.h"
#include "tests/mapping/family_tables.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::ColumnType;
using mysql::Value;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using testing::ImTable;
using testing::NoticeTable;
using testing::PushTable;

TableContext Context(mysql::TableSchema schema) {
  return {std::move(schema), mysql::Flavour::kMySql, 9, testing::DefaultRules()};
}

std::unique_ptr<TableMapper> Compile(const MappingConfig& config, const mysql::TableSchema& schema) {
  auto mapper = TableMapper::Compile(config, Context(schema));
  EXPECT_TRUE(mapper.ok()) << mapper.status().message();
  return mapper.ok() ? std::move(mapper).value() : nullptr;
}

TEST(TableMapper, Im) {
  auto mapper = Compile(testing::LoadMappingFile("im"), ImTable());
  ASSERT_NE(mapper, nullptr);
  std::vector<Value> row = {Value::UInt(77),         Value::UInt(500), Value::UInt(39),
                            Value::Int(3),           Value::UInt(1),   Value::Bytes("\xE4\xBD\xA0\xE5\xA5\xBD"),
                            Value::UInt(1696118400), Value::UInt(5)};
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  base::Status status = mapper->Map(row, *scratch, &out);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_TRUE(out.kept);
  std::uint32_t bucket = store::RoutingHash(1, "39") & 4095;
  EXPECT_EQ(out.bucket, bucket);
  std::string key("\0\0\0\0\0\0\0M", 8);
  EXPECT_EQ(out.owner_key, key);
  std::uint64_t msg_id = (1ull << 56) | (9ull << 40) | 77;
  EXPECT_THAT(testing::Unpack(out),
              ElementsAre(std::to_string(bucket), "1", "39", "im:39:500", "2023-10-01 00:00:00.000000",
                          std::to_string(msg_id), "1", "500", "3", "0", "\xE4\xBD\xA0\xE5\xA5\xBD", R"({"mtime": 5})",
                          "1", "NULL", "NULL", "NULL", "1", "1", "9", key));
  EXPECT_THAT(mapper->lossy_notes(), Contains("columns.msg_id: COMPOSE_ID: ids below 0 or from 2^40 on are bad values "
                                              "(checked at run time)"));
  EXPECT_EQ(mapper->sql().order_by, "`id`");
  EXPECT_EQ(mapper->sql().where, "1");
}

std::unique_ptr<TableMapper> CompileUnder(const store::RoutingRules& rules, const MappingConfig& config,
                                          const mysql::TableSchema& schema) {
  TableContext context = Context(schema);
  context.rules = testing::MakeRules(rules);
  auto mapper = TableMapper::Compile(config, context);
  EXPECT_TRUE(mapper.ok()) << mapper.status().message();
  return mapper.ok() ? std::move(mapper).value() : nullptr;
}

TEST(TableMapper, BucketsFollowTheRules) {
  std::vector<Value> row = {Value::UInt(77), Value::UInt(500),  Value::UInt(39),         Value::Int(3),
                            Value::UInt(1),  Value::Bytes("x"), Value::UInt(1696118400), Value::UInt(5)};
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  store::RoutingRules rules;
  rules.strategy = store::Strategy::kModulo;
  rules.buckets = 16;
  auto mapper = CompileUnder(rules, testing::LoadMappingFile("im"), ImTable());
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_EQ(out.bucket, 39u % 16);
  EXPECT_EQ(testing::Unpack(out)[0], "7");
  EXPECT_THAT(mapper->lossy_notes(), ::testing::Not(Contains(HasSubstr("bucket: "))));
  rules.pinned_tags = {{1, 40, 1}};  // the family's biz tag
  mapper = CompileUnder(rules, testing::LoadMappingFile("im"), ImTable());
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_EQ(out.bucket, 40u);
  rules.pinned_tags.clear();
  rules.strategy = store::Strategy::kRange;
  rules.ranges = {{40, 3}};
  mapper = CompileUnder(rules, testing::LoadMappingFile("im"), ImTable());
  const base::Status status = mapper->Map(row, *scratch, &out);
  EXPECT_EQ(status.code(), base::Code::kBadValue);
  EXPECT_THAT(status.message(), HasSubstr("im: im_2.msg_07: bucket: the routing rules have no bucket"));
  EXPECT_FALSE(out.kept);
  EXPECT_THAT(mapper->lossy_notes(), Contains(HasSubstr("bucket: account keys that are no number or lie below")));
}

TEST(TableMapper, RulesThatNoSqlComputes) {
  store::RoutingRules rules;
  rules.strategy = store::Strategy::kXxh3;
  MappingConfig config = testing::LoadMappingFile("im");
  const auto mapper = CompileUnder(rules, config, ImTable());
  EXPECT_EQ(mapper->sql().columns[0], "NULL");
  config.where = "BUCKET(1, to_uid) < 8";
  TableContext context = Context(ImTable());
  context.rules = testing::MakeRules(rules);
  EXPECT_THAT(TableMapper::Compile(config, context).status().message(), HasSubstr("no SQL computes"));
  rules.strategy = store::Strategy::kModulo;
  rules.pinned_tags = {{1, 4096, 1}};
  context.rules = testing::MakeRules(rules);
  EXPECT_THAT(TableMapper::Compile(config, context).status().message(), HasSubstr("the biz tag as third argument"));
}

TEST(TableMapper, BadValuesNameTargetAndReasonOnly) {
  auto mapper = Compile(testing::LoadMappingFile("im"), ImTable());
  ASSERT_NE(mapper, nullptr);
  std::vector<Value> row = {Value::UInt(77), Value::UInt(500),  Value::UInt(39),         Value::Int(-3),
                            Value::UInt(1),  Value::Bytes("x"), Value::UInt(1696118400), Value::UInt(5)};
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  base::Status status = mapper->Map(row, *scratch, &out);
  EXPECT_EQ(status.code(), base::Code::kBadValue);
  EXPECT_EQ(status.message(), "im: im_2.msg_07: msg_type: a number out of the column's range");
  EXPECT_FALSE(out.kept);
  row[3] = Value::Int(3);
  row[0] = Value::UInt(1ull << 40);
  EXPECT_EQ(mapper->Map(row, *scratch, &out).message(), "im: im_2.msg_07: msg_id: an id that does not fit in 40 bits");
  row[0] = Value::UInt(77);
  row[5] = Value::Absent();
  status = mapper->Map(row, *scratch, &out);
  EXPECT_EQ(status.code(), base::Code::kRefused);
  EXPECT_THAT(status.message(), HasSubstr("column content is not in the row image"));
  row[0] = Value::Absent();
  EXPECT_EQ(mapper->OwnerKey(row, &out.owner_key).code(), base::Code::kRefused);
}

TEST(TableMapper, Push) {
  auto mapper = Compile(testing::LoadMappingFile("push"), PushTable());
  ASSERT_NE(mapper, nullptr);
  std::vector<Value> row = {Value::Int(-5),     Value::Bytes("ou_1"), Value::Bytes("sandbox"),
                            Value::Bytes("t1"), Value::Null(),        Value::Bytes("2023-10-05 01:02:03.456"),
                            Value::Null(),      Value::Int(0)};
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_FALSE(out.kept) << "left behind by where, although its id does not fit";
  EXPECT_EQ(out.owner_key, std::string("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFB", 8));
  row[0] = Value::Int(5);
  row[2] = Value::Bytes("Sandbox");
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_TRUE(out.kept);
  std::vector<std::string> fields = testing::Unpack(out);
  EXPECT_EQ(fields[store::MessageColumnIndex("sent_at")], "2023-10-05 01:02:03.456000");
  EXPECT_EQ(fields[store::MessageColumnIndex("ext")], "NULL");
  EXPECT_EQ(fields[store::MessageColumnIndex("status")], "0");
  row[6] = Value::Bytes("2023-10-05 01:02:03.456");
  row[4] = Value::Bytes(R"({"b":1})");
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  fields = testing::Unpack(out);
  EXPECT_EQ(fields[store::MessageColumnIndex("ext")], R"({"b":1})") << "JSON text is never re-serialised";
  EXPECT_EQ(fields[store::MessageColumnIndex("status")], "1");
}

TEST(TableMapper, Notice) {
  auto mapper = Compile(testing::LoadMappingFile("notice"), NoticeTable());
  ASSERT_NE(mapper, nullptr);
  std::vector<Value> row = {
      Value::UInt(255),  Value::UInt(4294967295u), Value::Bytes("ZhangSan\xD6\xD0"),   Value::Bytes("\xD6\xD0"),
      Value::Bytes("b"), Value::UInt(4),           Value::Bytes("2023-01-01 07:00:00")};
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  base::Status status = mapper->Map(row, *scratch, &out);
  ASSERT_TRUE(status.ok()) << status.message();
  std::vector<std::string> fields = testing::Unpack(out);
  EXPECT_EQ(fields[store::MessageColumnIndex("account_key")], "zhangsan\xE4\xB8\xAD");
  EXPECT_EQ(fields[store::MessageColumnIndex("body")], "\xE4\xB8\xAD\nb");
  EXPECT_EQ(fields[store::MessageColumnIndex("sent_at")], "2022-12-31 23:00:00.000000");
  EXPECT_EQ(fields[store::MessageColumnIndex("msg_id")], std::to_string((3ull << 56) | ((10ull << 40) - 1)));
  EXPECT_EQ(fields[store::MessageColumnIndex("status")], "4");
  EXPECT_EQ(mapper->sql().order_by, "`region`, `seq`");
  row[0] = Value::UInt(256);
  EXPECT_EQ(mapper->Map(row, *scratch, &out).message(),
            "notice: oldsys.sys_notice: msg_id: an id that does not fit in 40 bits");
  row[0] = Value::UInt(1);
  row[5] = Value::UInt(0);
  EXPECT_EQ(mapper->Map(row, *scratch, &out).message(), "notice: oldsys.sys_notice: status: NULL in a NOT NULL column");
  row[5] = Value::UInt(1);
  row[6] = Value::Bytes("0000-00-00 00:00:00");
  EXPECT_EQ(mapper->Map(row, *scratch, &out).message(),
            "notice: oldsys.sys_notice: sent_at: a zero or impossible date");
  row[6] = Value::Bytes("2023-01-01 07:00:00");
  row[3] = Value::Bytes("\xFF");
  EXPECT_EQ(mapper->Map(row, *scratch, &out).message(),
            "notice: oldsys.sys_notice: body: bytes that its character set does not have");
}

TEST(TableMapper, ValuesAtTheLimits) {
  MappingConfig config = testing::LoadMappingFile("im");
  for (auto& [target, text] : config.columns) {
    if (target == "conversation") text = "content";
    if (target == "ext") text = "content";
    if (target == "msg_type") text = "CAST(mtime AS SIGNED) + kind * 0";
    if (target == "sent_at") text = "FROM_UNIXTIME(ctime)";
  }
  config.ignore = {"kind"};
  auto mapper = Compile(config, ImTable());
  ASSERT_NE(mapper, nullptr);
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  auto map = [&](std::uint64_t msg_type, const std::string& text) {
    std::vector<Value> row = {Value::UInt(1), Value::UInt(1),     Value::UInt(1), Value::Int(0),
                              Value::UInt(1), Value::Bytes(text), Value::UInt(1), Value::UInt(msg_type)};
    base::Status status = mapper->Map(row, *scratch, &out);
    return status.ok() ? std::string("ok") : status.message().substr(std::string("im: im_2.msg_07: ").size());
  };
  EXPECT_EQ(map(65535, "\"" + std::string(189, 'a') + "\""), "ok");
  EXPECT_EQ(map(65536, "1"), "msg_type: a number out of the column's range");
  EXPECT_EQ(map(1, "\"" + std::string(190, 'a') + "\""), "conversation: more bytes than the column takes");
  EXPECT_EQ(map(1, "{"), "ext: text that is not JSON, or nested too deeply");
  EXPECT_THAT(mapper->lossy_notes(), Contains("columns.conversation: values of more than 191 bytes are bad values "
                                              "(checked at run time)"));
  EXPECT_THAT(mapper->lossy_notes(), Contains("columns.msg_type: values outside 0 to 65535 are bad values "
                                              "(checked at run time)"));
}

TEST(TableMapper, BadValuesGiveWayToTheirReplacements_AndAreCounted) {
  MappingConfig config = testing::LoadMappingFile("im");
  for (auto& [target, text] : config.columns) {
    if (target == "conversation") text = "LEFT(content, 60)";
  }
  config.bad_values = {{"msg_type", "65535"}, {"conversation", "CONCAT('im:', id)"}};
  auto mapper = Compile(config, ImTable());
  ASSERT_NE(mapper, nullptr);
  EXPECT_THAT(mapper->lossy_notes(), Contains("bad_values.msg_type: a bad value becomes 65535 (counted)"));
  EXPECT_THAT(mapper->lossy_notes(), Contains("columns.conversation: LEFT keeps a part (counted)"));
  const auto index = [](const char* name) { return static_cast<std::uint16_t>(store::MessageColumnIndex(name)); };
  const MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  std::vector<Value> row = {Value::UInt(77), Value::UInt(500),  Value::UInt(39),         Value::Int(-3),
                            Value::UInt(1),  Value::Bytes("x"), Value::UInt(1696118400), Value::UInt(5)};
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_THAT(out.replaced, ElementsAre(index("msg_type")));
  EXPECT_THAT(out.lossy, ElementsAre());
  EXPECT_EQ(testing::Unpack(out)[index("msg_type")], "65535");
  std::string long_text;
  for (int i = 0; i < 60; ++i) long_text += "\xF0\x9F\x98\x80";
  row[3] = Value::Int(3);
  row[5] = Value::Bytes(long_text + "!");
  ASSERT_TRUE(mapper->Map(row, *scratch, &out).ok());
  EXPECT_THAT(out.replaced, ElementsAre(index("conversation")));  // 240 bytes, 191 fit
  EXPECT_THAT(out.lossy, ElementsAre(index("conversation")));
  EXPECT_EQ(testing::Unpack(out)[index("conversation")], "im:77");
  row[0] = Value::UInt(1ull << 40);
  EXPECT_EQ(mapper->Map(row, *scratch, &out).code(), base::Code::kBadValue);
  EXPECT_EQ(out.bad_column, index("msg_id"));
  // A column that the row image lacks is no bad value.
  row[0] = Value::UInt(77);
  row[3] = Value::Absent();
  EXPECT_EQ(mapper->Map(row, *scratch, &out).code(), base::Code::kRefused);
}

struct BadMapping {
  const char* name;
  std::function<void(MappingConfig*, mysql::TableSchema*)> change;
  const char* message;
};

void SetColumn(MappingConfig* config, const char* target, const char* text) {
  for (auto& column : config->columns) {
    if (column.first == target) column.second = text;
  }
}

void ExpectRefused(std::span<const BadMapping> cases) {
  for (const BadMapping& c : cases) {
    MappingConfig config = testing::LoadMappingFile("im");
    mysql::TableSchema schema = ImTable();
    c.change(&config, &schema);
    auto mapper = TableMapper::Compile(config, Context(schema));
    ASSERT_FALSE(mapper.ok()) << c.name;
    EXPECT_EQ(mapper.status().code(), base::Code::kUsage) << c.name;
    EXPECT_THAT(mapper.status().message(), HasSubstr(c.message)) << c.name;
    EXPECT_THAT(mapper.status().message(), HasSubstr("configs/mappings/im.json: ")) << c.name;
  }
}

TEST(TableMapper, RefusesReplacementsAndCharacterSetsThatCanNotBe) {
  const BadMapping cases[] = {
      {"replacement of nothing", [](auto* c, auto*) { c->bad_values = {{"edited_at", "NULL"}}; },
       "bad_values.edited_at: \"columns\" has no such column"},
      {"replacement that may be bad", [](auto* c, auto*) { c->bad_values = {{"msg_type", "kind"}}; },
       "bad_values.msg_type: this takes a bad value's place and may be a bad value itself"},
      {"replacement of another type", [](auto* c, auto*) { c->bad_values = {{"msg_type", "'x'"}}; },
       "bad_values.msg_type: a number is needed, this is text"},
      {"replacement that is NULL", [](auto* c, auto*) { c->bad_values = {{"msg_type", "NULL"}}; },
       "bad_values.msg_type: the column is NOT NULL"},
      {"replacement too long",
       [](auto* c, auto*) { c->bad_values = {{"conversation", "'" + std::string(192, 'x') + "'"}}; },
       "bad_values.conversation: this takes a bad value's place and may be a bad value itself"},
      {"replacement never needed", [](auto* c, auto*) { c->bad_values = {{"account_key", "1"}}; },
       "bad_values.account_key: this is never a bad value"},
      {"replacement that verify cannot follow",
       [](auto* c, auto*) {
         SetColumn(c, "conversation", "LOWER(content)");
         c->bad_values = {{"conversation", "'x'"}};
       },
       "bad_values.conversation: no SQL can tell the bad values of this"},
      {"character set of no column", [](auto* c, auto*) { c->charsets = {{"nope", "gbk"}}; },
       "charsets.nope: there is no column nope in im_2.msg_07"},
      {"character set of a number", [](auto* c, auto*) { c->charsets = {{"kind", "gbk"}}; },
       "charsets.kind: the column has type tinyint, which holds no bytes"},
      {"unknown character set", [](auto* c, auto*) { c->charsets = {{"content", "ucs2"}}; },
       "charsets.content: expressions do not support ucs2"},
  };
  ExpectRefused(cases);
}

TEST(TableMapper, RefusesBadMappings) {
  const BadMapping cases[] = {
      {"origin", [](auto* c, auto*) { c->origin = 0; }, "im.json: origin: it must be from 1 to 255"},
      {"unknown target", [](auto* c, auto*) { c->columns.emplace_back("colour", "1"); },
       "columns.colour: the target table has no"},
      {"tool column", [](auto* c, auto*) { c->columns.emplace_back("owner_key", "id"); },
       "columns.owner_key: this column is filled"},
      {"twice", [](auto* c, auto*) { c->columns.emplace_back("body", "content"); },
       "columns.body: this column is there twice"},
      {"missing target", [](auto* c, auto*) { c->columns.erase(c->columns.begin()); },
       "target column account_type has no default"},
      {"not used", [](auto*, auto* t) { t->columns.push_back(testing::MakeColumn("extra", ColumnType::kInt, "int")); },
       "column extra of im_2.msg_07 is not used"},
      {"ignore typo", [](auto* c, auto*) { c->ignore = {"extra"}; }, "ignore: there is no column extra"},
      {"no key", [](auto* c, auto*) { c->key.clear(); }, "key: name the columns of a unique key"},
      {"unknown key", [](auto* c, auto*) { c->key = {"nope"}; }, "key: there is no column nope"},
      {"not unique", [](auto* c, auto*) { c->key = {"to_uid"}; },
       "key: these columns are not a unique key of NOT NULL columns of im_2.msg_07; it has (id)"},
      {"key order",
       [](auto* c, auto* t) {
         c->key = {"id", "to_uid"};
         t->unique_keys = {{"k", {2, 0}}};
       },
       "it has (to_uid, id) (the order counts)"},
      {"key type",
       [](auto*, auto* t) {
         t->columns[0].type = ColumnType::kDouble;
         t->columns[0].column_type = "double";
       },
       "key: column id has type double"},
      {"number needed", [](auto* c, auto*) { SetColumn(c, "status", "content"); },
       "columns.status: a number is needed, this is text"},
      {"time needed", [](auto* c, auto*) { SetColumn(c, "sent_at", "ctime"); },
       "columns.sent_at: a DATETIME is needed, this is a number"},
      {"json needed", [](auto* c, auto*) { SetColumn(c, "ext", "id"); },
       "columns.ext: JSON is needed, this is a number"},
      {"condition", [](auto* c, auto*) { SetColumn(c, "body", "id = 1"); }, "columns.body: a value is needed"},
      {"null", [](auto* c, auto*) { SetColumn(c, "body", "NULL"); }, "columns.body: the column is NOT NULL"},
      {"where type", [](auto* c, auto*) { c->where = "content"; }, "where: a condition is needed here, this is text"},
      {"where parse", [](auto* c, auto*) { c->where = "id >"; },
       "where: the expression ends too early\n  id >\n      ^"},
      {"origin of ids", [](auto* c, auto*) { c->origin = 128; },
       "columns.msg_id: COMPOSE_ID needs an origin from 1 to 127"},
  };
  ExpectRefused(cases);
}

TEST(TableMapper, MapsOnSeveralThreads) {
  auto mapper = Compile(testing::LoadMappingFile("im"), ImTable());
  ASSERT_NE(mapper, nullptr);
  std::vector<std::thread> threads;
  threads.reserve(4);
  std::vector<int> wrong(4, -1);
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      MapScratchPtr scratch = NewMapScratch();
      MappedRow out;
      int bad = 0;
      for (std::uint64_t i = 0; i < 5000; ++i) {
        std::vector<Value> row = {Value::UInt(i), Value::UInt(t),    Value::UInt(i), Value::Int(3),
                                  Value::UInt(1), Value::Bytes("x"), Value::UInt(i), Value::UInt(5)};
        bool ok = mapper->Map(row, *scratch, &out).ok() &&
                  out.bucket == (store::RoutingHash(1, std::to_string(i)) & 4095) &&
                  testing::Unpack(out)[2] == std::to_string(i);
        bad += ok ? 0 : 1;
      }
      wrong[t] = bad;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace shardlift::mapping
