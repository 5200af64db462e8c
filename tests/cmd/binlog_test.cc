// `shardlift binlog` over the golden files of both servers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/binlog/event_builder.h"
#include "tests/cmd/program.h"

namespace shardlift::cmd::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

const std::string kMaria = "tests/binlog/golden/mariadb.binlog";
const std::string kMySql = "tests/binlog/golden/mysql.binlog";

class BinlogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "shardlift-binlog-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // The first `length` bytes of a file, with the byte at `flip` changed.
  std::string Damaged(const std::string& file, std::size_t length, std::size_t flip = 0) const {
    std::ifstream in(file, std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    std::string bytes = all.str().substr(0, length);
    if (flip > 0) bytes[flip] = static_cast<char>(bytes[flip] ^ 1);
    std::ofstream(directory_ + "/bin.000001", std::ios::binary) << bytes;
    return directory_ + "/bin.000001";
  }
  static std::vector<Json> Lines(const Output& output) {
    std::vector<Json> lines;
    std::istringstream in(output.out);
    for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
    return lines;
  }

  std::string directory_;
};

TEST_F(BinlogTest, Stat_Json_HasWhatTheFileHolds) {
  const Output output = RunProgram({"binlog", "stat", "--json", kMySql, kMaria});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  const Json document = Json::parse(output.out);
  EXPECT_EQ(document["schema"], "shardlift.binlog-stat/1");
  ASSERT_EQ(document["files"].size(), 2u);
  const Json& mysql = document["files"][0];
  EXPECT_EQ(mysql["file"], kMySql);
  EXPECT_EQ(mysql["flavour"], "mysql");
  EXPECT_THAT(mysql["server_version"], StartsWith("9."));
  EXPECT_EQ(mysql["format_version"], 4);
  EXPECT_EQ(mysql["checksum"], "crc32");
  EXPECT_EQ(mysql["size"], 7176);
  EXPECT_EQ(mysql["first_position"], 4);
  EXPECT_EQ(mysql["last_position"], 7176);
  EXPECT_EQ(mysql["rows"], Json({{"insert", 6}, {"update", 3}, {"delete", 2}}));
  EXPECT_EQ(mysql["tables"][0], Json({{"schema", "db"}, {"table", "g"}, {"insert", 6}, {"update", 3}, {"delete", 2}}));
  EXPECT_EQ(mysql["events"]["GTID_LOG_EVENT"], 12);
  EXPECT_EQ(mysql["events"]["TRANSACTION_PAYLOAD_EVENT"], 5);
  EXPECT_EQ(mysql["payload_events"]["XA_PREPARE_LOG_EVENT"], 2);
  EXPECT_THAT(mysql["gtid"], EndsWith(":5-16:golden:1"));
  EXPECT_EQ(mysql["end"], "clean");
  EXPECT_EQ(mysql["error"], nullptr);
  const Json& maria = document["files"][1];
  EXPECT_EQ(maria["flavour"], "mariadb");
  EXPECT_EQ(maria["rows"], Json({{"insert", 5}, {"update", 3}, {"delete", 2}}));
  EXPECT_EQ(maria["gtid"], "0-28460-16");
  EXPECT_EQ(maria["events"]["ANNOTATE_ROWS_EVENT"], 9);
}

TEST_F(BinlogTest, Stat_HeadersOnly_CountsNoRows) {
  const Json file = Json::parse(RunProgram({"binlog", "stat", "--json", "--headers-only", kMySql}).out)["files"][0];
  EXPECT_FALSE(file.contains("rows"));
  EXPECT_FALSE(file.contains("tables"));
  EXPECT_FALSE(file.contains("largest_transactions"));
  EXPECT_EQ(file["events"]["GTID_LOG_EVENT"], 12);
  EXPECT_THAT(file["gtid"], EndsWith(":5-16:golden:1"));
}

TEST_F(BinlogTest, Stat_HottestTablesAndLargestTransactionsComeFirst) {
  using binlog::EventBuilder;
  EventBuilder b;
  const std::string path = directory_ + "/sizes.000001";
  const std::string row = EventBuilder::Row(1, "one");
  std::string bytes = "\xfe" + std::string("bin") + b.FormatDescription();
  const auto transaction = [&](const std::string& begin, const std::string& rows) {
    const std::size_t position = bytes.size();
    bytes += begin + rows + b.Xid();
    return std::pair(position, bytes.size() - position);
  };
  const auto small = transaction(b.Gtid(7) + b.Query("BEGIN"), b.TableMap(5, "cold") + b.Write(row));
  const auto large =
      transaction(b.Gtid(8) + b.Query("BEGIN"), b.TableMap(6, "hot") + b.Write(row, 6) + b.Write(row, 6));
  bytes += b.Query("CREATE TABLE between (id INT)") + b.Rotate("sizes.000002", 4, false);
  std::ofstream(path, std::ios::binary) << bytes;
  const Json file = Json::parse(RunProgram({"binlog", "stat", "--json", path}).out)["files"][0];
  ASSERT_EQ(file["end"], "clean");
  ASSERT_EQ(file["tables"].size(), 2u);
  EXPECT_EQ(file["tables"][0]["table"], "hot");
  const Json& largest = file["largest_transactions"];
  ASSERT_EQ(largest.size(), 3u);
  EXPECT_EQ(largest[0]["pos"], large.first);
  EXPECT_EQ(largest[0]["bytes"], large.second);
  EXPECT_EQ(largest[0]["rows"], 2);
  EXPECT_THAT(largest[0]["gtid"], EndsWith(":8"));
  EXPECT_EQ(largest[1]["pos"], small.first);
  EXPECT_EQ(largest[1]["bytes"], small.second);
  EXPECT_EQ(largest[1]["rows"], 1);
  EXPECT_EQ(largest[2]["rows"], 0);
  EXPECT_EQ(largest[2]["gtid"], nullptr);
  EXPECT_THAT(RunProgram({"binlog", "stat", kMySql}).out, HasSubstr("at 198: 1674 bytes, 1 rows, "));
}

// Positions, times, table numbers, and which rows share an event, do not count.
TEST_F(BinlogTest, Stat_Hash_IsOfTheChangesAlone) {
  using binlog::EventBuilder;
  const auto hash_of = [&](const std::function<std::string(EventBuilder&)>& rows) {
    EventBuilder builder;
    const std::string path = directory_ + "/hashed.000001";
    std::string bytes =
        "\xfe"
        "bin" +
        builder.FormatDescription();
    bytes += rows(builder);
    bytes += builder.Xid() + builder.Rotate("hashed.000002", 4, false);
    std::ofstream(path, std::ios::binary) << bytes;
    const Json file = Json::parse(RunProgram({"binlog", "stat", "--json", "--hash", path}).out)["files"][0];
    EXPECT_EQ(file["end"], "clean");
    return file.value("content_hash", "none");
  };
  const std::string one = EventBuilder::Row(1, "one");
  const std::string two = EventBuilder::Row(2, "two");
  const std::string together =
      hash_of([&](EventBuilder& b) { return b.Query("BEGIN") + b.TableMap() + b.Write(one + two); });
  EXPECT_EQ(together.size(), 32u);
  EXPECT_EQ(together, hash_of([&](EventBuilder& b) {
              return b.Gtid(7) + b.Query("BEGIN") + b.TableMap(9) + b.Write(one, 9) + b.TableMap(6) + b.Write(two, 6);
            }));
  EXPECT_NE(together, hash_of([&](EventBuilder& b) { return b.TableMap() + b.Write(two + one); }));
  EXPECT_NE(together, hash_of([&](EventBuilder& b) { return b.TableMap() + b.Delete(one + two); }));
  EXPECT_NE(together, hash_of([&](EventBuilder& b) { return b.TableMap(5, "u") + b.Write(one + two); }));
  EXPECT_EQ(RunProgram({"binlog", "stat", "--hash", "--headers-only", kMaria}).exit_code, 2);
  EXPECT_THAT(RunProgram({"binlog", "stat", "--hash", kMaria}).out, HasSubstr("\n  hash "));
  EXPECT_THAT(RunProgram({"binlog", "stat", kMaria}).out, Not(HasSubstr("\n  hash ")));
}

TEST_F(BinlogTest, Stat_DamagedFile_SaysWhereAndExits1) {
  const Output cut = RunProgram({"binlog", "stat", "--json", Damaged(kMaria, 3000)});
  EXPECT_EQ(cut.exit_code, 1);
  Json file = Json::parse(cut.out)["files"][0];
  EXPECT_EQ(file["end"], "truncated");
  EXPECT_EQ(file["rows"]["insert"], 3);
  EXPECT_EQ(file["error_offset"], 2986);
  EXPECT_THAT(file["error"], AllOf(HasSubstr("bin.000001"), HasSubstr("2986")));
  EXPECT_THAT(cut.err, HasSubstr("2986"));
  const Output flipped = RunProgram({"binlog", "stat", "--json", Damaged(kMaria, 7185, 2990)});
  EXPECT_EQ(flipped.exit_code, 1);
  file = Json::parse(flipped.out)["files"][0];
  EXPECT_EQ(file["end"], "corrupt");
  EXPECT_EQ(file["rows"]["insert"], 3);
  EXPECT_EQ(file["error_offset"], 2986);
}

TEST_F(BinlogTest, NoSuchFile_IsOfTheEnvironment) {
  for (const char* command : {"stat", "dump"}) {
    const Output output = RunProgram({"binlog", command, directory_ + "/none"});
    EXPECT_EQ(output.exit_code, 3);
    EXPECT_THAT(output.err, AllOf(StartsWith("shardlift: error: "), HasSubstr("none")));
  }
  EXPECT_EQ(RunProgram({"binlog", "stat", directory_}).exit_code, 2);
  EXPECT_EQ(RunProgram({"binlog", "stat"}).exit_code, 2);
  EXPECT_EQ(RunProgram({"binlog"}).exit_code, 2);
  const Output help = RunProgram({"binlog", "dump", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, AllOf(HasSubstr("--flashback"), HasSubstr("--from-pos")));
}

TEST_F(BinlogTest, Dump_OneObjectForEachRow) {
  const Output output = RunProgram({"binlog", "dump", kMySql});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  const std::vector<Json> lines = Lines(output);
  ASSERT_EQ(lines.size(), 11u);
  const Json& first = lines[0];
  EXPECT_EQ(first["file"], kMySql);
  EXPECT_EQ(first["pos"], 636);
  EXPECT_THAT(first["gtid"], EndsWith(":5"));
  EXPECT_EQ(first["schema"], "db");
  EXPECT_EQ(first["table"], "g");
  EXPECT_EQ(first["op"], "insert");
  EXPECT_EQ(first["before"], nullptr);
  const Json& after = first["after"];
  EXPECT_EQ(after["i8"], -128);
  EXPECT_EQ(after["u8"], 255);
  EXPECT_EQ(after["i64"], "-9223372036854775808");
  EXPECT_EQ(after["u64"], "18446744073709551615");
  EXPECT_EQ(after["f"], 16777215);
  EXPECT_EQ(after["d"], 0.1);
  EXPECT_EQ(after["n"], "-12345678.9012");
  EXPECT_EQ(after["t3"], "-00:00:01.005");
  EXPECT_EQ(after["c"], "caf\xc3\xa9");
  EXPECT_EQ(after["vc"], "\xe4\xb8\xad\xe6\x96\x87");
  EXPECT_EQ(after["bi"], Json({{"b64", "YQBiAAAA"}, {"charset", "binary"}}));
  EXPECT_EQ(after["e"], "z");
  EXPECT_EQ(after["s"], "a,c");
  EXPECT_EQ(after["j"], R"({"b": [1, -2.5, true, null, "x\ny"], "long key": {"u": 18446744073709551615}})");
  EXPECT_EQ(lines.back()["after"]["id"], 11);
  EXPECT_THAT(lines.back()["gtid"], HasSubstr(":golden:1"));
  // A minimal image: what is absent is not there, and not null.
  const auto minimal =
      std::find_if(lines.begin(), lines.end(), [](const Json& line) { return line["before"] == Json({{"id", 1}}); });
  ASSERT_NE(minimal, lines.end());
  EXPECT_EQ((*minimal)["after"], Json({{"vc", "x"}}));
}

// Longer than what is kept before it is written; characters and escapes fall on any place.
TEST_F(BinlogTest, Dump_LongValues_AreWhole) {
  binlog::EventBuilder builder;
  std::string text;
  for (std::size_t i = 0; text.size() < 1000000; ++i) text += "x\"\\\n\x01\xe2\x82\xac" + std::string(i % 11, 'y');
  const std::string bytes = std::string(700001, '\xff');
  const auto row = [](const std::string& value) { return '\0' + binlog::Little(value.size(), 4) + value; };
  const auto rows = binlog::Little(5, 6) + binlog::Little(1, 2) + binlog::Little(2, 2) + '\x01' + '\xff';
  const std::string path = directory_ + "/long.000001";
  // db.t (LONGTEXT)
  std::ofstream(path, std::ios::binary) << "\xfe"
                                           "bin"
                                        << builder.FormatDescription() << builder.Query("BEGIN")
                                        << builder.Make(binlog::EventType::kTableMap,
                                                        binlog::Little(5, 6) + binlog::Little(1, 2) + '\x02' + "db" +
                                                            '\0' + '\x01' + "t" + '\0' + '\x01' + '\xfc' + '\x01' +
                                                            '\x04' + '\x01')
                                        << builder.Make(binlog::EventType::kWriteRows,
                                                        rows + row(text) + row(bytes) + row("short"))
                                        << builder.Xid() << builder.Rotate("long.000002", 4, false);
  const Output output = RunProgram({"binlog", "dump", path});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  const std::vector<Json> lines = Lines(output);
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_TRUE(lines[0]["after"]["@1"] == text);
  std::string base64;
  while (base64.size() < 933332) base64 += "////";
  EXPECT_TRUE(lines[1]["after"]["@1"]["b64"] == base64 + "//8=");
  EXPECT_EQ(lines[2]["after"]["@1"], "short");

  // Who reads has enough: the end that a closed pipe makes of other tools, and nothing said.
  const std::string message = directory_ + "/message";
  const std::string command = "bash -c \"" SHARDLIFT_PROGRAM " binlog dump " + path + " 2> " + message +
                              " | head -c 10 > /dev/null; exit \\${PIPESTATUS[0]}\"";
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 128 + SIGPIPE);
  EXPECT_EQ(std::filesystem::file_size(message), 0u);
}

TEST_F(BinlogTest, Dump_Filters) {
  const auto count = [&](std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"binlog", "dump", kMaria});
    const Output output = RunProgram(flags);
    EXPECT_EQ(output.exit_code, 0) << output.err;
    return Lines(output).size();
  };
  EXPECT_EQ(count({}), 10u);
  EXPECT_EQ(count({"--table", "d?.*"}), 10u);
  EXPECT_EQ(count({"--table", "db.other"}), 0u);
  EXPECT_EQ(count({"--gtid", "0-28460-5,0-28460-6"}), 3u);
  EXPECT_EQ(count({"--from-pos", "1304", "--to-pos", "1305"}), 1u);
  EXPECT_EQ(count({"--from-pos", "2986"}), 7u);
  EXPECT_EQ(count({"--to-time", "2001-01-01"}), 0u);
  EXPECT_EQ(count({"--from-time", "2001-01-01 00:00:00"}), 10u);
  EXPECT_EQ(RunProgram({"binlog", "dump", kMaria, "--table", "t"}).exit_code, 2);
  EXPECT_EQ(RunProgram({"binlog", "dump", kMaria, "--gtid", "x"}).exit_code, 2);
  EXPECT_EQ(RunProgram({"binlog", "dump", kMaria, "--from-time", "soon"}).exit_code, 2);
}

TEST_F(BinlogTest, Dump_DamagedFile_GivesAllBeforeIt) {
  const Output output = RunProgram({"binlog", "dump", Damaged(kMaria, 7185, 2990)});
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_EQ(Lines(output).size(), 3u);
  EXPECT_THAT(output.err, AllOf(HasSubstr("bin.000001"), HasSubstr("2986"), HasSubstr("checksum")));
}

TEST_F(BinlogTest, Dump_Incident_GoesOnAndExits1) {
  binlog::EventBuilder build;
  std::ofstream(directory_ + "/bin.000001", std::ios::binary)
      << "\xfe" << "bin" << build.FormatDescription(1)
      << build.Make(binlog::EventType::kIncident, std::string("\1\0\0", 3)) << build.Gtid(1) << build.Query("BEGIN")
      << build.TableMap() << build.Write(binlog::EventBuilder::Row(1, "a")) << build.Xid()
      << build.Make(binlog::EventType::kStop, "");
  const Output output = RunProgram({"binlog", "dump", directory_ + "/bin.000001"});
  EXPECT_EQ(output.exit_code, 1);
  ASSERT_EQ(Lines(output).size(), 1u);
  EXPECT_EQ(Lines(output)[0]["after"], Json({{"@1", 1}, {"@2", "a"}}));
  EXPECT_THAT(output.err, HasSubstr("INCIDENT_EVENT"));
  const Output sql = RunProgram({"binlog", "dump", "--sql", directory_ + "/bin.000001"});
  EXPECT_EQ(sql.exit_code, 4);
}

// Rolled-back rows are not there; the transactions of the golden files stand in the order of their commits.
TEST_F(BinlogTest, Stream_OnlyWhatWasCommitted_AndADamagedFileUpToTheDamage) {
  for (const std::string& file : {kMySql, kMaria}) {
    const Output output = RunProgram({"binlog", "stream", file, "--positions"});
    EXPECT_EQ(output.exit_code, 0) << output.err;
    std::vector<Json> lines = Lines(output);
    std::size_t rows = 0;
    for (const Json& line : lines) {
      if (!line.contains("commit")) {
        ++rows;
      } else if (line["commit"] == true) {
        EXPECT_EQ(line["rows"], rows);
        EXPECT_EQ(line["position"], line["file"].get<std::string>() + ":" + std::to_string(line["pos"].get<int>()));
        rows = 0;
      }
    }
    EXPECT_EQ(rows, 0u);
    std::erase_if(lines, [](const Json& line) { return line.contains("commit"); });
    EXPECT_EQ(lines.size(), file == kMySql ? 10u : 9u);
    EXPECT_EQ(lines[0]["file"], file.substr(file.rfind('/') + 1));
  }
  const Output damaged = RunProgram({"binlog", "stream", Damaged(kMaria, 7185, 2990)});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_EQ(Lines(damaged).size(), 3u);
  EXPECT_THAT(damaged.err, AllOf(HasSubstr("bin.000001"), HasSubstr("2986"), HasSubstr("checksum")));
}

TEST_F(BinlogTest, Stream_TheTimeEndsBeforeTheFiles_Exit5) {
  std::ofstream index(directory_ + "/many.index");
  const std::string path = std::filesystem::absolute(kMaria).string();
  for (int i = 0; i < 200000; ++i) index << path << "\n";
  index.close();
  const Output output = RunProgram({"binlog", "stream", directory_ + "/many.index", "--max-duration", "1s"});
  EXPECT_EQ(output.exit_code, 5) << output.err;
  EXPECT_TRUE(output.out.empty() || output.out.ends_with('\n')) << "half a line";
}

TEST_F(BinlogTest, Sql_OnlyWhatWasCommitted) {
  const Output output = RunProgram({"binlog", "dump", "--sql", kMaria});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  EXPECT_THAT(output.out, AllOf(HasSubstr("DELETE FROM `db`.`g` WHERE `id` = 3;\n"), HasSubstr("BEGIN;\nINSERT INTO"),
                                HasSubstr("SET `vc` = _gbk X'78' WHERE `id` = 1;\n"),
                                HasSubstr("ALTER TABLE g COMMENT"), Not(HasSubstr("ROLLBACK"))));
  EXPECT_THAT(output.out, Not(HasSubstr("SET `i8` = 1")));  // rolled back to a savepoint
}

TEST_F(BinlogTest, Flashback_UndoesInReverse_OrWritesNothing) {
  // Up to the minimal image.
  const Output output = RunProgram({"binlog", "dump", "--flashback", kMaria, "--to-pos", "4059"});
  EXPECT_EQ(output.exit_code, 0) << output.err;
  const std::size_t insert = output.out.find("INSERT INTO `db`.`g`");
  const std::size_t update = output.out.find("UPDATE `db`.`g` SET `y` = NULL");
  const std::size_t last =
      output.out.find("DELETE FROM `db`.`g` WHERE `id` = 3;\nDELETE FROM `db`.`g` WHERE `id` = 2;");
  EXPECT_LT(insert, update) << output.out;
  EXPECT_LT(update, last);
  EXPECT_NE(last, std::string::npos);
  const Output refused = RunProgram({"binlog", "dump", "--flashback", kMaria});
  EXPECT_EQ(refused.exit_code, 4);
  EXPECT_THAT(refused.out, Not(HasSubstr("BEGIN")));
  EXPECT_THAT(refused.err, HasSubstr("lacks columns"));
}

}  // namespace
}  // namespace shardlift::cmd::testing
