// LiveSchemas: the tables of a live server, for what binlog files do not say of theirs.
//
// A server knows its tables as they are now. They stand for rows in a binlog only behind the last DDL statement on the
// table that it holds. Of files these statements are told first (AddStatement); that there was none behind the last
// file is the user's to know. A binlog that is followed to its end tells them as they come (Passed).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "binlog/described_table.h"
#include "binlog/group.h"
#include "job/config.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::cmd {

// A source of a job file, and how long the job waits for it when it is lost.
struct NamedSource {
  job::SourceConfig config;
  std::chrono::seconds patience;
};
// kUsage when the job file does not have it.
base::Result<NamedSource> FindSource(const std::string& job_path, const std::string& source);

// Where the server writes its binlog now.
base::Result<mysql::FilePosition> ReadWritePosition(mysql::Session& session);

class LiveSchemas {
 public:
  static base::Result<std::unique_ptr<LiveSchemas>> Open(const NamedSource& source);

  mysql::Session& session() { return *session_; }  // for other questions to the server

  // Tells of a DDL statement; those of a file in their order, files in the order of `file`. Before any Find of its
  // tables.
  void AddStatement(std::uint64_t file, std::uint64_t offset, std::string_view default_schema, std::string_view sql);

  // Null when the server does not have the table, or DDL stands behind this place; that is said once on standard error.
  // kEnvironment, kUsage when the server cannot be asked.
  base::Result<const mysql::TableSchema*> Find(std::string_view schema, std::string_view table, std::uint64_t file,
                                               std::uint64_t offset);
  // Says once on standard error when the server's schema was not used for the table.
  void Report(const binlog::DescribedTable& table);

  // For a binlog that is followed; files go by their numbers. After each group: its tables are read again when they
  // come next. kRefused when a statement stands before the place where the server was when the schema was read that
  // rows were shown with: they may have been of another one.
  base::Status Passed(const binlog::CommitGroup& group);
  // The server's schema names the columns of this table: its rows depend on it. Before Find.
  void DependOn(std::string_view schema, std::string_view table);

 private:
  using Place = std::pair<std::uint64_t, std::uint64_t>;
  using Name = std::pair<std::string, std::string>;
  struct Known {
    std::unique_ptr<mysql::TableSchema> schema;  // null: the server has none
    Place server_at;                             // not before the time it was read
  };
  LiveSchemas(std::unique_ptr<mysql::Session> session, std::string source)
      : session_(std::move(session)), source_(std::move(source)) {}
  base::Result<Known> Read(const Name& name);
  base::Status Forget(std::map<Name, Known>::iterator known, Place ddl);
  std::optional<Place> LastDdl(const Name& folded) const;
  void Say(const Name& name, std::string_view why);

  std::unique_ptr<mysql::Session> session_;
  const std::string source_;
  std::map<Name, Place> ddl_;             // names in lower case
  std::map<std::string, Place> dropped_;  // schemas
  std::map<Name, Known> tables_;
  std::vector<std::unique_ptr<mysql::TableSchema>> forgotten_;  // readers may still point to them
  std::set<Name> depended_on_;
  std::set<Name> differing_;  // the server's schema was not used
  std::set<Name> said_;
};

}  // namespace shardlift::cmd
