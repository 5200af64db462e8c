// LiveSchemas: the tables of a live server, for what binlog files do not say of theirs.
//
// A server knows its tables as they are now. They stand for rows in the files only behind the last DDL statement on the
// table that the files hold; that there was none behind the last file is the user's to know.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "binlog/described_table.h"
#include "mysql/schema.h"
#include "mysql/session.h"

namespace shardlift::cmd {

class LiveSchemas {
 public:
  // `source`: the name of a source of the job file.
  static base::Result<std::unique_ptr<LiveSchemas>> Open(const std::string& job_path, const std::string& source);

  // Tells of a DDL statement; those of a file in their order, files in the order of `file`. Before any Find.
  void AddStatement(std::uint64_t file, std::uint64_t offset, std::string_view default_schema, std::string_view sql);

  // Null when the server does not have the table, or DDL stands behind this place; that is said once on standard error.
  // kEnvironment, kUsage when the server cannot be asked.
  base::Result<const mysql::TableSchema*> Find(std::string_view schema, std::string_view table, std::uint64_t file,
                                               std::uint64_t offset);
  // Says once on standard error when the server's schema was not used for the table.
  void Report(const binlog::DescribedTable& table);

 private:
  using Place = std::pair<std::uint64_t, std::uint64_t>;
  using Name = std::pair<std::string, std::string>;
  LiveSchemas(std::unique_ptr<mysql::Session> session, std::string source)
      : session_(std::move(session)), source_(std::move(source)) {}
  std::optional<Place> LastDdl(const Name& folded) const;
  void Say(const Name& name, std::string_view why);

  std::unique_ptr<mysql::Session> session_;
  const std::string source_;
  std::map<Name, Place> ddl_;                                   // names in lower case
  std::map<std::string, Place> dropped_;                        // schemas
  std::map<Name, std::unique_ptr<mysql::TableSchema>> tables_;  // null: the server has none
  std::set<Name> said_;
};

}  // namespace shardlift::cmd
