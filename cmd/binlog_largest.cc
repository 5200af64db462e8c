#include "cmd/binlog_largest.h"

#include <algorithm>
#include <utility>

namespace shardlift::cmd {

// Rows come after their event was noted, so a transaction is closed with the event behind its last one.
void LargestTransactions::Note(const std::string& file, const binlog::ScannedEvent& event) {
  if (lost_) return;
  if (is_open_ && !bounds_.in_group()) Close();
  const bool was_inside = bounds_.in_group();
  if (!bounds_.NextAt(file, {.event = *event.event, .offset = event.offset, .end_offset = event.end_offset}).ok()) {
    lost_ = true;
    return;
  }
  if (bounds_.dropped_group() && was_inside) Close();
  if (!bounds_.in_group() && !bounds_.ended_group()) return;
  if (bounds_.began_group()) {
    is_open_ = true;
    open_ = {};
    open_.position = event.offset;
    gtid_ = bounds_.gtid();
    maria_gtid_ = bounds_.maria_gtid();
  }
  open_.bytes = event.end_offset - open_.position;
  if (event.timestamp_seconds() != 0) open_.time = event.timestamp_seconds();
}

void LargestTransactions::Close() {
  is_open_ = false;
  if (largest_.size() == kept_ && open_.bytes <= largest_.back().bytes) return;
  if (gtid_.number != 0) open_.gtid = gtid_.ToText();
  if (maria_gtid_) open_.gtid = maria_gtid_->ToText();
  const auto place = std::find_if(largest_.begin(), largest_.end(),
                                  [&](const LargeTransaction& each) { return each.bytes < open_.bytes; });
  largest_.insert(place, std::move(open_));
  if (largest_.size() > kept_) largest_.pop_back();
}

std::vector<LargeTransaction> LargestTransactions::Take() {
  if (is_open_) Close();
  return std::move(largest_);
}

}  // namespace shardlift::cmd
