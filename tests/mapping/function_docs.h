// The part of docs/mapping.md that is written from the tables of mapping/functions.h.
#pragma once

#include <string>

namespace shardlift::mapping::testing {

// Markdown: a table for each group, the other names, and what is refused.
std::string FunctionDocs();

}  // namespace shardlift::mapping::testing
