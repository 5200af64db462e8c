// `shardlift binlog stream FILE...`.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "binlog/event_scan.h"
#include "binlog/file_reader.h"
#include "binlog/group_bounds.h"
#include "binlog/group_reader.h"
#include "binlog/gtid_event.h"
#include "cmd/binlog_dump.h"
#include "cmd/binlog_stream.h"

namespace shardlift::cmd {

using base::Code;
using base::Result;
using base::Status;
using binlog::EventType;

namespace {

std::string NameOf(const std::string& path) { return std::filesystem::path(path).filename().string(); }

class FileStream {
 public:
  FileStream(const std::vector<std::string>& paths, const StreamRequest& request, LiveSchemas* live, LineWriter& out)
      : paths_(paths),
        request_(request),
        place_(std::get_if<StreamPlace>(&request.from)),
        writer_(request, out),
        groups_(ReaderOptions(live)) {}

  Status Run() {
    std::size_t first = 0;
    if (place_ != nullptr) {
      const auto named = [&](const std::string& path) { return NameOf(path) == place_->since.file; };
      first = static_cast<std::size_t>(std::find_if(paths_.begin(), paths_.end(), named) - paths_.begin());
      if (first == paths_.size()) {
        return {Code::kUsage, fmt::format("--from: {} is none of the files", place_->since.file)};
      }
    }
    for (number_ = first; number_ < paths_.size(); ++number_) SL_TRY(File(number_ == first));
    if (place_ != nullptr && last_end_ < place_->after) return NoSuchPlace(place_->after, "lies behind the files");
    if (last_end_.file.empty()) return base::Ok();
    return writer_.Position(last_end_, Here(last_end_));
  }

 private:
  binlog::GroupReaderOptions ReaderOptions(LiveSchemas* live) {
    binlog::GroupReaderOptions options;
    options.describe = [this](std::string_view schema, std::string_view table) {
      return request_.tables.Match(schema, table);
    };
    if (live == nullptr) return options;
    options.known_schema = [this, live](const binlog::TableMapName& name, const mysql::FilePosition& place, bool) {
      return live->Find(name.schema, name.table, number_, place.offset);
    };
    options.on_described = [live](const binlog::DescribedTable& table) { live->Report(table); };
    return options;
  }

  static Status NoSuchPlace(const mysql::FilePosition& place, std::string_view why) {
    return {Code::kUsage,
            fmt::format("--from {}:{} {}; write the place between two transactions", place.file, place.offset, why)};
  }

  Status File(bool is_first) {
    SL_ASSIGN(const auto events, binlog::FileReader::Open(paths_[number_]));
    const std::string name = NameOf(paths_[number_]);
    // What lies before the place is looked at only to know whether a transaction goes on there.
    std::optional<binlog::GroupBounds> before;
    if (is_first && place_ != nullptr) before.emplace(binlog::GroupBoundsOptions());
    while (const binlog::FileEvent* event = events->Next()) {
      if (request_.MustStop()) return {Code::kStopped, "stopped before the end of the files"};
      if (is_first) SL_TRY(CheckBeginning(event->event));
      if (before && event->offset < place_->since.offset) {
        SL_TRY(before->NextAt(name, *event));
        if (event->event.header.type != EventType::kFormatDescription) continue;
      } else if (before) {
        if (event->offset != place_->since.offset) return NoSuchPlace(place_->since, "lies inside an event");
        if (before->in_group()) return NoSuchPlace(place_->since, "lies inside a transaction");
        before.reset();
      }
      SL_ASSIGN(const auto group, groups_.FeedFromFile(name, *event));
      if (group) SL_TRY(Group(*group));
      if (!before) last_end_ = groups_.boundary();
    }
    SL_TRY(DamageOf(*events));
    if (!before) return base::Ok();
    if (place_->since.offset != events->size()) return NoSuchPlace(place_->since, "lies behind the end of the file");
    if (before->in_group()) return NoSuchPlace(place_->since, "lies inside a transaction");
    last_end_ = place_->since;
    return base::Ok();
  }

  // Transactions between those that were seen and the files would be lost without notice.
  Status CheckBeginning(const binlog::Event& event) const {
    const auto gap = [](const std::string& what) {
      return Status(Code::kUsage,
                    fmt::format("--from: {} stand before the first file; give the earlier files too", what));
    };
    if (const auto* seen = std::get_if<mysql::GtidSet>(&request_.from)) {
      if (event.header.type == EventType::kMariaGtidList) return OtherServer();
      if (event.header.type != EventType::kPreviousGtids) return base::Ok();
      SL_ASSIGN(mysql::GtidSet missing, binlog::ParsePreviousGtids(event));
      missing.Subtract(*seen);
      return missing.empty() ? base::Ok() : gap(missing.ToText());
    }
    if (const auto* seen = std::get_if<mysql::MariaGtidSet>(&request_.from)) {
      if (event.header.type == EventType::kPreviousGtids) return OtherServer();
      if (event.header.type != EventType::kMariaGtidList) return base::Ok();
      SL_ASSIGN(const std::vector<binlog::MariaGtid> before, binlog::ParseMariaGtidList(event));
      for (const binlog::MariaGtid& gtid : before) {
        if (!seen->Contains(gtid)) return gap("transactions up to " + gtid.ToText());
      }
    }
    return base::Ok();
  }
  static Status OtherServer() {
    return {Code::kUsage, "--from: these GTIDs are of another kind of server than the files"};
  }

  Result<bool> IsNew(const binlog::CommitGroup& group) const {
    if (place_ != nullptr) {
      if (group.begin < place_->after && place_->after < group.end) {
        return NoSuchPlace(place_->after, "lies inside a transaction");
      }
      return place_->after < group.end;
    }
    if (const auto* seen = std::get_if<mysql::GtidSet>(&request_.from)) {
      return group.gtid.number == 0 || !seen->Contains(group.gtid);
    }
    if (const auto* seen = std::get_if<mysql::MariaGtidSet>(&request_.from)) {
      return !group.maria_gtid || !seen->Contains(*group.maria_gtid);
    }
    return true;
  }

  Status Group(const binlog::CommitGroup& group) {
    SL_ASSIGN(const bool is_new, IsNew(group));
    if (!is_new) return base::Ok();
    SL_TRY(writer_.Group(group));
    return writer_.Position(group, Here(group.end));
  }

  std::string Here(const mysql::FilePosition& place) const {
    return request_.positions ? StreamPlaceText(place, groups_.OldestPrepareBegin()) : std::string();
  }

  const std::vector<std::string>& paths_;
  const StreamRequest& request_;
  const StreamPlace* const place_;
  TransactionWriter writer_;
  std::size_t number_ = 0;
  binlog::GroupReader groups_;
  mysql::FilePosition last_end_;
};

}  // namespace

Status StreamFiles(const std::vector<std::string>& paths, const StreamRequest& request, LiveSchemas* live,
                   LineWriter& out) {
  return FileStream(paths, request, live, out).Run();
}

}  // namespace shardlift::cmd
