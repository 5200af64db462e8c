// Local files: how they end, and that everything before the end is given out, whatever the bytes are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "binlog/event_scan.h"
#include "binlog/file_reader.h"
#include "binlog/file_set.h"
#include "binlog/row_walk.h"
#include "tests/binlog/event_builder.h"
#include "tests/binlog/golden.h"

namespace shardlift::binlog {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kMagic =
    "\xfe"
    "bin";

struct Outcome {
  FileEnd end = FileEnd::kClean;
  base::Status error;
  std::uint64_t error_offset = 0;
  std::vector<EventType> events;
  std::uint64_t rows = 0;
  std::string server_version;
  int version = 0;
};

// Counts the rows of all tables.
class Counter : public EventVisitor {
 public:
  explicit Counter(Outcome* outcome) : outcome_(outcome) {}
  base::Status OnEvent(const ScannedEvent& event, bool*) override {
    outcome_->events.push_back(event.type());
    return base::Ok();
  }
  base::Status OnRows(const ScannedEvent&, const DescribedTable& table, const RowEventKind& kind,
                      std::string_view data) override {
    SL_ASSIGN(const std::uint64_t rows, RowWalk(table.columns).CountRows(kind.op, kind.partial, data));
    outcome_->rows += rows;
    return base::Ok();
  }

 private:
  Outcome* outcome_;
};

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string path = (std::filesystem::temp_directory_path() / "shardlift-file-XXXXXX").string();
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    directory_ = path;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(std::string_view bytes, const std::string& name = "bin.000001") const {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << bytes;
    return directory_ + "/" + name;
  }
  static Outcome ReadPath(const std::string& path) {
    Outcome outcome;
    auto reader = FileReader::Open(path);
    EXPECT_TRUE(reader.ok()) << reader.status().message();
    Counter counter(&outcome);
    EXPECT_TRUE(EventScan(counter).Scan(**reader).ok());
    outcome.end = (*reader)->end();
    outcome.error = (*reader)->error();
    outcome.error_offset = (*reader)->error_offset();
    outcome.server_version = (*reader)->format().server_version;
    outcome.version = (*reader)->format().binlog_version;
    return outcome;
  }
  Outcome Read(std::string_view bytes) const { return ReadPath(Write(bytes)); }
  Outcome ReadEvents(const std::vector<std::string>& events) const {
    std::string bytes(kMagic);
    for (const std::string& event : events) bytes += event;
    return Read(bytes);
  }

  // A transaction of two rows.
  static std::vector<std::string> Transaction(EventBuilder& build) {
    return {build.Gtid(1), build.Query("BEGIN"), build.TableMap(),
            build.Write(EventBuilder::Row(1, "a") + EventBuilder::Row(2, "b")), build.Xid()};
  }

  std::string directory_;
};

std::string WithFlags(std::string event, std::uint16_t flags) {
  event.replace(17, 2, Little(flags, 2));
  return event;
}

TEST_F(FileTest, ClosedFileIsClean) {
  EventBuilder build;
  std::vector<std::string> events = {build.FormatDescription(1)};
  for (auto& event : Transaction(build)) events.push_back(event);
  events.push_back(build.Rotate("bin.000002", 4, false));
  const Outcome outcome = ReadEvents(events);
  EXPECT_EQ(outcome.end, FileEnd::kClean) << outcome.error.message();
  EXPECT_EQ(outcome.rows, 2u);
  EXPECT_EQ(outcome.events.size(), 7u);
  EXPECT_EQ(outcome.server_version, "9.7.0");
}

TEST_F(FileTest, VersionsOfOtherBuildersHaveChecksums) {
  for (const char* version : {"5.6.mysql_aurora.1.22.2", "8.0.mysql_aurora.3.04.0", "8.0.36-28", "5.6.1-log"}) {
    EventBuilder build;
    std::vector<std::string> events = {build.FormatDescription(1, version)};
    for (auto& event : Transaction(build)) events.push_back(event);
    events.push_back(build.Make(EventType::kStop, ""));
    const Outcome outcome = ReadEvents(events);
    EXPECT_EQ(outcome.end, FileEnd::kClean) << version << ": " << outcome.error.message();
    EXPECT_EQ(outcome.rows, 2u);
  }
}

TEST_F(FileTest, OldServersWriteNoChecksum) {
  EventBuilder build(false, false);
  std::string version = "5.1.73-log";
  version.resize(50, '\0');
  std::string lengths(27, '\0');
  for (const auto& [type, length] : std::initializer_list<std::pair<EventType, char>>{
           {EventType::kQuery, 13}, {EventType::kTableMap, 8}, {EventType::kWriteRowsV1, 8}, {EventType::kRotate, 8}}) {
    lengths[static_cast<std::size_t>(type) - 1] = length;
  }
  const std::string body = Little(4, 2) + version + Little(1, 4) + '\x13' + lengths;
  std::string format = build.Make(EventType::kIgnorable, body);  // any type of which the builder makes no checksum
  format[4] = static_cast<char>(EventType::kFormatDescription);
  const std::string rows = Little(5, 6) + Little(1, 2) + '\x02' + '\x03' + EventBuilder::Row(1, "a");
  const Outcome outcome =
      ReadEvents({format, build.Query("BEGIN"), build.TableMap(), build.Make(EventType::kWriteRowsV1, rows),
                  build.Query("COMMIT"), build.Make(EventType::kStop, "")});
  EXPECT_EQ(outcome.end, FileEnd::kClean) << outcome.error.message();
  EXPECT_EQ(outcome.rows, 1u);
}

TEST_F(FileTest, FileInUseIsWhole) {
  EventBuilder build;
  // The flag is set after the checksum was made.
  std::vector<std::string> events = {WithFlags(build.FormatDescription(1), kFlagInUse)};
  for (auto& event : Transaction(build)) events.push_back(event);
  EXPECT_EQ(ReadEvents(events).end, FileEnd::kInUse);
  events.back().resize(events.back().size() - 1);
  const Outcome outcome = ReadEvents(events);
  EXPECT_EQ(outcome.end, FileEnd::kTruncated);
  EXPECT_EQ(outcome.rows, 2u);
  EXPECT_THAT(outcome.error.message(), HasSubstr("in use"));
}

TEST_F(FileTest, FileWithoutItsEndIsTruncated) {
  EventBuilder build;
  const std::vector<std::string> events = {build.FormatDescription(1), build.Gtid(1)};
  const Outcome outcome = ReadEvents(events);
  EXPECT_EQ(outcome.end, FileEnd::kTruncated);
  EXPECT_EQ(outcome.error_offset, build.offset());
  EXPECT_THAT(outcome.error.message(), HasSubstr("bin.000001: offset"));
}

TEST_F(FileTest, RelayLogMayEndAnywhere) {
  EventBuilder build;
  std::vector<std::string> events = {build.FormatDescription(1)};
  events[0] = WithFlags(events[0].substr(0, events[0].size() - 4), kFlagRelayLog);
  events[0] += EventBuilder::Checksum(events[0]);
  // The source's own positions mean nothing here.
  EventBuilder source;
  events.push_back(source.Rotate("source.000009", 4, true));
  events.push_back(source.FormatDescription());
  for (auto& event : Transaction(source)) events.push_back(event);
  const Outcome outcome = ReadEvents(events);
  EXPECT_EQ(outcome.end, FileEnd::kInUse) << outcome.error.message();
  EXPECT_EQ(outcome.rows, 2u);
}

TEST_F(FileTest, WrongChecksumIsCorruptAtItsEvent) {
  EventBuilder build;
  std::vector<std::string> events = {build.FormatDescription(1)};
  for (auto& event : Transaction(build)) events.push_back(event);
  events.push_back(build.Rotate("bin.000002", 4, false));
  events[4][30] = static_cast<char>(events[4][30] ^ 1);
  const Outcome outcome = ReadEvents(events);
  EXPECT_EQ(outcome.end, FileEnd::kCorrupt);
  EXPECT_EQ(outcome.error_offset, 4 + events[0].size() + events[1].size() + events[2].size() + events[3].size());
  EXPECT_EQ(outcome.events.size(), 4u);
  EXPECT_EQ(outcome.rows, 0u);
  EXPECT_THAT(outcome.error.message(), HasSubstr("checksum"));
}

TEST_F(FileTest, EncryptedFiles) {
  const Outcome mysql = Read(
      "\xfd"
      "bin"
      "abcdefghijklmnopqrstuvwxyz");
  EXPECT_EQ(mysql.end, FileEnd::kEncrypted);
  EXPECT_EQ(mysql.error.code(), base::Code::kRefused);
  EventBuilder build(true);
  const std::string format = build.FormatDescription(1);
  const std::string start = build.Make(EventType::kMariaStartEncryption, std::string(17, '\x01'));
  const Outcome maria = ReadEvents({format, start, "ciphertext"});
  EXPECT_EQ(maria.end, FileEnd::kEncrypted);
  EXPECT_EQ(maria.error_offset, 4 + format.size() + start.size());
  EXPECT_EQ(maria.events.back(), EventType::kMariaStartEncryption);
}

TEST_F(FileTest, UnknownEvents) {
  EventBuilder build;
  std::vector<std::string> events = {build.FormatDescription(1),
                                     build.Make(static_cast<EventType>(99), "later", kFlagIgnorable)};
  const std::uint64_t at = build.offset();
  events.push_back(build.Make(static_cast<EventType>(98), "later"));
  events.push_back(build.Rotate("bin.000002", 4, false));
  const Outcome outcome = ReadEvents(events);
  EXPECT_EQ(outcome.end, FileEnd::kUnsupported);
  EXPECT_EQ(outcome.error_offset, at);
  EXPECT_EQ(outcome.events.size(), 2u);
  EXPECT_THAT(outcome.error.message(), HasSubstr("98"));
}

TEST_F(FileTest, PreGaRowsAreUnsupported) {
  EventBuilder build;
  const std::string format = build.FormatDescription(1);
  const std::string map = build.TableMap();
  const std::uint64_t at = build.offset();
  const std::string rows = build.Make(EventType::kPreGaUpdateRows, Little(5, 6) + Little(1, 2) + "\x02\x03");
  const Outcome outcome = ReadEvents({format, map, rows, build.Rotate("bin.000002", 4, false)});
  EXPECT_EQ(outcome.end, FileEnd::kUnsupported);
  EXPECT_EQ(outcome.error_offset, at);
  EXPECT_THAT(outcome.error.message(), HasSubstr("PRE_GA_UPDATE_ROWS_EVENT"));
}

// Header and body of an event of MySQL 3.23 (13 bytes of header) or 4.0 (19).
std::string OldEvent(int version, EventType type, const std::string& body) {
  const std::size_t size = (version == 1 ? kEventHeaderBytesV1 : kEventHeaderBytes) + body.size();
  std::string event = Little(900000000, 4) + static_cast<char>(type) + Little(7, 4) + Little(size, 4);
  if (version != 1) event += Little(4711, 4) + Little(0, 2);
  return event + body;
}

TEST_F(FileTest, FilesOfMySql3And4) {
  for (const int version : {1, 3}) {
    std::string server = version == 1 ? "3.23.58-log" : "4.1.22-log";
    server.resize(50, '\0');
    const std::string query = Little(1, 4) + Little(0, 4) + '\x02' + Little(0, 2) + "db" + '\0' + "DELETE FROM t";
    const std::string load = Little(1, 4) + Little(0, 4) + Little(0, 4) + '\x01' + '\x02' + Little(0, 4) + "x";
    const Outcome outcome = ReadEvents(
        {OldEvent(version, EventType::kStartV3,
                  Little(static_cast<unsigned>(version), 2) + server + Little(900000000, 4)),
         OldEvent(version, EventType::kIntvar, '\x02' + Little(9, 8)), OldEvent(version, EventType::kQuery, query),
         OldEvent(version, EventType::kLoad, load), OldEvent(version, EventType::kCreateFile, load),
         OldEvent(version, EventType::kExecLoad, "1234"), OldEvent(version, EventType::kStop, "")});
    EXPECT_EQ(outcome.end, FileEnd::kClean) << outcome.error.message();
    EXPECT_EQ(outcome.version, version);
    EXPECT_EQ(outcome.server_version, version == 1 ? "3.23.58-log" : "4.1.22-log");
    EXPECT_EQ(outcome.events.size(), 7u);
  }
}

TEST_F(FileTest, HeaderEndsThatWrapOrAreZero) {
  EventBuilder build;
  std::vector<std::string> events = {build.FormatDescription(1)};
  EventBuilder elsewhere;
  (void)elsewhere.Rotate("x", (std::uint64_t{1} << 32) - 60, true);
  for (auto& event : Transaction(elsewhere)) events.push_back(event);
  events.push_back(build.Make(EventType::kHeartbeat, "bin.000001", kFlagArtificial));
  events.push_back(build.Make(EventType::kStop, ""));
  const Outcome outcome = ReadEvents(events);
  EXPECT_EQ(outcome.end, FileEnd::kClean) << outcome.error.message();
  EXPECT_EQ(outcome.rows, 2u);
}

TEST_F(FileTest, NoBinlogAtAll) {
  EXPECT_EQ(Read("").end, FileEnd::kTruncated);
  EXPECT_EQ(Read("\xfe").end, FileEnd::kTruncated);
  EXPECT_EQ(Read(kMagic).end, FileEnd::kTruncated);
  EXPECT_EQ(Read("PK\x03\x04 something else").end, FileEnd::kCorrupt);
  EXPECT_EQ(Read(std::string(kMagic) + std::string(1000, '\0')).end, FileEnd::kCorrupt);
  EXPECT_EQ(FileReader::Open(directory_).status().code(), base::Code::kEnvironment);
  EXPECT_EQ(FileReader::Open(directory_ + "/none").status().code(), base::Code::kEnvironment);
}

TEST_F(FileTest, DirectoriesAndIndexFiles) {
  for (const char* name : {"bin.999999", "bin.1000000", "bin.000002", "other.txt"}) Write("", name);
  const auto names = [&](const std::vector<std::string>& arguments) {
    const auto files = FindBinlogFiles(arguments);
    EXPECT_TRUE(files.ok()) << files.status().message();
    std::vector<std::string> found;
    for (const std::string& file : *files) found.push_back(std::filesystem::path(file).filename());
    return found;
  };
  EXPECT_THAT(names({directory_}), ElementsAre("bin.000002", "bin.999999", "bin.1000000"));
  Write("./bin.000002\n/var/lib/mysql/bin.1000000\n", "bin.index");
  EXPECT_THAT(names({directory_}), ElementsAre("bin.000002", "bin.1000000"));
  EXPECT_THAT(names({directory_ + "/bin.index", "x"}), ElementsAre("bin.000002", "bin.1000000", "x"));
  std::filesystem::remove(directory_ + "/bin.index");
  Write("", "relay.000001");
  EXPECT_EQ(FindBinlogFiles({directory_}).status().code(), base::Code::kUsage);
}

class GoldenFile : public FileTest, public ::testing::WithParamInterface<std::string> {
 protected:
  std::string Bytes() const { return ReadFile(std::string(kGoldenDirectory) + GetParam() + ".binlog"); }
};

TEST_P(GoldenFile, CutAtEachLength_EverythingBeforeIsGivenOut) {
  const std::string bytes = Bytes();
  const Outcome whole = Read(bytes);
  ASSERT_EQ(whole.end, FileEnd::kClean) << whole.error.message();
  const std::string path = Write(bytes);
  std::size_t events = whole.events.size();
  for (std::size_t length = bytes.size() - 1; length < bytes.size(); --length) {
    std::filesystem::resize_file(path, length);
    const Outcome cut = ReadPath(path);
    ASSERT_EQ(cut.end, FileEnd::kTruncated) << length << ": " << cut.error.message();
    ASSERT_LE(cut.error_offset, length);
    ASSERT_LE(cut.events.size(), events) << length;
    events = cut.events.size();
  }
  EXPECT_EQ(events, 0u);
}

TEST_P(GoldenFile, EachByteFlipped_NeverUnnoticed) {
  const std::string good = Bytes();
  const Outcome whole = Read(good);
  const std::string path = Write(good);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  const auto put = [&](std::size_t at, char c) { file.seekp(static_cast<std::streamoff>(at)).put(c).flush(); };
  for (std::size_t at = 0; at < good.size(); ++at) {
    const char flip = static_cast<char>(1 << (at % 8));
    put(at, static_cast<char>(good[at] ^ flip));
    const Outcome outcome = ReadPath(path);
    put(at, good[at]);
    // The one bit that no checksum covers: the in-use flag of the format description.
    const bool in_use_flag = at == kFirstEventOffset + 17 && flip == kFlagInUse;
    ASSERT_TRUE(in_use_flag || outcome.end == FileEnd::kCorrupt || outcome.end == FileEnd::kTruncated ||
                outcome.end == FileEnd::kEncrypted || outcome.end == FileEnd::kUnsupported)
        << at << ": " << FileEndName(outcome.end);
    ASSERT_LE(outcome.rows, whole.rows);
    ASSERT_TRUE(in_use_flag || (outcome.error_offset <= at && !outcome.error.ok())) << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenFile, ::testing::Values("mariadb", "mysql"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace shardlift::binlog
