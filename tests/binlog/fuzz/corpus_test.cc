// The fuzz targets over their corpus, cut at each length and with single bytes changed.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "tests/binlog/fuzz/targets.h"
#include "tests/binlog/golden.h"

namespace shardlift::binlog {
namespace {

using Target = std::function<void(std::string_view)>;
const std::map<std::string, Target>& Targets() {
  static const std::map<std::string, Target> targets = {
      {"file", fuzz::File},  {"event_stream", fuzz::EventStream}, {"row_image", fuzz::RowImage},
      {"json", fuzz::Json},  {"payload", fuzz::Payload},          {"gtid_text", fuzz::GtidText},
      {"spool", fuzz::Spool}};
  return targets;
}

class Corpus : public ::testing::TestWithParam<std::string> {};

TEST_P(Corpus, EachFile_WholeCutAndChanged_ComesBack) {
  const Target& target = Targets().at(GetParam());
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/binlog/fuzz/corpus/" + GetParam())) {
    const std::string bytes = ReadFile(entry.path());
    target(bytes);
    const std::size_t step = 1 + bytes.size() / 200;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      target(std::string_view(bytes).substr(0, at));
      std::string changed = bytes;
      changed[at] = static_cast<char>(changed[at] ^ (1 + static_cast<int>(at * 7 % 255)));
      target(changed);
    }
    ++files;
  }
  EXPECT_GT(files, 0u);
}

INSTANTIATE_TEST_SUITE_P(Targets, Corpus,
                         ::testing::Values("file", "event_stream", "row_image", "json", "payload", "gtid_text",
                                           "spool"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace shardlift::binlog
