#include "job/job_parts.h"

#include <fmt/format.h>
#include <glob.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "job/json_reader.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;

bool AddsUp(const KeySpec& key) { return key.kind == KeyKind::kObjectList || key.kind == KeyKind::kObjectOrFile; }

Result<JobPart> ReadPart(const std::string& path) {
  JobPart part;
  part.path = path;
  SL_ASSIGN(nlohmann::json document, ReadJsonFile(path));
  part.document = std::make_shared<const nlohmann::json>(std::move(document));
  SL_TRY(ObjectReader(*part.document, path + ":", ConfigObject("job")).Finish());
  return part;
}

Status CheckOnce(const std::vector<JobPart>& parts) {
  for (const KeySpec& key : ConfigObject("job").keys) {
    if (AddsUp(key) || key.name == "$schema") continue;
    const JobPart* first = nullptr;
    for (const JobPart& part : parts) {
      if (!part.document->contains(key.name)) continue;
      if (first != nullptr) {
        return Status(Code::kUsage, fmt::format("{}: {}: stands in {} too; keep it in one of the files", part.path,
                                                key.name, first->path));
      }
      first = &part;
    }
  }
  return base::Ok();
}

}  // namespace

Result<std::vector<JobPart>> ReadJobParts(const std::string& path) {
  std::vector<JobPart> parts;
  SL_ASSIGN(parts.emplace_back(), ReadPart(path));
  ObjectReader reader(*parts.front().document, path + ":", ConfigObject("job"));
  const std::vector<std::string> includes = reader.Texts("include");
  SL_TRY(reader.Finish());
  for (std::size_t i = 0; i < includes.size(); ++i) {
    const std::string place = fmt::format("{}: include[{}]", path, i);
    auto files = FilesOf(path, includes[i]);
    if (!files.ok()) return files.status().WithContext(place);
    for (const std::string& file : *files) {
      auto part = ReadPart(file);
      if (!part.ok()) return part.status().WithContext(place);
      if (part->document->contains("include")) {
        return Status(Code::kUsage,
                      fmt::format("{}: include: an included file may not include others; name them in {}", file, path));
      }
      parts.push_back(std::move(part).value());
    }
  }
  SL_TRY(CheckOnce(parts));
  return parts;
}

const JobPart* PartWith(const std::vector<JobPart>& parts, std::string_view key) {
  for (const JobPart& part : parts) {
    if (part.document->contains(key)) return &part;
  }
  return nullptr;
}

std::string Beside(const std::string& file, const std::string& name) {
  if (name.empty() || name.front() == '/') return name;
  return (std::filesystem::path(file).parent_path() / name).string();
}

Result<std::vector<std::string>> FilesOf(const std::string& file, const std::string& name) {
  if (name.find_first_of("*?[") == std::string::npos) return std::vector<std::string>{Beside(file, name)};
  std::string pattern;  // the folder that `file` is in stands for itself
  if (name.front() != '/') {
    for (const char c : Beside(file, "."))
      pattern.append(std::string_view("*?[\\").find(c) == std::string::npos ? "" : "\\").push_back(c);
    pattern.pop_back();
  }
  pattern += name;
  glob_t found{};
  const int failed = glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
  std::vector<std::string> files;
  for (std::size_t i = 0; failed == 0 && i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
  globfree(&found);
  if (!files.empty()) return files;
  return Status(Code::kUsage,
                fmt::format("no file matches {}; correct the pattern or make the folder readable", Beside(file, name)));
}

}  // namespace shardlift::job
