#include "repair/undo.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "base/progress.h"
#include "job/catalog.h"
#include "job/routing.h"
#include "migrate/batch.h"
#include "migrate/follower.h"
#include "repair/audit.h"
#include "repair/undo_errand.h"
#include "repair/undo_plan.h"
#include "verify/table_check.h"

namespace shardlift::repair {
namespace {

using base::Code;
using base::Result;
using base::Status;
using UndoClock = std::chrono::steady_clock;

constexpr std::size_t kOwnersPerBatch = 500;
constexpr std::uint64_t kBytesPerBatch = 4u << 20;
constexpr std::size_t kClashesPerBatch = 5000;  // owners that hold each other's target key should meet in one batch
constexpr std::size_t kClashesKept = 10'000;
constexpr std::size_t kLeftListed = 1000;

constexpr const char* kChangedSince =
    "it is not as the repair left it any more: the source, or something else, changed it since";
constexpr const char* kClash = "another owner's row has the target key that its row had before the repair";
constexpr const char* kNoTable = "its table is none of this job any more";
constexpr const char* kInPart = "; it could not be taken back on all shards: verify names it";

struct UndoOwner {
  std::string owner_id;
  const job::CatalogTable* table = nullptr;
  std::vector<UndoItem> items;
  std::string reason;  // why it stays as it is
  bool was_as_before = false;

  bool AllAre(UndoState state) const {
    return std::all_of(items.begin(), items.end(), [&](const UndoItem& item) { return item.state == state; });
  }
};
using UndoOwners = std::vector<UndoOwner>;

// Rows are put back before other places are emptied. So a place that was emptied while a row is still to be put back
// was emptied by somebody else.
bool IsChanged(const UndoOwner& owner) {
  bool emptied = false;
  bool to_put = false;
  for (const UndoItem& item : owner.items) {
    if (item.state == UndoState::kChanged) return true;
    emptied |= !item.place.before && item.state == UndoState::kAsBefore;
    to_put |= item.place.before && item.state == UndoState::kAsLeft;
  }
  return emptied && to_put;
}

class UndoRun {
 public:
  UndoRun(const job::JobConfig& config, const UndoOptions& options, const job::Catalog& catalog,
          const store::Router& router)
      : config_(config), options_(options), catalog_(catalog), router_(router) {
    report_.dry_run = options.dry_run;
    report_.run = NewRunName();
    for (const job::CatalogTable& table : catalog.tables) {
      tables_[{table.mapper->config().origin, table.ordinal}] = &table;
    }
  }
  Status Run();
  UndoReport report() { return std::move(report_); }

 private:
  Status Begin();
  Status All(UndoPlan* plan);
  Status RetryClashes();
  UndoOwners Take(std::vector<PlannedOwner> planned) const;
  Status Batch(UndoOwners* owners);
  Status Restore(UndoOwners* owners);
  Status TakeBack(UndoOwners* owners);
  // One move of those items that `pick` wants, each shard in one transaction.
  template <class Pick>
  Status Do(UndoMove move, UndoOwners* owners, Pick&& pick);
  Status CompareByReading(UndoOwners* owners);
  void Count(UndoOwners* owners);
  void Leave(const UndoOwner& owner, std::string_view reason);
  Status End();

  const job::JobConfig& config_;
  const UndoOptions& options_;
  const job::Catalog& catalog_;
  const store::Router& router_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, const job::CatalogTable*> tables_;  // by origin and ordinal
  std::unique_ptr<AuditLog> audit_;
  std::unique_ptr<UndoRecorder> recorder_;
  std::unique_ptr<migrate::Follower> follower_;
  std::vector<std::unique_ptr<mysql::Session>> shards_;  // of a dry run
  UndoOwners clashed_;                                   // to be tried again
  UndoReport report_;
};

Status UndoRun::Run() {
  if (!std::filesystem::exists(options_.audit_path)) {
    return Status(Code::kUsage, fmt::format("audit {}: there is no such file", options_.audit_path));
  }
  if (!options_.dry_run) {
    SL_ASSIGN(audit_, AuditLog::Open(options_.audit_path));
  }
  SL_ASSIGN(UndoPlan plan, UndoPlan::Read(config_, catalog_, options_.audit_path, options_.run));
  report_.undoes = plan.run();
  report_.owners = plan.owners();
  if (plan.owners() > options_.max_rows) {
    return Status(Code::kRefused, fmt::format("the repair {} wrote {} rows; the limit is {} (--max-rows). Nothing was "
                                              "undone",
                                              plan.run(), plan.owners(), options_.max_rows));
  }
  if (options_.dry_run) return All(&plan);
  SL_TRY(Begin());
  SL_TRY(All(&plan));
  SL_TRY(follower_->Close());
  return End();
}

Status UndoRun::Begin() {
  report_.audit_path = options_.audit_path;
  recorder_ = std::make_unique<UndoRecorder>(config_, report_.run, report_.undoes, audit_.get());
  SL_ASSIGN(follower_,
            migrate::Follower::Start(config_, catalog_, router_, {options_.takeover, options_.stop, nullptr}));
  SL_TRY(follower_->Settle());
  const AuditRecord begin{"begin",
                          {{"run", report_.run},
                           {"job", config_.name},
                           {"fingerprint", config_.fingerprint},
                           {"undoes", report_.undoes},
                           {"found", std::to_string(report_.owners)}}};
  return audit_->Append({&begin, 1});
}

Status UndoRun::All(UndoPlan* plan) {
  base::ProgressOptions progress_options;
  progress_options.enabled = options_.progress;
  base::ProgressReporter progress("repair undo", progress_options);
  progress.SetTotal(plan->owners());
  while (true) {
    if (options_.stop != nullptr && options_.stop->load()) {
      return Status(Code::kStopped, "stopped on request; what was restored is stored, the same command goes on");
    }
    SL_ASSIGN(std::vector<PlannedOwner> planned, plan->Next(kOwnersPerBatch, kBytesPerBatch));
    if (planned.empty()) return RetryClashes();
    const std::size_t count = planned.size();
    UndoOwners owners = Take(std::move(planned));
    SL_TRY(Batch(&owners));
    progress.AddDone(count);
  }
}

// Whose row finds its key taken by a row that is undone later.
Status UndoRun::RetryClashes() {
  while (!clashed_.empty()) {
    UndoOwners again = std::exchange(clashed_, {});
    const std::size_t count = again.size();
    for (std::size_t i = 0; i < again.size(); i += kClashesPerBatch) {
      const auto begin = again.begin() + static_cast<std::ptrdiff_t>(i);
      const auto end = again.begin() + static_cast<std::ptrdiff_t>(std::min(again.size(), i + kClashesPerBatch));
      UndoOwners part(std::make_move_iterator(begin), std::make_move_iterator(end));
      SL_TRY(Batch(&part));
    }
    if (clashed_.size() < count) continue;
    for (const UndoOwner& owner : std::exchange(clashed_, {})) Leave(owner, kClash);
  }
  return base::Ok();
}

UndoOwners UndoRun::Take(std::vector<PlannedOwner> planned) const {
  UndoOwners owners;
  for (PlannedOwner& one : planned) {
    UndoOwner& owner = owners.emplace_back();
    owner.owner_id = std::move(one.owner_id);
    owner.reason = std::move(one.reason);
    const migrate::OwnerIdParts parts = migrate::SplitOwnerId(owner.owner_id);
    const auto table = tables_.find({parts.origin, parts.table_ordinal});
    if (table == tables_.end()) {
      owner.reason = kNoTable;
      continue;
    }
    owner.table = table->second;
    for (OwnerOnShard& place : one.places) owner.items.push_back({.place = std::move(place)});
  }
  return owners;
}

Status UndoRun::Batch(UndoOwners* owners) {
  const auto all = [](const UndoOwner& owner, const UndoItem&) { return owner.reason.empty(); };
  SL_TRY(options_.dry_run ? CompareByReading(owners) : Do(UndoMove::kCompare, owners, all));
  for (UndoOwner& owner : *owners) {
    if (!owner.reason.empty()) continue;
    if (IsChanged(owner)) {
      owner.reason = kChangedSince;
    } else if (owner.AllAre(UndoState::kAsBefore)) {
      owner.was_as_before = true;
    }
  }
  if (!options_.dry_run) {
    SL_TRY(Restore(owners));
    SL_TRY(TakeBack(owners));
  }
  Count(owners);
  return base::Ok();
}

Status UndoRun::Restore(UndoOwners* owners) {
  // An owner with two places never has no row: the row that comes back is there before the other one leaves.
  for (const bool first : {true, false}) {
    const auto of_step = [first](const UndoOwner& owner, const UndoItem& item) {
      if (!owner.reason.empty() || owner.was_as_before) return false;
      return !first || owner.items.size() == 1 || item.place.before.has_value();
    };
    SL_TRY(Do(UndoMove::kRestore, owners, [&](const UndoOwner& owner, const UndoItem& item) {
      return of_step(owner, item) && item.state == UndoState::kAsLeft;
    }));
    for (UndoOwner& owner : *owners) {
      std::string reason;
      for (UndoItem& item : owner.items) {
        if (!of_step(owner, item)) continue;
        if (item.state != UndoState::kAsBefore) reason = item.clashed ? kClash : kChangedSince;
      }
      if (!reason.empty()) owner.reason = std::move(reason);
    }
  }
  return base::Ok();
}

// An owner that could not be restored everywhere gets what the repair left where an undo restored it.
Status UndoRun::TakeBack(UndoOwners* owners) {
  const auto in_part = [](const UndoOwner& owner, const UndoItem& item) {
    return !owner.reason.empty() && item.state == UndoState::kAsBefore && item.place.undone;
  };
  for (const bool first : {true, false}) {
    SL_TRY(Do(UndoMove::kTakeBack, owners, [&](const UndoOwner& owner, const UndoItem& item) {
      return in_part(owner, item) && (!first || item.place.after.has_value());
    }));
  }
  for (UndoOwner& owner : *owners) {
    const bool left_in_part =
        std::any_of(owner.items.begin(), owner.items.end(), [&](const UndoItem& item) { return in_part(owner, item); });
    if (left_in_part) owner.reason += kInPart;
  }
  return base::Ok();
}

template <class Pick>
Status UndoRun::Do(UndoMove move, UndoOwners* owners, Pick&& pick) {
  std::map<std::uint32_t, std::map<std::uint32_t, std::vector<UndoItem*>>> parts;  // by source and shard
  for (UndoOwner& owner : *owners) {
    for (UndoItem& item : owner.items) {
      if (pick(std::as_const(owner), std::as_const(item)))
        parts[owner.table->source][item.place.shard].push_back(&item);
    }
  }
  for (const auto& [source, by_shard] : parts) {
    std::vector<migrate::ShardErrand> errands;
    for (const auto& [shard, items] : by_shard) {
      errands.push_back({shard, std::make_shared<UndoErrand>(catalog_, recorder_.get(), move, items)});
    }
    SL_TRY(follower_->Run(source, std::move(errands)));
  }
  return base::Ok();
}

Status UndoRun::CompareByReading(UndoOwners* owners) {
  std::map<std::uint32_t, std::vector<UndoItem*>> parts;
  for (UndoOwner& owner : *owners) {
    for (UndoItem& item : owner.items) parts[item.place.shard].push_back(&item);
  }
  shards_.resize(config_.shards.size());
  for (const auto& [shard, items] : parts) {
    if (!shards_[shard]) {
      mysql::SessionOptions session_options;
      session_options.database = config_.shards[shard].database;
      SL_ASSIGN(shards_[shard], mysql::Session::Open(config_.shards[shard].endpoint, session_options));
    }
    migrate::ShardWriter writer(shards_[shard].get(), &catalog_, false);
    std::vector<std::string_view> ids;
    for (const UndoItem* item : items) ids.push_back(item->place.owner_id);
    SL_ASSIGN(const std::vector<migrate::OwnedRow> rows, writer.LockOwners(ids, false));
    CompareItems(catalog_, rows, items);
  }
  return base::Ok();
}

void UndoRun::Count(UndoOwners* owners) {
  for (UndoOwner& owner : *owners) {
    if (owner.reason.empty()) {
      ++(owner.was_as_before ? report_.as_before : report_.restored);
    } else if (owner.reason == kClash && clashed_.size() < kClashesKept) {
      owner.reason.clear();
      clashed_.push_back(std::move(owner));
    } else {
      Leave(owner, owner.reason);
    }
  }
}

void UndoRun::Leave(const UndoOwner& owner, std::string_view reason) {
  ++report_.left;
  if (report_.listed.size() >= kLeftListed) return;
  const migrate::OwnerIdParts parts = migrate::SplitOwnerId(owner.owner_id);
  LeftOwner& left = report_.listed.emplace_back();
  left.origin = parts.origin;
  left.table_ordinal = parts.table_ordinal;
  left.owner_key = std::string(parts.legacy_key);
  left.reason = reason;
  if (owner.table == nullptr) return;
  left.source = config_.sources[owner.table->source].endpoint.name;
  left.table = owner.table->schema().name.Text();
  left.key_text = verify::KeyText(*owner.table->mapper, parts.legacy_key);
}

Status UndoRun::End() {
  const AuditRecord end{"end",
                        {{"run", report_.run},
                         {"undoes", report_.undoes},
                         {"restored", std::to_string(report_.restored)},
                         {"as_before", std::to_string(report_.as_before)},
                         {"left", std::to_string(report_.left)}}};
  SL_TRY(audit_->Append({&end, 1}));
  report_.audit_head = audit_->head();
  return base::Ok();
}

}  // namespace

Result<UndoReport> RunUndo(const job::JobConfig& config, const UndoOptions& options) {
  const auto started_at = UndoClock::now();
  SL_ASSIGN(const store::Router router, job::MakeRouter(config.routing));
  SL_ASSIGN(const job::Catalog catalog, job::LoadCatalog(config, false));
  UndoRun run(config, options, catalog, router);
  SL_TRY(run.Run());
  UndoReport report = run.report();
  report.seconds = std::chrono::duration<double>(UndoClock::now() - started_at).count();
  return report;
}

}  // namespace shardlift::repair
