// What the tests on real servers share: a reader of the binlog that keeps owned copies, and a mark to know that
// everything written so far was read.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "binlog/group_reader.h"
#include "binlog/stream.h"
#include "mysql/schema.h"
#include "tests/live/live.h"

namespace shardlift::binlog {

// A Value that owns its bytes.
struct OwnedValue {
  mysql::Value value;
  std::string bytes;
  static OwnedValue From(const mysql::Value& v);
  mysql::Value Get() const;
};
std::string Describe(const mysql::Value& value);

struct OwnedChange {
  std::string table;
  RowOp op = RowOp::kInsert;
  std::vector<OwnedValue> before;
  std::vector<OwnedValue> after;
};

struct OwnedGroup {
  GroupKind kind = GroupKind::kCommit;
  bool has_xa_rows = false;
  mysql::Gtid gtid;
  mysql::FilePosition begin;
  mysql::FilePosition end;
  std::vector<Statement> statements;
  std::vector<OwnedChange> changes;
};

OwnedGroup OwnGroup(const CommitGroup& group);
// All groups of a file, which must end well. `options` say which tables.
std::vector<OwnedGroup> ReadFileGroups(const std::string& path, GroupReaderOptions options);

class LiveTest : public live::LiveTest {
 protected:
  void SetUp() override;

  // Reads the schema of db.`table` and has the reader decode it from then on.
  const mysql::TableSchema& Watch(const std::string& table);
  // Starts the reader at the server's present end, or at `start`.
  void OpenStream();
  void OpenStreamAt(const StreamStart& start);
  // Everything up to what is written now.
  std::vector<OwnedGroup> ReadAll();
  // "I 1 a", "U 1 a > 1 b", "D 1 b" of all changes but the marks.
  static std::vector<std::string> Texts(const std::vector<OwnedGroup>& groups);

  std::map<std::string, std::unique_ptr<mysql::TableSchema>, std::less<>> watched_;
  StreamOptions options_;  // OpenStream fills in the endpoint if it has no name, the start and the tables
  std::unique_ptr<GroupStream> stream_;

 private:
  int marks_ = 0;
};

using live::FlavourOf;
using live::SqlOn;

}  // namespace shardlift::binlog
