// Writes the corpus of the fuzz target `spool`. From the top of the tree: binlog_spool_corpus_writer
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/check.h"
#include "binlog/spool_directory.h"
#include "binlog/spool_writer.h"
#include "tests/binlog/event_builder.h"
#include "tests/binlog/fuzz/spool_target.h"

namespace shardlift::binlog::fuzz {
namespace {

constexpr std::string_view kCorpus = "tests/binlog/fuzz/corpus/spool/";

void Write(const std::string& name, std::string_view bytes) {
  std::filesystem::create_directories(kCorpus);
  std::ofstream(std::string(kCorpus) + name, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

std::vector<std::string> Group(EventBuilder& build, bool maria, std::uint64_t number) {
  std::vector<std::string> events = {maria ? build.MariaGtid(number, 0) : build.Gtid(number)};
  events.push_back(build.Query(maria ? "INSERT INTO t VALUES (1)" : "BEGIN"));
  events.push_back(build.TableMap());
  events.push_back(build.Write(EventBuilder::Row(static_cast<std::int32_t>(number), "abc")));
  events.push_back(number % 2 == 0 ? build.Xid() : build.Query("COMMIT"));
  return events;
}

// A segment as the spool itself writes it.
void WriteFile(bool maria) {
  std::string directory = "/tmp/spool-corpus-XXXXXX";
  SL_CHECK(mkdtemp(directory.data()) != nullptr);
  SpoolOptions options;
  options.directory = directory;
  options.identity = kSpoolIdentity;
  options.block_bytes = 150;
  if (maria) options.start = mysql::SourcePosition::FromFile({"bin.000001", 4});
  EventBuilder build(maria);
  {
    auto spool = SpoolWriter::Open(options);
    SL_CHECK(spool.ok() && (*spool)->StartConnection({"bin.000001", 4}, true, false).ok());
    SL_CHECK((*spool)->Append(build.FormatDescription()).ok());
    for (std::uint64_t number = 1; number <= 3; ++number) {
      for (const std::string& event : Group(build, maria, number)) SL_CHECK((*spool)->Append(event).ok());
      SL_CHECK((number < 3 ? (*spool)->Sync() : (*spool)->Flush()).ok());
    }
  }
  std::ifstream in(SpoolSegmentPath(directory, 1), std::ios::binary);
  Write(maria ? "file_mariadb" : "file_mysql",
        std::string(1, kSpoolFile) + std::string{std::istreambuf_iterator<char>(in), {}});
  SL_CHECK(RemoveSpool(directory).ok());
}

void WriteBlocks(bool maria) {
  EventBuilder build(maria);
  const auto entry = [](const std::string& event) {
    return EncodeSpoolEventHead(SpoolEntryKind::kEvent, event.size()) + event;
  };
  std::string entries = EncodeSpoolPlace("bin.000001", 4) + entry(build.FormatDescription());
  for (const std::string& event : Group(build, maria, 1)) entries += entry(event);
  const std::string passed =
      maria ? "mariadb:bin.000001:" + std::to_string(build.offset()) : "mysql:11111111-1111-1111-1111-111111111111:1";
  std::string input = {kSpoolBlocks, static_cast<char>(maria ? 1 : 0)};
  input += SpoolBlockInput(SpoolBlockKind::kBoundary, passed, entries);
  input += SpoolBlockInput(SpoolBlockKind::kMark, {}, {});
  std::string second;
  for (const std::string& event : Group(build, maria, 2)) second += entry(event);
  input += SpoolBlockInput(SpoolBlockKind::kInside, {}, second.substr(0, 100));
  input += SpoolBlockInput(SpoolBlockKind::kBoundary, {}, second.substr(100));
  Write(maria ? "blocks_mariadb" : "blocks_mysql", input);
}

}  // namespace
}  // namespace shardlift::binlog::fuzz

int main() {
  using namespace shardlift::binlog::fuzz;
  for (const bool maria : {false, true}) {
    WriteFile(maria);
    WriteBlocks(maria);
  }
  std::cout << "written to " << kCorpus << "\n";
}
