#pragma once

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace shardlift::rehearse {

// What the file in /proc holds; empty when the process is gone, be it in the middle of the reading.
inline std::string ReadProcFile(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Running (not defunct) processes whose command line mentions `text`.
inline std::set<std::string> ProcessesMentioning(const std::string& text) {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    if (ReadProcFile(entry.path() / "cmdline").find(text) != std::string::npos) found.insert(pid);
  }
  return found;
}

}  // namespace shardlift::rehearse
