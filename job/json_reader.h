// ObjectReader: reads one JSON object key by key; keys that nobody asked for are errors that suggest the nearest known
// one.
//
// Only for the .cc files of job/. Errors are kUsage and name file and path
// ("job.json: sources[2].port: ..."). The first error sticks; values read after it are defaults.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace shardlift::job {

// Parses a file: comments allowed, duplicate keys refused, syntax errors as file:line:column.
base::Result<nlohmann::json> ReadJsonFile(const std::string& path);

class ObjectReader {
 public:
  // `object` must outlive the reader. `place` is "file: path" as it stands in messages.
  ObjectReader(const nlohmann::json& object, std::string place);

  std::string String(const char* key, std::string fallback);
  std::string RequiredString(const char* key);
  std::uint64_t Number(const char* key, std::uint64_t fallback, std::uint64_t min, std::uint64_t max);
  std::uint64_t RequiredNumber(const char* key, std::uint64_t min, std::uint64_t max);
  std::vector<std::string> Strings(const char* key);
  // nullptr when the key is missing; an error when the value is not of that kind.
  const nlohmann::json* Object(const char* key);
  const nlohmann::json* Array(const char* key);
  const nlohmann::json& RequiredArray(const char* key);  // an empty array after an error

  void Fail(const std::string& key, const std::string& problem);
  // Unknown keys, or the first error.
  base::Status Finish();
  const std::string& place() const { return place_; }

 private:
  const nlohmann::json* Find(const char* key);
  std::string Path(const std::string& key) const;
  const nlohmann::json& object_;
  const std::string place_;
  std::vector<std::string> known_;
  base::Status status_;
};

}  // namespace shardlift::job
