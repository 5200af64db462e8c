// The SQL that `route` prints, run as it is on both servers.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/cmd/program.h"
#include "tests/live/live.h"

namespace shardlift::cmd::testing {
namespace {

class RouteSqlTest : public live::LiveTest {};

TEST_P(RouteSqlTest, GivesThePrintedBucket) {
  for (const char* hash : {"crc32-fmix32", "modulo"}) {
    std::vector<std::string> arguments = {
        "route", "--json", "--hash", hash, "1:0", "1:10045", "255:18446744073709551615"};
    if (hash == std::string_view("crc32-fmix32")) {
      arguments.insert(arguments.end(),
                       {"2:ou_7f3c9a", "3:张三", "3:o'neill", R"(3:back\slash)", "3:\xff\xfe", "3: a:b "});
    }
    const Output output = RunProgram(arguments);
    ASSERT_EQ(output.exit_code, 0) << output.err;
    const auto routes = nlohmann::json::parse(output.out)["routes"];
    ASSERT_EQ(routes.size(), arguments.size() - 4);
    for (const auto& route : routes) {
      EXPECT_EQ(One(route["sql"].get<std::string>()), std::to_string(route["bucket"].get<unsigned>())) << route.dump();
    }
  }
}

SL_BOTH_FLAVOURS(RouteSqlTest);

}  // namespace
}  // namespace shardlift::cmd::testing
