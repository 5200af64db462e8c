#include "repair/dead_letters.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "job/catalog.h"
#include "job/routing.h"
#include "mapping/owner_key.h"
#include "migrate/batch.h"
#include "migrate/follower.h"
#include "repair/audit.h"
#include "repair/repair.h"
#include "verify/findings_file.h"
#include "verify/table_check.h"

namespace shardlift::repair {
namespace {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;

constexpr std::size_t kAllLetters = static_cast<std::size_t>(-1);
constexpr std::size_t kLettersLeftListed = 1000;

using TablesByOwner = std::map<std::pair<std::uint32_t, std::uint32_t>, const job::CatalogTable*>;

TablesByOwner TablesOf(const job::Catalog& catalog) {
  TablesByOwner tables;
  for (const job::CatalogTable& table : catalog.tables) {
    tables[{table.mapper->config().origin, table.ordinal}] = &table;
  }
  return tables;
}

std::uint32_t LetterNumber(const std::optional<std::string_view>& text) {
  std::uint32_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

std::string LetterText(const std::optional<std::string_view>& text) { return std::string(text.value_or("")); }

std::string LetterId(const DeadLetterRow& letter) {
  return migrate::MakeOwnerId(letter.origin, letter.table_ordinal, letter.owner_key);
}

bool Takes(const LetterFilter& filter, const DeadLetterRow& letter) {
  if (!filter.table.empty() && filter.table != letter.table) return false;
  if (!filter.reason.empty() && filter.reason != letter.reason) return false;
  return filter.key.empty() || (!letter.key_text.empty() && filter.key == letter.key_text) ||
         filter.key == verify::UpperHex(letter.owner_key);
}

Status ReadLetters(const job::JobConfig& config, const TablesByOwner& tables, const LetterFilter& filter,
                   std::uint32_t shard, std::size_t limit, LetterList* list) {
  mysql::SessionOptions session_options;
  session_options.database = config.shards[shard].database;
  SL_ASSIGN(const auto session, mysql::Session::Open(config.shards[shard].endpoint, session_options));
  SL_ASSIGN(auto stream,
            session->OpenStream("SELECT owner_origin, owner_table, owner_key, source, position, reason, "
                                "detail, created_at FROM sl_dead_letter ORDER BY created_at, owner_origin, "
                                "owner_table, owner_key",
                                "read dead letters"));
  while (true) {
    SL_ASSIGN(const bool more, stream->Next());
    if (!more) return base::Ok();
    const auto& row = stream->row();
    DeadLetterRow letter;
    letter.shard = shard;
    letter.origin = LetterNumber(row[0]);
    letter.table_ordinal = LetterNumber(row[1]);
    letter.owner_key = LetterText(row[2]);
    letter.source = LetterText(row[3]);
    letter.position = LetterText(row[4]);
    letter.reason = LetterText(row[5]);
    letter.detail = LetterText(row[6]);
    letter.since = LetterText(row[7]);
    if (const auto table = tables.find({letter.origin, letter.table_ordinal}); table != tables.end()) {
      letter.table = table->second->schema().name.Text();
      letter.key_text = verify::KeyText(*table->second->mapper, letter.owner_key);
    }
    if (!Takes(filter, letter)) continue;
    ++list->total;
    if (list->letters.size() < limit) list->letters.push_back(std::move(letter));
  }
}

Result<LetterList> AllLetters(const job::JobConfig& config, const TablesByOwner& tables, const LetterFilter& filter,
                              std::size_t limit) {
  LetterList list;
  for (std::uint32_t shard = 0; shard < config.shards.size(); ++shard) {
    list.shards.push_back(config.shards[shard].endpoint.name);
    SL_TRY(ReadLetters(config, tables, filter, shard, limit, &list));
  }
  return list;
}

Status PauseFor(std::chrono::milliseconds pause, const std::atomic<bool>* stop) {
  const auto until = std::chrono::steady_clock::now() + pause;
  while (std::chrono::steady_clock::now() < until) {
    if (stop != nullptr && stop->load()) {
      return {Code::kStopped, "stopped on request; what was settled is stored"};
    }
    std::this_thread::sleep_for(std::min<std::chrono::milliseconds>(pause, 50ms));
  }
  return base::Ok();
}

Status RereadLetters(const TablesByOwner& tables, const std::vector<DeadLetterRow>& letters,
                     migrate::Follower* follower) {
  std::map<const job::CatalogTable*, std::set<std::string>> keys;
  for (const DeadLetterRow& letter : letters) {
    const auto table = tables.find({letter.origin, letter.table_ordinal});
    if (table == tables.end()) continue;
    const mapping::TableMapper& mapper = *table->second->mapper;
    if (!mapping::DecodeOwnerKey(mapper.context().schema, mapper.key_columns(), letter.owner_key)) continue;
    keys[table->second].insert(letter.owner_key);
  }
  for (const auto& [table, of_table] : keys) {
    const std::vector<std::string> all(of_table.begin(), of_table.end());
    SL_TRY(follower->Reread(*table, all));
  }
  return follower->Settle();
}

// Removes letters in the lane's transaction; the lane forgets them.
class DropErrand final : public migrate::LaneErrand {
 public:
  DropErrand(const job::JobConfig& config, std::string run, AuditLog* audit, std::vector<const DeadLetterRow*> letters)
      : config_(config), run_(std::move(run)), audit_(audit), letters_(std::move(letters)) {}

  Status Work(migrate::LanePlace& place) override {
    std::vector<std::string> owner_ids;
    std::vector<AuditRecord> records;
    for (const DeadLetterRow* letter : letters_) {
      owner_ids.push_back(LetterId(*letter));
      records.push_back({"drop",
                         {{"run", run_},
                          {"shard", config_.shards[place.shard].endpoint.name},
                          {"origin", std::to_string(letter->origin)},
                          {"table_ordinal", std::to_string(letter->table_ordinal)},
                          {"owner_key", verify::UpperHex(letter->owner_key)},
                          {"source", letter->source},
                          {"table", letter->table},
                          {"reason", letter->reason}}});
    }
    // A transaction that is made again does not put them on record again.
    if (!is_recorded_) SL_TRY(audit_->Append(records));
    is_recorded_ = true;
    const std::vector<std::string_view> views(owner_ids.begin(), owner_ids.end());
    SL_TRY(place.writer.ClearDeadLetters(views));
    place.letters_cleared.insert(place.letters_cleared.end(), owner_ids.begin(), owner_ids.end());
    return base::Ok();
  }

 private:
  const job::JobConfig& config_;
  const std::string run_;
  AuditLog* const audit_;
  const std::vector<const DeadLetterRow*> letters_;
  bool is_recorded_ = false;
};

// The number of those dropped: a letter of a source that the job does not have stays.
Result<std::uint64_t> Drop(const job::JobConfig& config, const LetterList& list, AuditLog* audit,
                           migrate::Follower* follower) {
  const std::string run = NewRunName();
  std::uint64_t dropped = 0;
  for (std::uint32_t source = 0; source < config.sources.size(); ++source) {
    std::map<std::uint32_t, std::vector<const DeadLetterRow*>> by_shard;
    for (const DeadLetterRow& letter : list.letters) {
      if (letter.source == config.sources[source].endpoint.name) by_shard[letter.shard].push_back(&letter);
    }
    for (const auto& [shard, letters] : by_shard) dropped += letters.size();
    std::vector<migrate::ShardErrand> errands;
    for (auto& [shard, letters] : by_shard) {
      errands.push_back({shard, std::make_shared<DropErrand>(config, run, audit, std::move(letters))});
    }
    if (!errands.empty()) SL_TRY(follower->Run(source, std::move(errands)));
  }
  return dropped;
}

}  // namespace

Result<LetterList> ListDeadLetters(const job::JobConfig& config, const LetterFilter& filter, std::size_t limit) {
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, false));
  return AllLetters(config, TablesOf(catalog), filter, limit);
}

Result<RetryReport> RetryDeadLetters(const job::JobConfig& config, const LetterFilter& filter,
                                     const LetterOptions& options) {
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, false));
  const TablesByOwner tables = TablesOf(catalog);
  SL_ASSIGN(LetterList list, AllLetters(config, tables, filter, kAllLetters));
  RetryReport report;
  std::set<std::string> wanted;
  for (const DeadLetterRow& letter : list.letters) wanted.insert(LetterId(letter));
  report.shards = list.shards;
  report.found = wanted.size();
  if (wanted.empty()) return report;
  SL_ASSIGN(const auto follower,
            migrate::Follower::Start(config, catalog, router, {options.takeover, options.stop, nullptr}));
  SL_TRY(follower->Settle());
  std::chrono::milliseconds pause = options.pause_first;
  for (int attempt = 0; attempt < options.attempts && !list.letters.empty(); ++attempt) {
    if (attempt > 0) {
      SL_TRY(PauseFor(pause, options.stop));
      pause *= 2;
    }
    SL_TRY(RereadLetters(tables, list.letters, follower.get()));
    SL_ASSIGN(list, AllLetters(config, tables, {}, kAllLetters));
    std::erase_if(list.letters, [&](const DeadLetterRow& letter) { return !wanted.contains(LetterId(letter)); });
  }
  SL_TRY(follower->Close());
  std::set<std::string> left;
  for (const DeadLetterRow& letter : list.letters) left.insert(LetterId(letter));
  report.left = left.size();
  report.settled = report.found - report.left;
  list.letters.resize(std::min(list.letters.size(), kLettersLeftListed));
  report.letters = std::move(list.letters);
  return report;
}

Result<DropReport> DropDeadLetters(const job::JobConfig& config, const LetterFilter& filter,
                                   const LetterOptions& options) {
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, false));
  DropReport report;
  report.audit_path = options.audit_path.empty() ? DefaultAuditPath(config) : options.audit_path;
  SL_ASSIGN(const auto audit, AuditLog::Open(report.audit_path));
  SL_ASSIGN(const auto follower,
            migrate::Follower::Start(config, catalog, router, {options.takeover, options.stop, nullptr}));
  // Clashes are read again by now: a letter that is still there stays gone once it is dropped.
  SL_TRY(follower->Settle());
  SL_ASSIGN(const LetterList list, AllLetters(config, TablesOf(catalog), filter, kAllLetters));
  if (list.letters.empty()) {
    SL_TRY(follower->Close());
    return Status(Code::kUsage, "no dead letter is the one that was named; shardlift deadletter list shows them");
  }
  SL_ASSIGN(report.dropped, Drop(config, list, audit.get(), follower.get()));
  SL_TRY(follower->Close());
  report.audit_head = audit->head();
  return report;
}

}  // namespace shardlift::repair
