#include "cmd/binlog_live_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "binlog/query.h"
#include "binlog/statement_names.h"
#include "job/config.h"

namespace shardlift::cmd {
namespace {

using base::Code;
using base::Result;
using base::Status;

std::string Folded(std::string_view name) {
  std::string folded(name);
  for (char& c : folded) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return folded;
}

// TRUNCATE leaves the columns as they are.
bool ChangesColumns(std::string_view sql) {
  constexpr std::string_view kTruncate = "truncate";
  return binlog::ClassifyQuery(sql).kind == binlog::QueryKind::kDdl &&
         Folded(sql.substr(0, kTruncate.size())) != kTruncate;
}

}  // namespace

Result<std::unique_ptr<LiveSchemas>> LiveSchemas::Open(const std::string& job_path, const std::string& source) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(job_path));
  const auto found = std::find_if(config.sources.begin(), config.sources.end(),
                                  [&](const job::SourceConfig& each) { return each.endpoint.name == source; });
  if (found == config.sources.end()) {
    std::string names;
    for (const job::SourceConfig& each : config.sources) names += (names.empty() ? "" : ", ") + each.endpoint.name;
    return Status(Code::kUsage, fmt::format("--source {}: {} has no such source; it has {}", source, job_path, names));
  }
  SL_ASSIGN(auto session, mysql::Session::Open(found->endpoint, {}));
  return std::unique_ptr<LiveSchemas>(new LiveSchemas(std::move(session), source));
}

void LiveSchemas::AddStatement(std::uint64_t file, std::uint64_t offset, std::string_view default_schema,
                               std::string_view sql) {
  if (!ChangesColumns(sql)) return;
  const binlog::StatementNames names = binlog::NamesIn(default_schema, sql);
  if (names.temporary) return;
  const Place place{file, offset};
  if (!names.dropped_schema.empty()) dropped_[Folded(names.dropped_schema)] = place;
  for (const binlog::NamedTable& name : names.tables) ddl_[{Folded(name.schema), Folded(name.table)}] = place;
}

std::optional<LiveSchemas::Place> LiveSchemas::LastDdl(const Name& folded) const {
  std::optional<Place> last;
  if (const auto found = ddl_.find(folded); found != ddl_.end()) last = found->second;
  const auto dropped = dropped_.find(folded.first);
  if (dropped != dropped_.end() && (!last || *last < dropped->second)) last = dropped->second;
  return last;
}

Result<const mysql::TableSchema*> LiveSchemas::Find(std::string_view schema, std::string_view table, std::uint64_t file,
                                                    std::uint64_t offset) {
  const Name name{schema, table};
  const std::optional<Place> ddl = LastDdl({Folded(schema), Folded(table)});
  if (ddl && Place{file, offset} < *ddl) {
    Say(name, "a DDL statement on it stands in the files behind these rows");
    return nullptr;
  }
  const auto known = tables_.find(name);
  if (known != tables_.end()) return known->second.get();
  std::unique_ptr<mysql::TableSchema>& slot = tables_[name];
  auto read = mysql::ReadTableSchema(*session_, {name.first, name.second});
  if (read.ok()) {
    slot = std::make_unique<mysql::TableSchema>(std::move(*read));
  } else if (read.status().code() == Code::kUsage) {
    Say(name, "the server has no such table, or this user may not see it");
  } else {
    return read.status();
  }
  return slot.get();
}

void LiveSchemas::Report(const binlog::DescribedTable& table) {
  if (table.known_differs.empty()) return;
  Say({table.schema->name.schema, table.schema->name.table}, table.known_differs);
}

void LiveSchemas::Say(const Name& name, std::string_view why) {
  if (!said_.insert(name).second) return;
  fmt::print(stderr, "shardlift: table {}.{}: its schema on source {} is not used: {}\n", name.first, name.second,
             source_, why);
}

}  // namespace shardlift::cmd
