// docs/routing.md is what the program says: its tables, and its example.
#include "store/routing_report.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

namespace shardlift::store {
namespace {

std::string FileText(const char* path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(RoutingDocument, TablesAreUpToDate) {
  const auto words = ReadWords(kWordList);
  ASSERT_TRUE(words.ok()) << words.status().message();
  const std::string document = FileText("docs/routing.md");
  const auto current = WithReport(document, RoutingReport(*words));
  ASSERT_TRUE(current.ok()) << current.status().message();
  EXPECT_TRUE(*current == document) << "docs/routing.md is stale: build target routing_report and run it on the file";
}

TEST(RoutingDocument, AnOldTableIsNoticed) {
  const std::string document = "a\n<!-- tables: begin -->\nold\n<!-- tables: end -->\nb\n";
  EXPECT_EQ(WithReport(document, "new\n").value(), "a\n<!-- tables: begin -->\n\nnew\n\n<!-- tables: end -->\nb\n");
  EXPECT_FALSE(WithReport("no tables", "new").ok());
}

TEST(RoutingDocument, ExampleIsTheOneThatIsCompiled) {
  const std::string example = "```cpp\n" + FileText("tests/store/routing_example.cc") + "```\n";
  EXPECT_NE(FileText("docs/routing.md").find(example), std::string::npos)
      << "put tests/store/routing_example.cc into docs/routing.md as it is";
}

}  // namespace
}  // namespace shardlift::store
