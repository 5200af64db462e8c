// docs/mapping.md says what the tables of mapping/functions.h say.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "mapping/functions.h"
#include "tests/mapping/function_docs.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

constexpr const char* kPath = "docs/mapping.md";  // of the working directory of tests

TEST(MappingDocs, FunctionTable) {
  std::ifstream file(kPath);
  std::stringstream stream;
  stream << file.rdbuf();
  const std::string docs = stream.str();
  const std::size_t marker = docs.find("<!-- Written from mapping/function_table.cc");
  const std::size_t begin = docs.find('\n', marker);
  const std::size_t end = docs.find("<!-- end -->");
  ASSERT_TRUE(marker != std::string::npos && begin < end && end != std::string::npos) << kPath << " has no markers";
  const std::string wanted = "\n\n" + testing::FunctionDocs() + "\n";
  if (std::getenv("SHARDLIFT_WRITE_DOCS") != nullptr) {
    std::ofstream(kPath) << docs.substr(0, begin) << wanted << docs.substr(end);
    return;
  }
  EXPECT_EQ(docs.substr(begin, end - begin), wanted)
      << kPath << " is stale: run this test with SHARDLIFT_WRITE_DOCS=1 and commit the file";
}

// The servers confirm the same in property_test.
TEST(MappingDocs, ExamplesGiveTheirResults) {
  mysql::TableSchema schema;
  schema.name = {"s", "msg_07"};
  std::size_t examples = 0;
  for (auto table : {Functions(), Operators()}) {
    for (const Function& function : table) {
      if (function.example.empty()) continue;
      auto compiled = testing::CompileExpression(schema, function.example);
      ASSERT_TRUE(compiled.ok()) << compiled.status().message();
      EXPECT_EQ(testing::EvalToString(schema, *compiled->expr, {}, mysql::Flavour::kMySql), function.result)
          << function.example;
      ++examples;
    }
  }
  EXPECT_GT(examples, 80u);
}

TEST(MappingDocs, NoNameIsBothKnownAndRefused) {
  for (const Function& function : Functions()) EXPECT_EQ(RefusedFunction(function.name), "") << function.name;
  for (const Alias& alias : Aliases()) EXPECT_NE(FindFunction(alias.name), nullptr) << alias.name;
}

}  // namespace
}  // namespace shardlift::mapping
