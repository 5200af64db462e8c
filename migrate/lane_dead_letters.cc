// A lane's part in dead letters: which owners have one, which are superseded, and which may not become one.
#include <fmt/format.h>

#include <charconv>

#include "migrate/lane.h"

namespace shardlift::migrate {
namespace {

using base::Code;
using base::Status;

std::uint32_t ToOrdinal(const std::optional<std::string>& text) {
  std::uint32_t value = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

}  // namespace

// A value that only the shard's server refuses is a bad value like any other.
Status Lane::CheckRejected(const std::vector<DeadLetter>& dead_letters) const {
  for (const DeadLetter& letter : dead_letters) {
    if (letter.reason != kRejected) continue;
    const std::uint32_t origin = SplitOwnerId(letter.owner_id).origin;
    for (const mapping::MappingConfig& mapping : config_.mappings) {
      if (mapping.origin != origin || mapping.on_bad_value == mapping::BadValuePolicy::kDeadLetter) continue;
      return Status(Code::kBadValue, fmt::format("mapping {}: {}", mapping.name, letter.detail));
    }
  }
  return base::Ok();
}

Status Lane::LoadDeadLetters() {
  SL_ASSIGN(auto letters,
            session_->Query(fmt::format("SELECT owner_origin, owner_table, owner_key, reason FROM sl_dead_letter WHERE "
                                        "source = {}",
                                        session_->Quote(source_name_)),
                            "read dead letters"));
  const std::lock_guard lock(mutex_);
  open_dead_letters_.clear();
  open_conflicts_.clear();
  for (const auto& row : letters.rows) {
    std::string id = MakeOwnerId(ToOrdinal(row[0]), ToOrdinal(row[1]), *row[2]);
    if (row[3] == kConflict) open_conflicts_.insert(id);
    open_dead_letters_.insert(std::move(id));
  }
  return base::Ok();
}

Status Lane::ClearSuperseded(const std::vector<std::string_view>& owner_ids) {
  if (owner_ids.empty()) return base::Ok();
  superseded_.assign(owner_ids.begin(), owner_ids.end());
  return writer_->ClearDeadLetters(owner_ids);
}

// After the commit.
void Lane::RememberDeadLetters(const std::vector<DeadLetter>& written) {
  if (written.empty() && superseded_.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const std::string& id : superseded_) {
    open_dead_letters_.erase(id);
    open_conflicts_.erase(id);
  }
  for (const DeadLetter& letter : written) {
    open_dead_letters_.insert(letter.owner_id);
    if (letter.reason == kConflict) open_conflicts_.insert(letter.owner_id);
  }
}

std::vector<std::string> Lane::OpenConflicts() {
  const std::lock_guard lock(mutex_);
  return {open_conflicts_.begin(), open_conflicts_.end()};
}

}  // namespace shardlift::migrate
