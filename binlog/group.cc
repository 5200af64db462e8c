#include "binlog/group.h"

#include <fmt/format.h>

#include <limits>

#include "base/check.h"
#include "binlog/group_body.h"
#include "binlog/row_decoder.h"

namespace shardlift::binlog {

base::Status GroupBody::Add(std::shared_ptr<const TableMap> table, RowOp op, bool partial, std::uint64_t file_offset,
                            std::uint32_t seconds, std::string_view data) {
  if (data.size() > std::numeric_limits<std::uint32_t>::max()) return Corrupt("row event too large");
  // The events of one statement follow each other; tables used in turn are found a few places back.
  constexpr std::size_t kLookBack = 8;
  std::size_t index = tables_.size();
  for (std::size_t i = tables_.size(); i > 0 && tables_.size() - i < kLookBack; --i) {
    if (tables_[i - 1] == table) {
      index = i - 1;
      break;
    }
  }
  if (index == tables_.size()) tables_.push_back(std::move(table));
  const std::uint64_t offset = bytes_.size();
  SL_TRY(bytes_.Append(data));
  events_.push_back({offset, file_offset, static_cast<std::uint32_t>(data.size()), static_cast<std::uint32_t>(index),
                     seconds, op, partial});
  return base::Ok();
}

void GroupBody::KeepFirst(std::size_t count) {
  SL_CHECK(count <= events_.size());
  if (count == events_.size()) return;
  bytes_.Truncate(events_[count].data_offset);
  events_.resize(count);
}

base::Status GroupBody::ForEachRow(const std::function<base::Status(const RowChange&, const RowPlace&)>& fn) const {
  RowDecoder decoder;
  std::string scratch;
  RowPlace place;
  place.file = file_;
  bool failed_in_caller = false;
  const std::function<base::Status(const RowChange&)> guarded = [&](const RowChange& change) {
    base::Status status = fn(change, place);
    failed_in_caller = !status.ok();
    return status;
  };
  for (const HeldEvent& event : events_) {
    SL_ASSIGN(const std::string_view data, bytes_.Read(event.data_offset, event.data_bytes, scratch));
    const TableMap& table = *tables_[event.table];
    place.table = &table;
    place.offset = event.file_offset;
    place.seconds = event.seconds;
    base::Status status = decoder.Decode(table, event.op, event.partial, data, guarded);
    if (status.ok()) continue;
    if (!failed_in_caller) {
      status.WithContext(
          fmt::format("row event of {} at {}", table.schema->name.Text(), PlaceText(file_, event.file_offset)));
    }
    return status;
  }
  return base::Ok();
}

CommitGroup::CommitGroup() = default;
CommitGroup::~CommitGroup() = default;
CommitGroup::CommitGroup(CommitGroup&&) noexcept = default;
CommitGroup& CommitGroup::operator=(CommitGroup&&) noexcept = default;

std::uint64_t CommitGroup::row_bytes() const { return body_ == nullptr ? 0 : body_->row_bytes(); }

bool CommitGroup::has_rows() const { return body_ != nullptr && body_->events() > 0; }

base::Status CommitGroup::ForEachRow(const std::function<base::Status(const RowChange&)>& fn) const {
  return ForEachPlacedRow([&](const RowChange& change, const RowPlace&) { return fn(change); });
}

base::Status CommitGroup::ForEachPlacedRow(
    const std::function<base::Status(const RowChange&, const RowPlace&)>& fn) const {
  return body_ == nullptr ? base::Ok() : body_->ForEachRow(fn);
}

}  // namespace shardlift::binlog
