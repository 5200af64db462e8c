// ObjectReader: reads one JSON object of a job file key by key, as job/config_keys.h describes it.
//
// Only for the .cc files of job/. Errors are kUsage and name file and path
// ("job.json: sources[2].port: ..."). The first error sticks; values read after it are defaults. Unknown keys are
// errors that suggest the nearest known one.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "job/config_keys.h"

namespace shardlift::job {

// Parses a file: one object, comments allowed, duplicate keys refused, syntax errors as file:line:column.
base::Result<nlohmann::json> ReadJsonFile(const std::string& path);

class ObjectReader {
 public:
  // `object` must outlive the reader. `place` is "file: path" as it stands in messages.
  ObjectReader(const nlohmann::json& object, std::string place, const ObjectSpec& spec);

  // A key that is missing gives its default, or an error when it is required; so does an empty required text or list.
  std::string Text(std::string_view key);  // also one of several choices
  std::uint64_t Number(std::string_view key) { return Number(key, Key(key).fallback_number); }
  std::uint64_t Number(std::string_view key, std::uint64_t fallback);
  std::vector<std::string> Texts(std::string_view key);
  std::vector<std::pair<std::string, std::string>> TextMap(std::string_view key);
  // nullptr when the key is missing, required or not; an error when the value is not of that kind.
  const nlohmann::json* Object(std::string_view key);
  const nlohmann::json* Array(std::string_view key);

  void Fail(std::string_view key, std::string_view problem);
  const base::Status& Finish() const { return status_; }  // the first error
  const std::string& place() const { return place_; }

 private:
  const KeySpec& Key(std::string_view key) const;  // must be one of the object's
  const nlohmann::json* Find(std::string_view key) const;
  std::string Path(std::string_view key) const;
  const nlohmann::json& object_;
  const std::string place_;
  const ObjectSpec& spec_;  // lives as long as the program
  base::Status status_;
};

}  // namespace shardlift::job
