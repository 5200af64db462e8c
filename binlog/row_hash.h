// RowHash: one hash over row changes, in their order, to tell whether two binlogs hold the same.
//
// XXH3 with 128 bits over the encoding in docs/formats.md ("Content hash"). It knows tables, operations and values, not
// positions, times, GTIDs or how rows share events. Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "binlog/group.h"
#include "mysql/schema.h"

namespace shardlift::binlog {

class RowHash {
 public:
  RowHash();
  ~RowHash();
  RowHash(RowHash&&) noexcept;
  RowHash& operator=(RowHash&&) noexcept;

  // Stands for the table's name in Add.
  static std::uint64_t TableKey(const mysql::TableName& name);
  void Add(std::uint64_t table_key, const RowChange& change);
  // 32 hexadecimal digits, of all that was added so far.
  std::string Hex() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shardlift::binlog
