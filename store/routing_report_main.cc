// Writes the tables of docs/routing.md: routing_report docs/routing.md [WORDS]. Not part of shardlift.
#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iterator>

#include "store/routing_report.h"

namespace shardlift::store {
namespace {

base::Status Rewrite(const std::string& path, const std::string& words_path) {
  SL_ASSIGN(const auto words, ReadWords(words_path));
  std::ifstream in(path);
  const std::string document{std::istreambuf_iterator<char>(in), {}};
  SL_ASSIGN(const std::string next, WithReport(document, RoutingReport(words)));
  std::ofstream out(path);
  out << next << std::flush;
  return out ? base::Ok() : base::Status(base::Code::kEnvironment, path + " cannot be written");
}

}  // namespace
}  // namespace shardlift::store

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fmt::print(stderr, "usage: routing_report docs/routing.md [WORDS]\n");
    return 2;
  }
  const auto status = shardlift::store::Rewrite(argv[1], argc == 3 ? argv[2] : shardlift::store::kWordList);
  if (!status.ok()) fmt::print(stderr, "routing_report: {}\n", status.message());
  return shardlift::base::ExitCodeOf(status);
}
