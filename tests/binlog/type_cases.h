// Column types and values for them, as SQL: boundaries and random ones.
#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "mysql/position.h"

namespace shardlift::binlog {

using Random = std::mt19937_64;

// SQL expressions for one column.
struct Literals {
  std::vector<std::string> boundaries;
  std::function<std::string(Random&)> other;

  Literals() = default;
  Literals(std::vector<std::string> fixed, std::function<std::string(Random&)> random)
      : boundaries(std::move(fixed)), other(std::move(random)) {}
  template <class F>
  Literals(F random) : other(std::move(random)) {}  // NOLINT(google-explicit-constructor): lists of cases read better

  explicit operator bool() const { return static_cast<bool>(other); }
  std::string operator()(Random& random) const {
    return !boundaries.empty() && random() % 3 == 0 ? boundaries[random() % boundaries.size()] : other(random);
  }
};

struct TypeCase {
  std::string ddl;
  Literals literal;
  bool maria = true;
  bool my = true;

  bool Has(mysql::Flavour flavour) const { return flavour == mysql::Flavour::kMariaDb ? maria : my; }
};

std::vector<TypeCase> NumericCases();
std::vector<TypeCase> TemporalCases();
std::vector<TypeCase> StringCases();  // character and binary strings, compressed columns, ENUM and SET
std::vector<TypeCase> OtherCases();   // JSON, GEOMETRY, VECTOR, UUID, INET
std::vector<TypeCase> GeneratedCases();
// Every type that has a character set: CHAR up to 255 characters, VARCHAR, the TEXT family, ENUM and SET with members
// outside ASCII. "binary": the types without one.
std::vector<TypeCase> TextCases(const std::string& charset);

}  // namespace shardlift::binlog
