#include "verify/touched_owners.h"

#include <fmt/format.h>
#include <strings.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <utility>

#include "base/log.h"
#include "binlog/statement_names.h"
#include "binlog/stream.h"
#include "mysql/position.h"
#include "mysql/session.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr auto kNextTimeout = std::chrono::milliseconds(200);
// A stream that does not come nearer to its end for so long has stalled.
constexpr auto kStallMax = std::chrono::seconds(60);
constexpr std::uint64_t kBytesOfAKey = 64;         // what a remembered key costs besides its bytes
constexpr std::uint64_t kKeysBetweenLooks = 1024;  // at what all keys take
constexpr const char* kRemedy = "run a full pass (--mode full); incremental ones go on from there";

// What tells whether a position still is in the binlog it was read from.
Result<std::string> Identity(mysql::Session& session, const mysql::SourcePosition& position) {
  const bool maria = position.flavour() == mysql::Flavour::kMariaDb;
  SL_ASSIGN(const mysql::Rows rows,
            session.Query(maria ? fmt::format("SELECT BINLOG_GTID_POS({}, {})", session.Quote(position.file().file),
                                              position.file().offset)
                                : std::string("SELECT @@server_uuid"),
                          "tell the binlog from others"));
  if (rows.rows.size() != 1 || !rows.rows[0][0]) return Status(Code::kRefused, "the binlog file is gone");
  return *rows.rows[0][0];
}

std::uint32_t ReaderServerId() {
  std::random_device device;
  return std::uniform_int_distribution<std::uint32_t>(1u << 24, 0x7FFFFFFF)(device);
}

// One source's stream, from a position of the ledger to what the server holds now.
class TouchedReader {
 public:
  TouchedReader(const job::JobConfig& config, const job::Catalog& catalog, std::uint32_t source, TouchedOwners* out)
      : config_(config), catalog_(catalog), source_(source), out_(out) {
    for (std::size_t i = 0; i < catalog.tables.size(); ++i) {
      const job::CatalogTable& table = catalog.tables[i];
      if (table.source != source) continue;
      by_name_[table.schema().name.Text()] = i;
      by_schema_[&table.schema()] = i;
    }
  }

  Status Read(const job::LedgerPosition& since, const std::atomic<bool>* stop) {
    SL_ASSIGN(const mysql::SourcePosition start, mysql::SourcePosition::Parse(since.position));
    SL_ASSIGN(const mysql::SourcePosition end, FindEnd(since, start));
    if (end == start) return base::Ok();
    binlog::StreamOptions options;
    options.endpoint = config_.sources[source_].endpoint;
    options.server_id = ReaderServerId();
    options.start = start;
    options.tables = [this](std::string_view schema, std::string_view table) -> const mysql::TableSchema* {
      const auto found = by_name_.find(fmt::format("{}.{}", schema, table));
      return found == by_name_.end() ? nullptr : &catalog_.tables[found->second].schema();
    };
    SL_ASSIGN(const auto stream, binlog::GroupStream::Open(options));
    auto moved_at = std::chrono::steady_clock::now();
    mysql::SourcePosition seen = start;
    while (!stream->position().Contains(end)) {
      if (stop != nullptr && stop->load()) return {Code::kStopped, "stopped on request"};
      SL_ASSIGN(const binlog::StreamItem item, stream->Next(kNextTimeout));
      if (item.group) SL_TRY(Handle(*item.group));
      const auto now = std::chrono::steady_clock::now();
      if (item.group || !(stream->position() == seen)) {
        seen = stream->position();
        moved_at = now;
      } else if (now - moved_at > kStallMax) {
        return {Code::kEnvironment, "its binlog has stalled; run the pass again"};
      }
    }
    return base::Ok();
  }

 private:
  // Where the server's binlog ends now, once it is known to be the one the position is of.
  Result<mysql::SourcePosition> FindEnd(const job::LedgerPosition& since, const mysql::SourcePosition& start) const {
    SL_ASSIGN(const auto session, mysql::Session::Open(config_.sources[source_].endpoint, mysql::SessionOptions()));
    SL_ASSIGN(const mysql::SourcePosition end, mysql::ReadUpperBound(*session));
    const auto identity = Identity(*session, start);
    if (!identity.ok() && identity.status().code() != Code::kRefused) return identity.status();
    if (!identity.ok() || *identity != since.identity || !end.Contains(start)) {
      return Status(Code::kRefused, fmt::format("its binlog is not the one of the last pass any more: {}", kRemedy));
    }
    return end;
  }

  Status Handle(const binlog::CommitGroup& group) {
    for (const binlog::Statement& statement : group.statements) {
      if (statement.is_ddl || statement.is_dml) AddNamed(statement);
    }
    if (!group.has_rows()) return base::Ok();
    return group.ForEachRow([&](const binlog::RowChange& change) {
      const std::size_t table = by_schema_.at(change.table);
      ++out_->changes;
      if (change.op != binlog::RowOp::kInsert) AddOwner(table, change.before, {});
      if (change.op != binlog::RowOp::kDelete) AddOwner(table, change.after, change.before);
      return base::Ok();
    });
  }

  // A statement that may be about a table, as text.
  void AddNamed(const binlog::Statement& statement) {
    const binlog::StatementNames names = binlog::NamesIn(statement.default_schema, statement.sql);
    if (names.temporary) return;
    // Servers may take names in any case.
    const auto same = [](const std::string& a, const std::string& b) { return strcasecmp(a.c_str(), b.c_str()) == 0; };
    for (const auto& [schema, index] : by_schema_) {
      const mysql::TableName& name = schema->name;
      bool named = same(names.dropped_schema, name.schema);
      for (const binlog::NamedTable& other : names.tables) {
        named |= same(other.schema, name.schema) && same(other.table, name.table);
      }
      if (named) out_->tables[index].AddAll();
    }
  }

  // Key columns that an update's new image leaves out are as in the old one.
  void AddOwner(std::size_t table, std::span<const mysql::Value> image, std::span<const mysql::Value> old_image) {
    OwnerSet& owners = out_->tables[table];
    if (owners.all()) return;
    const mapping::TableMapper& mapper = *catalog_.tables[table].mapper;
    const bool whole = std::none_of(mapper.key_columns().begin(), mapper.key_columns().end(),
                                    [&](std::size_t column) { return image[column].is_absent(); });
    if (!whole && !old_image.empty()) {
      std::vector<mysql::Value> filled(image.begin(), image.end());
      for (std::size_t i = 0; i < filled.size(); ++i) {
        if (filled[i].is_absent()) filled[i] = old_image[i];
      }
      return AddOwner(table, filled, {});
    }
    std::string key;
    if (!whole || !mapper.OwnerKey(image, &key).ok()) {
      owners.AddAll();
      return;
    }
    owners.Add(key);
    if (++added_ % kKeysBetweenLooks != 0) return;
    std::uint64_t bytes = 0;
    for (const OwnerSet& set : out_->tables) bytes += set.bytes();
    if (bytes <= kTouchedBytesMax) return;
    const auto largest = std::max_element(out_->tables.begin(), out_->tables.end(),
                                          [](const OwnerSet& a, const OwnerSet& b) { return a.bytes() < b.bytes(); });
    largest->Spill();
  }

  const job::JobConfig& config_;
  const job::Catalog& catalog_;
  const std::uint32_t source_;
  TouchedOwners* const out_;
  std::uint64_t added_ = 0;
  std::map<std::string, std::size_t> by_name_;
  std::map<const mysql::TableSchema*, std::size_t> by_schema_;
};

}  // namespace

void OwnerSet::Forget() {
  keys_ = {};
  bytes_ = 0;
}

void OwnerSet::Add(std::string_view key) {
  if (all_) return;
  if (least_.empty() || key < least_) least_ = key;
  if (key > greatest_) greatest_ = key;
  if (!spilled_ && keys_.emplace(key).second) bytes_ += key.size() + kBytesOfAKey;
}

void OwnerSet::Spill() {
  spilled_ = true;
  Forget();
}

std::vector<std::string> OwnerSet::Sorted() const {
  std::vector<std::string> sorted(keys_.begin(), keys_.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted;
}

std::vector<job::LedgerPosition> ReadStreamStarts(const job::JobConfig& config) {
  std::vector<job::LedgerPosition> starts;
  for (const job::SourceConfig& source : config.sources) {
    job::LedgerPosition start;
    start.source = source.endpoint.name;
    const Status status = [&]() -> Status {
      SL_ASSIGN(const auto session, mysql::Session::Open(source.endpoint, mysql::SessionOptions()));
      SL_ASSIGN(const mysql::SourcePosition position, mysql::ReadVisibleLowerBound(*session));
      start.position = position.ToText();
      SL_ASSIGN(start.identity, Identity(*session, position));
      return base::Ok();
    }();
    if (status.ok()) {
      starts.push_back(std::move(start));
    } else {
      base::LogWarning("no incremental pass can build on this one: the source's position could not be read",
                       {{"source", source.endpoint.name}, {"error", status.message()}});
    }
  }
  return starts;
}

Result<TouchedOwners> ReadTouchedOwners(const job::JobConfig& config, const job::Catalog& catalog,
                                        const std::vector<job::LedgerPosition>& since, const std::atomic<bool>* stop) {
  TouchedOwners touched;
  touched.tables.resize(catalog.tables.size());
  for (std::uint32_t i = 0; i < config.sources.size(); ++i) {
    const std::string& name = config.sources[i].endpoint.name;
    const auto found =
        std::find_if(since.begin(), since.end(), [&](const job::LedgerPosition& p) { return p.source == name; });
    if (found == since.end()) {
      return Status(Code::kRefused,
                    fmt::format("source {}: the last pass could not read its position: {}", name, kRemedy));
    }
    TouchedReader reader(config, catalog, i, &touched);
    if (Status status = reader.Read(*found, stop); !status.ok()) {
      if (status.code() == Code::kCorrupt || status.code() == Code::kRefused) {
        const bool told = status.message().find(kRemedy) != std::string::npos;
        return Status(Code::kRefused,
                      fmt::format("source {}: {}{}{}", name, status.message(), told ? "" : ": ", told ? "" : kRemedy));
      }
      return status.WithContext("source " + name);
    }
  }
  return touched;
}

}  // namespace shardlift::verify
