// A table as its TABLE_MAP event alone describes it: what a reader of files knows without any server.
//
// Column names, ENUM and SET members and the primary key are there with binlog_row_metadata=FULL; signedness and
// character sets also with MINIMAL. Without them a column is "@1", "@2", ...; integers count as signed, and text has no
// charset (TEXT and BLOB, CHAR and BINARY cannot be told apart then). A schema read from a server fills in what the
// event does not say, and what no event says: which columns are generated, and types that look like another.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "binlog/table_map.h"
#include "mysql/position.h"
#include "mysql/schema.h"

namespace shardlift::binlog {

struct DescribedTable : TableMap {
  mysql::TableSchema described;              // what TableMap::schema points to
  bool has_names = false;                    // of columns
  std::vector<std::string> member_charsets;  // by column; of ENUM and SET members, which are in no UTF-8 here
  std::uint64_t number = 0;                  // counts the tables described by one reader
  std::string known_differs;                 // why `known` was not used; empty: it was, or there was none

  DescribedTable() = default;
  DescribedTable(const DescribedTable&) = delete;
  DescribedTable& operator=(const DescribedTable&) = delete;
};

// `known`: the table's schema at this place in the binlog, or null. It is not used when its columns are not the
// event's.
base::Result<std::shared_ptr<DescribedTable>> DescribeTable(const TableMapEvent& event, mysql::Flavour flavour,
                                                            std::uint64_t number,
                                                            const mysql::TableSchema* known = nullptr);

}  // namespace shardlift::binlog
