#include "cmd/binlog_live_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

#include "binlog/query.h"
#include "binlog/statement_names.h"

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

Result<NamedSource> FindSource(const std::string& job_path, const std::string& source) {
  SL_ASSIGN(const job::JobConfig config, job::LoadJobConfig(job_path));
  const auto found = std::find_if(config.sources.begin(), config.sources.end(),
                                  [&](const job::SourceConfig& each) { return each.endpoint.name == source; });
  if (found != config.sources.end()) return NamedSource{*found, std::chrono::seconds(config.apply.retry_seconds)};
  std::string names;
  for (const job::SourceConfig& each : config.sources) names += (names.empty() ? "" : ", ") + each.endpoint.name;
  return Status(Code::kUsage, fmt::format("--source {}: {} has no such source; it has {}", source, job_path, names));
}

Result<mysql::FilePosition> ReadWritePosition(mysql::Session& session) {
  constexpr const char* kWhat = "read the binlog position";
  const bool maria = session.flavour() == mysql::Flavour::kMariaDb;
  auto rows = session.Query(maria ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS", kWhat);
  // Before MySQL 8.2.
  if (!rows.ok() && !maria && session.alive()) rows = session.Query("SHOW MASTER STATUS", kWhat);
  if (!rows.ok()) return rows.status();
  mysql::FilePosition position;
  if (rows->rows.size() == 1 && rows->rows[0].size() >= 2 && rows->rows[0][0] && rows->rows[0][1]) {
    const std::string& offset = *rows->rows[0][1];
    const auto [end, error] = std::from_chars(offset.data(), offset.data() + offset.size(), position.offset);
    if (error == std::errc() && end == offset.data() + offset.size()) {
      position.file = *rows->rows[0][0];
      return position;
    }
  }
  return Status(Code::kRefused, session.endpoint().Text() + ": the binary log is off: start the server with log_bin");
}

Result<std::unique_ptr<LiveSchemas>> LiveSchemas::Open(const NamedSource& source) {
  SL_ASSIGN(auto session, mysql::Session::Open(source.config.endpoint, {}));
  return std::unique_ptr<LiveSchemas>(new LiveSchemas(std::move(session), source.config.endpoint.name));
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
  auto known = tables_.find(name);
  if (known == tables_.end()) {
    SL_ASSIGN(Known read, Read(name));
    known = tables_.emplace(name, std::move(read)).first;
  }
  if (!known->second.schema) Say(name, "the server has no such table, or this user may not see it");
  return known->second.schema.get();
}

Result<LiveSchemas::Known> LiveSchemas::Read(const Name& name) {
  if (!session_->alive()) {
    SL_ASSIGN(session_, mysql::Session::Open(session_->endpoint(), {}));
  }
  Known known;
  auto schema = mysql::ReadTableSchema(*session_, {name.first, name.second});
  if (!schema.ok() && schema.status().code() != Code::kUsage) return schema.status();
  if (schema.ok()) known.schema = std::make_unique<mysql::TableSchema>(std::move(*schema));
  if (depended_on_.contains(name)) {
    SL_ASSIGN(const mysql::FilePosition at, ReadWritePosition(*session_));
    known.server_at = {at.file_number(), at.offset};
  }
  return known;
}

void LiveSchemas::DependOn(std::string_view schema, std::string_view table) {
  const auto [name, is_new] = depended_on_.emplace(schema, table);
  const auto known = is_new ? tables_.find(*name) : tables_.end();
  if (known == tables_.end()) return;
  // Read without the place where the server was.
  if (known->second.schema) forgotten_.push_back(std::move(known->second.schema));
  tables_.erase(known);
}

Status LiveSchemas::Passed(const binlog::CommitGroup& group) {
  const Place place{group.begin.file_number(), group.begin.offset};
  for (const binlog::Statement& statement : group.statements) {
    if (!ChangesColumns(statement.sql)) continue;
    const binlog::StatementNames names = binlog::NamesIn(statement.default_schema, statement.sql);
    if (names.temporary) continue;
    std::set<Name> changed;
    for (const binlog::NamedTable& name : names.tables) changed.emplace(Folded(name.schema), Folded(name.table));
    const std::string dropped = Folded(names.dropped_schema);
    for (auto known = tables_.begin(); known != tables_.end();) {
      const Name folded{Folded(known->first.first), Folded(known->first.second)};
      const auto at = known++;
      if (!changed.contains(folded) && (dropped.empty() || folded.first != dropped)) continue;
      SL_TRY(Forget(at, place));
    }
  }
  return base::Ok();
}

Status LiveSchemas::Forget(std::map<Name, Known>::iterator known, Place ddl) {
  const Name name = known->first;
  const bool relied_on = known->second.schema && depended_on_.contains(name) && !differing_.contains(name);
  const bool too_early = relied_on && ddl < known->second.server_at;
  if (known->second.schema) forgotten_.push_back(std::move(known->second.schema));
  tables_.erase(known);
  depended_on_.erase(name);
  differing_.erase(name);
  said_.erase(name);
  if (!too_early) return base::Ok();
  return {Code::kRefused,
          fmt::format("table {}.{}: a DDL statement stands here that the server had done already when its schema was "
                      "asked for, so that columns before this place may have been shown by wrong names; set "
                      "binlog_row_metadata=FULL on the source, and start behind this place",
                      name.first, name.second)};
}

void LiveSchemas::Report(const binlog::DescribedTable& table) {
  const Name name{table.schema->name.schema, table.schema->name.table};
  if (table.known_differs.empty()) {
    differing_.erase(name);
    return;
  }
  differing_.insert(name);
  Say(name, table.known_differs);
}

void LiveSchemas::Say(const Name& name, std::string_view why) {
  if (!said_.insert(name).second) return;
  fmt::print(stderr, "shardlift: table {}.{}: its schema on source {} is not used: {}\n", name.first, name.second,
             source_, why);
}

}  // namespace shardlift::cmd
