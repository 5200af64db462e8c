#include "job/config_reference.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

namespace shardlift::job {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kDialect = "https://json-schema.org/draft/2020-12/schema";

constexpr const char* kIntroduction = R"(# Configuration

<!-- Written by `shardlift config reference`. -->

One job file, used by every command: JSON with `//` and `/* */` comments. [A sample](../configs/sample.job.jsonc) has every key.
Unknown keys, keys that stand twice and wrong values are errors that name file and path (`job.json: sources[2].port`), before any server is asked;
`shardlift config check -c JOB` does that alone. Editors check and complete with the JSON Schemas of [job files](../configs/job.schema.json) and
[mapping files](../configs/mapping.schema.json); `shardlift config schema` prints them.

- File names are relative to the file that names them.
- Passwords come from files or the environment. They never stand in a job file or an argument, and are never logged.
- Large estates: `include` splits the job over several files, `mappings` takes globs, and one `match` pattern names hundreds of tables
  (`msg_{000..127}`). The order of the shards counts (main file first, then the included ones) where no `routing.map` is given.
)";

constexpr const char* kPatterns = R"(
Patterns stand for `schema.table`. One that matches no table is an error. `plan --explain-mapping` names the tables that a pattern without `*` and `?`
stands for and no source has: a legacy table that is not moved is as good as lost.

| In a pattern | Stands for |
|---|---|
| `{000..127}` | the numbers from 000 to 127, with zeros in front to the width of the first; `{8..12}` is 8, 9, 10, 11, 12 |
| `{a,b}` | `a` or `b` |
| `*`, `?` | any text, also none; one character |
)";

Json KeySchema(const KeySpec& key) {
  Json schema = Json::object();
  switch (key.kind) {
    case KeyKind::kText:
      schema["type"] = "string";
      if (key.required) schema["minLength"] = 1;
      if (!key.example.empty()) schema["examples"] = {key.example};
      break;
    case KeyKind::kChoice: schema["enum"] = key.choices; break;
    case KeyKind::kNumber:
      schema["type"] = "integer";
      schema["minimum"] = key.min;
      schema["maximum"] = key.max;
      if (!key.required && key.fallback_words.empty()) schema["default"] = key.fallback_number;
      break;
    case KeyKind::kTextList: schema = {{"type", "array"}, {"items", {{"type", "string"}}}}; break;
    case KeyKind::kTextMap: schema = {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}; break;
    case KeyKind::kObject: schema["$ref"] = fmt::format("#/$defs/{}", key.object); break;
    case KeyKind::kObjectList:
      schema = {{"type", "array"}, {"items", {{"$ref", fmt::format("#/$defs/{}", key.object)}}}};
      break;
    case KeyKind::kObjectOrFile:
      schema["type"] = "array";
      schema["items"]["anyOf"] = {{{"type", "string"}}, {{"$ref", fmt::format("#/$defs/{}", key.object)}}};
      break;
  }
  if (key.required && (key.kind == KeyKind::kTextList)) schema["minItems"] = 1;
  if (!key.fallback.empty()) schema["default"] = key.fallback;
  schema["description"] = key.help;
  return schema;
}

// "password" is refused with a remedy of its own, so it is unknown here as well.
Json ObjectSchema(const ObjectSpec& object) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const KeySpec& key : object.keys) {
    properties[std::string(key.name)] = KeySchema(key);
    if (key.required) required.push_back(key.name);
  }
  Json schema = {{"type", "object"}, {"description", object.help}};
  if (!required.empty()) schema["required"] = std::move(required);
  schema["properties"] = std::move(properties);
  schema["additionalProperties"] = false;
  return schema;
}

void AddDefinitions(const ObjectSpec& object, std::set<std::string_view>* seen, Json* definitions) {
  for (const KeySpec& key : object.keys) {
    if (key.object.empty() || !seen->insert(key.object).second) continue;
    const ObjectSpec& nested = ConfigObject(key.object);
    (*definitions)[std::string(key.object)] = ObjectSchema(nested);
    AddDefinitions(nested, seen, definitions);
  }
}

std::string KindText(const KeySpec& key) {
  switch (key.kind) {
    case KeyKind::kText: return "text";
    case KeyKind::kNumber: return fmt::format("{} to {}", key.min, key.max);
    case KeyKind::kChoice: return fmt::format("`{}`", fmt::join(key.choices, "`, `"));
    case KeyKind::kTextList: return "list of texts";
    case KeyKind::kTextMap: return "object of texts";
    case KeyKind::kObject: return "object";
    case KeyKind::kObjectList: return "list of objects";
    case KeyKind::kObjectOrFile: return "list of objects, files or globs";
  }
  return {};
}

std::string DefaultText(const KeySpec& key) {
  if (key.required) return "required";
  if (!key.fallback_words.empty()) return std::string(key.fallback_words);
  if (key.kind == KeyKind::kNumber) return fmt::format("`{}`", key.fallback_number);
  return key.fallback.empty() ? std::string("none") : fmt::format("`{}`", key.fallback);
}

}  // namespace

std::string SchemaText(const ObjectSpec& object) {
  Json schema = {{"$schema", kDialect}, {"title", fmt::format("shardlift {} file", object.name)}};
  schema.update(ObjectSchema(object));
  if (FindKey(object, "include") != nullptr) {
    // A file that includes others has the rest there; one without a name is such another.
    Json required = schema["required"];
    schema.erase("required");
    schema["anyOf"] = {
        {{"required", {"include"}}}, {{"required", std::move(required)}}, {{"not", {{"required", {"job"}}}}}};
  }
  Json definitions = Json::object();
  std::set<std::string_view> seen;
  AddDefinitions(object, &seen, &definitions);
  if (!definitions.empty()) schema["$defs"] = std::move(definitions);
  return schema.dump(2) + "\n";
}

std::string ReferenceText(const ObjectSpec& object) {
  std::string text =
      fmt::format("## {}\n\n{}\n\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n", object.title, object.help);
  for (const KeySpec& key : object.keys) {
    text += fmt::format("| `{}` | {} | {} | {} |\n", key.name, KindText(key), DefaultText(key), key.help);
  }
  return text;
}

std::string ReferenceText() {
  std::string text = kIntroduction;
  for (const ObjectSpec& object : ConfigObjects()) {
    text += "\n" + ReferenceText(object);
    if (object.name == "mapping") text += kPatterns;
  }
  return text;
}

}  // namespace shardlift::job
