// Every key of a job file, described once. The reader takes names, bounds and defaults from here; the JSON Schema, the
// reference in the documents and the help are written from it (job/config_reference.h), so none of them can disagree.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace shardlift::job {

enum class KeyKind : std::uint8_t {
  kText,
  kNumber,        // a whole number from min to max
  kChoice,        // one of `choices`
  kTextList,      // an array of strings
  kTextMap,       // an object of strings
  kObject,        // an object of `object`
  kObjectList,    // an array of objects of `object`
  kObjectOrFile,  // an array; each item an object of `object`, or a file name or glob of files that hold one each
};

struct KeySpec {
  std::string_view name;
  KeyKind kind = KeyKind::kText;
  bool required = false;
  std::string_view help;
  std::string_view fallback;          // kText, kChoice: the default
  std::string_view fallback_words;    // for people, where the default is not just a value
  std::uint64_t fallback_number = 0;  // kNumber
  std::uint64_t min = 0;              // kNumber
  std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
  std::string_view object;                // kObject, kObjectList, kObjectOrFile: name of an ObjectSpec
  std::vector<std::string_view> choices;  // kChoice
  std::string_view example;               // kText; may be empty
};

struct ObjectSpec {
  std::string_view name;   // "source"
  std::string_view title;  // heading in the reference: "sources[]"
  std::string_view help;
  std::vector<KeySpec> keys;
};

// The job file itself first ("job"), then what it holds.
std::span<const ObjectSpec> ConfigObjects();
const ObjectSpec& ConfigObject(std::string_view name);                    // must exist
const KeySpec* FindKey(const ObjectSpec& object, std::string_view name);  // nullptr: there is none

// The key of `object` that was probably meant; empty: none is near.
std::string_view NearestKey(const ObjectSpec& object, std::string_view name);

}  // namespace shardlift::job
