// UndoErrand: compares, and changes, owners on one shard inside a transaction of its lane.
#pragma once

#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "migrate/lane_errand.h"
#include "repair/audit.h"
#include "repair/undo_plan.h"

namespace shardlift::repair {

// Puts changes of an undo on record, once each.
class UndoRecorder {
 public:
  UndoRecorder(const job::JobConfig& config, std::string run, std::string undoes, AuditLog* audit)
      : config_(config), run_(std::move(run)), undoes_(std::move(undoes)), audit_(audit) {}
  struct Change {
    std::string_view owner_id;
    std::string before;  // digests
    std::string after;
  };
  // From any thread.
  base::Status Record(std::uint32_t shard, std::span<const Change> changes);

 private:
  const job::JobConfig& config_;
  const std::string run_;
  const std::string undoes_;
  AuditLog* const audit_;
  std::mutex mutex_;
  std::unordered_set<std::string> recorded_;
};

enum class UndoState : std::uint8_t {
  kUnknown,
  kAsLeft,    // what the repair left there
  kAsBefore,  // what was there before the repair
  kChanged,   // neither
};
enum class UndoMove : std::uint8_t { kCompare, kRestore, kTakeBack };

// One owner's part on one shard, and what became of it.
struct UndoItem {
  OwnerOnShard place;
  UndoState state = UndoState::kUnknown;
  bool clashed = false;  // another owner's row has the target key of the row to be put there
};

// Sets `state` of each item to what these rows of the shard say.
void CompareItems(const job::Catalog& catalog, const std::vector<migrate::OwnedRow>& rows,
                  std::span<UndoItem* const> items);

class UndoErrand final : public migrate::LaneErrand {
 public:
  // Borrows all; `items` are of one shard.
  UndoErrand(const job::Catalog& catalog, UndoRecorder* recorder, UndoMove move, std::vector<UndoItem*> items)
      : catalog_(catalog), recorder_(recorder), move_(move), items_(std::move(items)) {}
  // With kRestore the items that are as the repair left them get what was there before it, with kTakeBack the other
  // way. The rest stays.
  base::Status Work(migrate::LanePlace& place) override;

 private:
  base::Status Write(migrate::LanePlace& place, std::vector<UndoItem*>* items) const;
  const std::optional<RowColumns>& WantedOf(const UndoItem& item) const {
    return move_ == UndoMove::kRestore ? item.place.before : item.place.after;
  }

  const job::Catalog& catalog_;
  UndoRecorder* const recorder_;
  const UndoMove move_;
  const std::vector<UndoItem*> items_;
};

}  // namespace shardlift::repair
