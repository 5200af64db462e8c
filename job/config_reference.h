// What is written from the table of keys: configs/*.schema.json and docs/configuration.md. Tests compare both with the
// files of the tree.
#pragma once

#include <string>

#include "job/config_keys.h"

namespace shardlift::job {

// JSON Schema (draft 2020-12) of a file that holds this object: "job" or "mapping" (any other has no file of its own).
std::string SchemaText(const ObjectSpec& object);

// The reference as Markdown: all objects with their keys.
std::string ReferenceText();
// One object's part of it.
std::string ReferenceText(const ObjectSpec& object);

}  // namespace shardlift::job
