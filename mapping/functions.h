// The operators and functions of the mapping language: one table for the checker, the documentation and the tests.
//
// docs/mapping.md is written from it (function_docs.h), every example runs on both servers, and the property test asks
// for cases of every entry. Internal to mapping/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "mapping/ast.h"

namespace shardlift::mapping {

enum class FunctionGroup : std::uint8_t {
  kNumbers,
  kLogic,
  kBranches,
  kCasts,
  kText,
  kTime,
  kJson,
  kHashes,
  kIdentity,
};

struct Function {
  std::string_view name;  // upper case; of operators: as it is written
  Op op;
  std::size_t args_min;  // both 0 for what has its own grammar
  std::size_t args_max;
  FunctionGroup group;
  std::string_view syntax;
  std::string_view meaning;
  std::string_view example;
  std::string_view result;      // of the example; NULL for NULL
  std::string_view difference;  // from what the servers do with the same text; empty: none
};

// Called by name with a list of arguments.
std::span<const Function> Functions();
// With grammar of their own: operators, CASE, CAST, ...
std::span<const Function> Operators();

struct Alias {
  std::string_view name;
  std::string_view function;
};
std::span<const Alias> Aliases();

struct Refusal {
  std::string_view name;
  std::string_view reason;
};
// Known to the servers, refused here, by reason.
std::span<const Refusal> Refusals();

// nullptr if there is none. `upper` is in upper case; aliases are followed.
const Function* FindFunction(std::string_view upper);
// The reason why a known function of the servers is refused ("changes from call to call ..."); empty if it is not.
std::string_view RefusedFunction(std::string_view upper);
// The known name nearest to `upper`; empty when none is near.
std::string_view NearestFunction(std::string_view upper);

}  // namespace shardlift::mapping
