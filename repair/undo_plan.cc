#include "repair/undo_plan.h"

#include <fmt/format.h>

#include <charconv>

#include "migrate/batch.h"
#include "repair/audit.h"

namespace shardlift::repair {
namespace {

using base::Code;
using base::Result;
using base::Status;
using store::TargetKind;

RowViews ViewsOfRow(const std::optional<RowColumns>& row) { return row ? ViewsOf(*row) : RowViews(); }

std::uint32_t AuditNumber(const AuditLine& line, const char* field) {
  std::uint32_t value = 0;
  const auto found = line.fields.find(field);
  if (found != line.fields.end()) {
    std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  }
  return value;
}

std::string TextOf(const AuditLine& line, const char* field) {
  const auto found = line.fields.find(field);
  return found == line.fields.end() ? std::string() : found->second;
}

// Numbers and times stand in statements as they are.
bool LooksRight(TargetKind kind, std::string_view text) {
  std::string_view allowed;
  switch (kind) {
    case TargetKind::kUnsigned:
    case TargetKind::kSigned:
    case TargetKind::kDecimal: allowed = "0123456789.-"; break;
    case TargetKind::kDate:
    case TargetKind::kTime:
    case TargetKind::kDateTime: allowed = "0123456789.-: "; break;
    default: return true;
  }
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

}  // namespace

UndoPlan::UndoPlan(const job::JobConfig& config, const job::Catalog& catalog, std::string audit_path)
    : config_(&config),
      catalog_(&catalog),
      audit_path_(std::move(audit_path)),
      images_path_(ImagesPathOf(audit_path_)) {
  for (std::uint32_t i = 0; i < config.shards.size(); ++i) shards_[config.shards[i].endpoint.name] = i;
}

Result<UndoPlan> UndoPlan::Read(const job::JobConfig& config, const job::Catalog& catalog,
                                const std::string& audit_path, const std::string& run) {
  UndoPlan plan(config, catalog, audit_path);
  SL_TRY(plan.TakeAudit(run));
  SL_TRY(plan.FindImages());
  SL_TRY(plan.CheckComplete());
  plan.next_ = plan.owners_.cbegin();
  return plan;
}

Status UndoPlan::TakeAudit(const std::string& run) {
  const auto read = ReadAudit(audit_path_, [&](const AuditLine& line) { return TakeAuditLine(line, run); });
  if (!read.ok()) {
    const Status& why = read.status();
    return why.code() == Code::kFindings ? Status(Code::kRefused, why.message() + "; nothing was undone") : why;
  }
  if (run_.empty()) {
    return Status(Code::kRefused,
                  run.empty() ? fmt::format("audit {}: no repair in it wrote anything", audit_path_)
                              : fmt::format("audit {}: no repair {} in it wrote anything; the names of runs are in the "
                                            "field \"run\"",
                                            audit_path_, run));
  }
  if (runs_of_others_.contains(run_)) {
    return Status(Code::kRefused, fmt::format("audit {}: the repair {} was of other mappings, targets or routing rules "
                                              "than {} has",
                                              audit_path_, run_, config_->path));
  }
  if (run_ == run_without_images_) {
    return Status(Code::kRefused,
                  fmt::format("audit {}: the repair {} ran with --no-images: nothing says what the rows were before; "
                              "they are in the shards' binlogs (shardlift binlog dump --flashback)",
                              audit_path_, run_));
  }
  return base::Ok();
}

// The writes of one run stand together: only one process has the audit at a time.
Status UndoPlan::TakeAuditLine(const AuditLine& line, const std::string& run) {
  const bool is_undo = line.event == "undo";
  const std::string of = TextOf(line, is_undo ? "undoes" : "run");
  if (!run.empty() && of != run) return base::Ok();
  if (line.event == "begin" && TextOf(line, "fingerprint") != config_->fingerprint) runs_of_others_.insert(of);
  if (line.event != "write" && !is_undo) return base::Ok();
  if (is_undo && of != run_) return base::Ok();
  if (of != run_) {
    owners_.clear();
    undone_.clear();
    run_ = of;
  }
  if (TextOf(line, "images") == "none") run_without_images_ = of;
  const auto shard = shards_.find(TextOf(line, "shard"));
  const auto key = BytesOfUpperHex(TextOf(line, "owner_key"));
  if (shard == shards_.end() || !key) {
    return Status(Code::kRefused,
                  fmt::format("audit {}:{}: it names no shard of {}", audit_path_, line.number, config_->path));
  }
  const std::string owner_id =
      migrate::MakeOwnerId(AuditNumber(line, "origin"), AuditNumber(line, "table_ordinal"), *key);
  if (is_undo) {
    undone_.emplace(shard->second, owner_id);
    return base::Ok();
  }
  owners_[owner_id].push_back({line.number, kNoImage, 0, TextOf(line, "before"), TextOf(line, "after"), shard->second});
  return base::Ok();
}

Status UndoPlan::FindImages() {
  images_.open(images_path_, std::ios::binary);
  if (!images_) {
    return Status(
        Code::kRefused,
        fmt::format("images {}: cannot be read; without the rows as they were before there is no way back but "
                    "the shards' binlogs (shardlift binlog dump --flashback)",
                    images_path_));
  }
  std::string line;
  std::uint64_t offset = 0;
  for (std::uint64_t number = 1; std::getline(images_, line) && !images_.eof(); ++number) {
    SL_TRY(FindImage(line, number, offset));
    offset += line.size() + 1;
  }
  images_.clear();
  return base::Ok();
}

Status UndoPlan::FindImage(const std::string& line, std::uint64_t number, std::uint64_t offset) {
  const std::optional<StoredImage> image = ParseImage(line);
  if (!image) return ImageRefused(number, "it is damaged");
  if (image->run != run_) return base::Ok();
  const std::string before = DigestOf(ViewsOfRow(image->before));
  const std::string after = DigestOf(ViewsOfRow(image->after));
  const auto owner = owners_.find(image->owner_id);
  if (owner != owners_.end()) {
    for (Write& write : owner->second) {
      if (write.before != before || write.after != after ||
          config_->shards[write.shard].endpoint.name != image->shard) {
        continue;
      }
      write.offset = offset;
      write.image_line = number;
      return CheckColumns(*image, number);
    }
  }
  unknown_images_[image->owner_id] = number;  // of a crash before the audit's line, or changed
  return base::Ok();
}

Status UndoPlan::CheckColumns(const StoredImage& image, std::uint64_t number) const {
  const store::TargetTable& target = catalog_->TargetOf(migrate::SplitOwnerId(image.owner_id).table_ordinal);
  for (const auto& row : {image.before, image.after}) {
    if (!row) continue;
    if (row->size() != target.columns.size()) return ImageRefused(number, "it has other columns than the table");
    for (std::size_t i = 0; i < row->size(); ++i) {
      if ((*row)[i] && !LooksRight(target.columns[i].kind, *(*row)[i])) {
        return ImageRefused(number, fmt::format("its column {} is none of that type", target.columns[i].name));
      }
    }
  }
  return base::Ok();
}

Status UndoPlan::CheckComplete() const {
  for (const auto& [owner_id, writes] : owners_) {
    for (const Write& write : writes) {
      if (write.offset != kNoImage) continue;
      const auto changed = unknown_images_.find(owner_id);
      if (changed != unknown_images_.end()) {
        return ImageRefused(changed->second, fmt::format("its rows are not those of {}:{}, it was changed", audit_path_,
                                                         write.audit_line));
      }
      return Status(Code::kRefused,
                    fmt::format("images {}: the image of {}:{} is not there; the file was cut, or is another one's; "
                                "nothing was undone",
                                images_path_, audit_path_, write.audit_line));
    }
  }
  return base::Ok();
}

Status UndoPlan::ImageRefused(std::uint64_t line, std::string_view what) const {
  return {Code::kRefused, fmt::format("images {}:{}: {}; nothing was undone. What was there before is in the shards' "
                                      "binlogs (shardlift binlog dump --flashback)",
                                      images_path_, line, what)};
}

Result<StoredImage> UndoPlan::Load(const Write& write) {
  images_.clear();
  images_.seekg(static_cast<std::streamoff>(write.offset));
  std::string line;
  std::getline(images_, line);
  std::optional<StoredImage> image = ParseImage(line);
  if (!image || DigestOf(ViewsOfRow(image->before)) != write.before ||
      DigestOf(ViewsOfRow(image->after)) != write.after) {
    return ImageRefused(write.image_line, "it was changed meanwhile");
  }
  return *std::move(image);
}

// Several writes of one owner on a shard: each begins where the one before it ended, or where that one began (which
// then was never committed). Else something else changed the row in between.
Result<PlannedOwner> UndoPlan::Fold(const std::string& owner_id, const std::vector<Write>& writes) {
  PlannedOwner owner;
  owner.owner_id = owner_id;
  const store::TargetTable& target = catalog_->TargetOf(migrate::SplitOwnerId(owner_id).table_ordinal);
  const auto same = [&](const std::optional<RowColumns>& a, const std::optional<RowColumns>& b) {
    return IsSameRow(target, ViewsOfRow(a), ViewsOfRow(b));
  };
  std::map<std::uint32_t, OwnerOnShard> by_shard;
  for (const Write& write : writes) {
    SL_ASSIGN(StoredImage image, Load(write));
    owner.bytes +=
        Packed(image.before.value_or(RowColumns())).size() + Packed(image.after.value_or(RowColumns())).size();
    const auto [place, first] = by_shard.try_emplace(write.shard);
    OwnerOnShard& whole = place->second;
    if (first) {
      whole = {write.shard, owner_id, std::move(image.before), std::move(image.after),
               undone_.contains({write.shard, owner_id})};
    } else if (same(image.before, whole.after) || same(image.before, whole.before)) {
      whole.after = std::move(image.after);
    } else {
      owner.reason = "it changed while the repair was running";
    }
  }
  for (auto& [shard, place] : by_shard) {
    if (!same(place.before, place.after)) owner.places.push_back(std::move(place));
  }
  return owner;
}

Result<std::vector<PlannedOwner>> UndoPlan::Next(std::size_t owners_max, std::uint64_t bytes_max) {
  std::vector<PlannedOwner> next;
  std::uint64_t bytes = 0;
  while (next_ != owners_.cend() && next.size() < owners_max && bytes < bytes_max) {
    SL_ASSIGN(PlannedOwner owner, Fold(next_->first, next_->second));
    bytes += owner.bytes;
    next.push_back(std::move(owner));
    ++next_;
  }
  return next;
}

}  // namespace shardlift::repair
