#include "binlog/stream.h"

#include <fmt/format.h>

#include <utility>

#include "binlog/stream_input.h"

namespace shardlift::binlog {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

base::Status NoGtidToGoOnFrom() {
  return {base::Code::kRefused,
          "the last transaction before the connection was lost has no GTID, so that the place cannot be found again: "
          "set gtid_mode=ON, and start a new copy"};
}

base::Status StreamState::Begin(const StreamOptions& options, const DumpConnection& to) {
  const mysql::Flavour flavour = to.flavour();
  const auto* const stored = std::get_if<mysql::SourcePosition>(&options.start);
  const auto* const file = std::get_if<mysql::FilePosition>(&options.start);
  const mysql::Flavour wanted = stored != nullptr ? stored->flavour()
                                : file != nullptr ? flavour
                                                  : mysql::Flavour::kMariaDb;
  if (wanted != flavour) {
    return {base::Code::kRefused, fmt::format("the position to start at is of {}, the server is {}",
                                              mysql::FlavourName(wanted), mysql::FlavourName(flavour))};
  }
  by_file = flavour == mysql::Flavour::kMariaDb || file != nullptr;
  place_known = stored != nullptr || file != nullptr;
  if (stored != nullptr) position = *stored;
  if (flavour == mysql::Flavour::kMariaDb) {
    if (stored == nullptr) position = mysql::SourcePosition::FromFile(file != nullptr ? *file : mysql::FilePosition());
    place = position.file();
  } else if (file != nullptr) {
    place = *file;
  }
  GroupReaderOptions reader_options;
  reader_options.start = place;
  reader_options.tables = options.tables;
  reader_options.describe = options.describe;
  reader_options.known_schema = options.known_schema;
  reader_options.on_described = options.on_described;
  reader_options.from_network = true;
  reader_options.spill = options.spill;
  reader = std::make_unique<GroupReader>(std::move(reader_options));
  return base::Ok();
}

void StreamState::Passed(const CommitGroup* group) {
  if (!maria() && group != nullptr && group->gtid.number != 0) position.mutable_gtid_set().Add(group->gtid);
  if (group != nullptr) place_known = true;
  const mysql::FilePosition& boundary = reader->boundary();
  if (!place_known || reader->in_group() || boundary.file.empty() || !(boundary > place)) return;
  place = boundary;
  if (maria()) position = mysql::SourcePosition::FromFile(place);
}

struct GroupStream::Impl {
  explicit Impl(const StreamOptions& o) : options(o) {}

  const StreamOptions options;
  StreamState state;
  std::unique_ptr<StreamInput> input;
  base::Status failed;
};

GroupStream::GroupStream(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

GroupStream::~GroupStream() { Stop(); }

base::Result<std::unique_ptr<GroupStream>> GroupStream::Open(const StreamOptions& options) {
  auto impl = std::make_unique<Impl>(options);
  impl->input =
      options.spool ? NewSpooledInput(impl->options, impl->state) : NewDirectInput(impl->options, impl->state);
  if (base::Status status = impl->input->Open(); !status.ok()) return status.WithContext(options.endpoint.Text());
  return std::unique_ptr<GroupStream>(new GroupStream(std::move(impl)));
}

base::Result<StreamItem> GroupStream::Next(std::chrono::milliseconds timeout) {
  const Clock::time_point deadline = Clock::now() + timeout;
  Impl& s = *impl_;
  if (!s.failed.ok()) return s.failed;
  StreamItem item;
  while (!item.group) {
    base::Result<StreamInput::Fed> fed = s.input->Feed(deadline);
    if (!fed.ok()) {
      s.failed = fed.status();
      return s.failed.code() == base::Code::kStopped ? s.failed : s.failed.WithContext(s.options.endpoint.Text());
    }
    if (!fed->event) return item;
    item.group = std::move(fed->group);
    s.state.Passed(item.group ? &*item.group : nullptr);
    // A group of any size must not keep the caller longer than it asked for.
    if (!item.group && Clock::now() >= deadline) break;
  }
  return item;
}

const mysql::SourcePosition& GroupStream::position() const { return impl_->state.position; }
const mysql::FilePosition& GroupStream::file_position() const { return impl_->state.place; }

mysql::SourcePosition GroupStream::SafePosition() const {
  const StreamState& state = impl_->state;
  mysql::SourcePosition safe = state.position;
  if (state.maria()) {
    if (auto begin = state.reader->OldestPrepareBegin()) return mysql::SourcePosition::FromFile(std::move(*begin));
    return safe;
  }
  mysql::GtidSet prepared;
  for (const mysql::Gtid& gtid : state.reader->PreparedGtids()) prepared.Add(gtid);
  if (!prepared.empty()) safe.mutable_gtid_set().Subtract(prepared);
  return safe;
}

std::optional<mysql::FilePosition> GroupStream::OldestPrepareBegin() const {
  return impl_->state.reader->OldestPrepareBegin();
}

std::uint32_t GroupStream::last_event_seconds() const { return impl_->state.reader->last_event_seconds(); }
bool GroupStream::at_end() const { return impl_->input->at_end(); }
base::Status GroupStream::lost() const { return impl_->input->lost(); }
std::uint64_t GroupStream::reconnects() const { return impl_->input->reconnects(); }
base::Status GroupStream::Trim(const mysql::SourcePosition& checkpoint) { return impl_->input->Trim(checkpoint); }
std::uint64_t GroupStream::spool_bytes() const { return impl_->input->spool_bytes(); }
void GroupStream::Stop() { impl_->input->Stop(); }

}  // namespace shardlift::binlog
