#include "binlog/file_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>

namespace shardlift::binlog {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kIndexSuffix = ".index";
constexpr std::size_t kNumberDigitsMin = 6;

struct NumberedFile {
  std::string base;    // with the dot
  std::string number;  // without leading zeros, so that a longer one is larger
  std::string path;
};

bool SplitNumber(const fs::path& path, NumberedFile* file) {
  const std::string name = path.filename().string();
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0) return false;
  std::string number = name.substr(dot + 1);
  const bool digits = std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (number.size() < kNumberDigitsMin || !digits) return false;
  number.erase(0, std::min(number.find_first_not_of('0'), number.size()));
  *file = {name.substr(0, dot + 1), std::move(number), path.string()};
  return true;
}

base::Status FromIndex(const fs::path& index, std::vector<std::string>& files) {
  std::ifstream in(index);
  if (!in) return {base::Code::kEnvironment, fmt::format("index file {} cannot be read", index.string())};
  const std::size_t before = files.size();
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    const fs::path listed(line);
    // Of a copied directory the absolute places are those of the server.
    const fs::path beside = index.parent_path() / listed.filename();
    std::error_code error;
    const bool as_listed = listed.is_absolute() && fs::exists(listed, error) && !fs::exists(beside, error);
    files.push_back((as_listed              ? listed
                     : listed.is_absolute() ? beside
                                            : index.parent_path() / listed)
                        .lexically_normal()
                        .string());
  }
  if (files.size() > before) return base::Ok();
  return {base::Code::kUsage, fmt::format("index file {} lists no binlog", index.string())};
}

base::Status FromDirectory(const fs::path& directory, std::vector<std::string>& files) {
  std::vector<fs::path> indexes;
  std::vector<NumberedFile> numbered;
  std::set<std::string> bases;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    NumberedFile file;
    if (it->path().extension() == kIndexSuffix) {
      indexes.push_back(it->path());
    } else if (SplitNumber(it->path(), &file)) {
      bases.insert(file.base);
      numbered.push_back(std::move(file));
    }
  }
  if (error) {
    return {base::Code::kEnvironment, fmt::format("directory {}: {}", directory.string(), error.message())};
  }
  if (indexes.size() == 1) return FromIndex(indexes.front(), files);
  if (bases.size() != 1) {
    return {base::Code::kUsage,
            fmt::format("directory {} has {}; name the files, or an index file", directory.string(),
                        bases.empty() ? "no binlog" : "binlogs of several names and not one index file")};
  }
  std::sort(numbered.begin(), numbered.end(), [](const NumberedFile& a, const NumberedFile& b) {
    return a.number.size() != b.number.size() ? a.number.size() < b.number.size() : a.number < b.number;
  });
  for (NumberedFile& file : numbered) files.push_back(std::move(file.path));
  return base::Ok();
}

}  // namespace

base::Result<std::vector<std::string>> FindBinlogFiles(const std::vector<std::string>& arguments) {
  std::vector<std::string> files;
  for (const std::string& argument : arguments) {
    const fs::path path(argument);
    std::error_code error;
    if (fs::is_directory(path, error)) {
      SL_TRY(FromDirectory(path, files));
    } else if (path.extension() == kIndexSuffix) {
      SL_TRY(FromIndex(path, files));
    } else {
      files.push_back(argument);
    }
  }
  return files;
}

}  // namespace shardlift::binlog
