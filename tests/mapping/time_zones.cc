#include "tests/mapping/time_zones.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

namespace shardlift::mapping::testing {

namespace {

struct PipeCloser {
  void operator()(std::FILE* pipe) const { pclose(pipe); }
};

std::string OutputOf(const std::string& command) {
  std::unique_ptr<std::FILE, PipeCloser> pipe(popen(command.c_str(), "r"));
  std::string output;
  std::array<char, 4096> buffer{};
  while (pipe && std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) output += buffer.data();
  return output;
}

}  // namespace

// Both servers have the same tables. What the program prints besides INSERT statements concerns storage engines only.
void LoadTimeZones(mysql::Session& session) {
  for (const char* table : {"time_zone", "time_zone_name", "time_zone_transition", "time_zone_transition_type"}) {
    ASSERT_TRUE(session.Execute("DELETE FROM mysql." + std::string(table), "empty a time zone table").ok());
  }
  ASSERT_TRUE(session.Execute("USE mysql", "use mysql").ok());
  for (std::string zone : {"Asia/Shanghai", "America/New_York", "Europe/London", "UTC"}) {
    std::string script = OutputOf("mariadb-tzinfo-to-sql /usr/share/zoneinfo/" + zone + " " + zone + " 2>/dev/null");
    int inserted = 0;
    for (std::size_t at = 0; at < script.size();) {
      std::size_t end = std::min(script.find(";\n", at), script.size());
      std::string statement = script.substr(at, end - at);
      at = end + 2;
      bool wanted = statement.starts_with("INSERT") || statement.starts_with("SET @time_zone_id");
      if (!wanted) continue;
      base::Status status = session.Execute(statement, "fill a time zone table");
      ASSERT_TRUE(status.ok()) << status.message();
      ++inserted;
    }
    ASSERT_GE(inserted, 3) << zone << ": no output of mariadb-tzinfo-to-sql";
  }
}

}  // namespace shardlift::mapping::testing
