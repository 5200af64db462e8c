#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

namespace shardlift::rehearse {

// Running (not defunct) processes whose command line mentions `text`.
inline std::set<std::string> ProcessesMentioning(const std::string& text) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(entry.path() / "cmdline");
    const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (line.find(text) != std::string::npos) found.insert(pid);
  }
  return found;
}

}  // namespace shardlift::rehearse
