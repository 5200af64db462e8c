#include "binlog/spool_appender.h"

#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <random>
#include <utility>

#include "base/check.h"

namespace shardlift::binlog {
namespace {

constexpr std::uint64_t kRawBytesFactor = 4;

}  // namespace

void SpoolAppender::FreeContext::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

SpoolAppender::SpoolAppender(const SpoolOptions& options, RecoveredSpool recovered)
    : options_(options),
      segments_(std::move(recovered.segments)),
      salt_(recovered.salt),
      written_(std::move(recovered.end)),
      context_(ZSTD_createCCtx()) {
  SL_CHECK(context_ != nullptr);
  if (segments_.empty()) {
    written_.position = options.start;
    if (options.start.flavour() == mysql::Flavour::kMariaDb) written_.place = options.start.file();
  } else {
    file_bytes_ = boundary_bytes_ = durable_bytes_ = written_.bytes;
    for (std::size_t i = 0; i + 1 < segments_.size(); ++i) sealed_bytes_ += segments_[i].bytes;
  }
  durable_position_ = written_.position;
  passed_ = written_.position.flavour() == mysql::Flavour::kMySql ? mysql::SourcePosition() : written_.position;
  whole_ = written_;
  place_ = whole_.place;
  format_event_ = whole_.format_event;
}

SpoolAppender::~SpoolAppender() = default;

base::Status SpoolAppender::Open() {
  if (segments_.empty()) return NewSegment();
  SL_ASSIGN(SpoolFile file, SpoolFile::OpenForWriting(SpoolSegmentPath(options_.directory, number())));
  file_ = std::make_shared<SpoolFile>(std::move(file));
  return base::Ok();
}

base::Status SpoolAppender::Add(std::string_view event, const std::string& file, std::uint64_t begin, bool made_up) {
  if (!made_up && (place_.offset != begin || place_.file != file)) {
    SL_TRY(Put(EncodeSpoolPlace(file, begin)));
    place_ = {file, begin};
  }
  SL_TRY(Put(EncodeSpoolEventHead(made_up ? SpoolEntryKind::kMadeUp : SpoolEntryKind::kEvent, event.size())));
  SL_TRY(Put(event));
  if (!made_up) place_.offset += event.size();
  return base::Ok();
}

base::Status SpoolAppender::AddFormat(std::string_view event, const std::string& file, std::uint64_t begin,
                                      bool made_up) {
  SL_TRY(Add(event, file, begin, made_up));
  format_event_ = std::make_shared<const std::string>(event);
  return base::Ok();
}

void SpoolAppender::EndGroup(const GroupMark& group) {
  whole_.last_group = group;
  if (flavour() == mysql::Flavour::kMySql && group.gtid.number != 0) passed_.mutable_gtid_set().Add(group.gtid);
}

void SpoolAppender::EndBetweenGroups(const std::string& file, std::uint64_t offset) {
  whole_bytes_ = buffer_.size();
  whole_.place = place_;
  whole_.format_event = format_event_;
  if (flavour() == mysql::Flavour::kMySql || file.empty()) return;
  // What is sent again after a reconnect does not move it back.
  if (mysql::FilePosition end{file, offset}; end > passed_.file()) {
    passed_ = mysql::SourcePosition::FromFile(std::move(end));
  }
}

std::uint64_t SpoolAppender::VisibleBytes(std::uint64_t of) const {
  if (of == number()) return written_.bytes;
  const auto found =
      std::find_if(segments_.begin(), segments_.end(), [&](const SpoolSegmentInfo& each) { return each.number == of; });
  return found == segments_.end() ? 0 : found->bytes;
}

mysql::SourcePosition SpoolAppender::position() const {
  mysql::SourcePosition position = written_.position;
  position.MergeWith(passed_);
  return position;
}

bool SpoolAppender::Has(const GroupBounds& bounds, const Event& event) const {
  if (flavour() == mysql::Flavour::kMySql) {
    const mysql::Gtid& gtid = bounds.gtid();
    return bounds.began_group() && gtid.number != 0 &&
           (written_.position.gtid_set().Contains(gtid) || passed_.gtid_set().Contains(gtid));
  }
  if (IsMadeUp(event.header)) return false;
  const mysql::FilePosition& passed = passed_.file();
  if (bounds.event_file() == passed.file) return bounds.event_end() <= passed.offset;
  return mysql::FilePosition{bounds.event_file(), bounds.event_end()} <= passed;
}

base::Status SpoolAppender::Put(std::string_view bytes) {
  while (!bytes.empty()) {
    if (buffer_.size() >= options_.block_bytes) SL_TRY(MakeRoom());
    const std::size_t part = std::min(static_cast<std::size_t>(options_.block_bytes) - buffer_.size(), bytes.size());
    buffer_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
  }
  return base::Ok();
}

base::Status SpoolAppender::MakeRoom() {
  if (whole_bytes_ > 0) return WriteWhole();
  SL_TRY(WriteBlock(SpoolBlockKind::kInside, buffer_, {}));
  inside_ = true;
  buffer_.clear();
  return base::Ok();
}

base::Status SpoolAppender::WriteWhole() {
  if (whole_bytes_ == 0) return base::Ok();
  const bool nothing_passed = passed_.flavour() == mysql::Flavour::kMySql && passed_.gtid_set().empty();
  SL_TRY(WriteBlock(SpoolBlockKind::kBoundary, std::string_view(buffer_).substr(0, whole_bytes_),
                    nothing_passed ? std::string() : passed_.ToText()));
  inside_ = false;
  buffer_.erase(0, whole_bytes_);
  whole_bytes_ = 0;
  written_.position.MergeWith(passed_);
  if (passed_.flavour() == mysql::Flavour::kMySql) passed_ = mysql::SourcePosition();
  written_.bytes = boundary_bytes_ = file_bytes_;
  written_.place = whole_.place;
  written_.format_event = whole_.format_event;
  written_.last_group = whole_.last_group;
  return base::Ok();
}

base::Status SpoolAppender::DropUnfinished() {
  buffer_.resize(whole_bytes_);
  place_ = whole_.place;
  format_event_ = whole_.format_event;
  if (file_ == nullptr || (!inside_ && file_bytes_ == written_.bytes)) return base::Ok();
  SL_TRY(file_->Truncate(written_.bytes));
  // Else what was cut off could come back with the next blocks missing.
  SL_TRY(file_->Sync());
  file_bytes_ = written_.bytes;
  inside_ = false;
  return base::Ok();
}

void SpoolAppender::EncodeBlock(SpoolBlockKind kind, std::string_view entries, std::string_view passed,
                                std::uint64_t offset) {
  SpoolBlockHeader header;
  header.kind = kind;
  header.raw_bytes = static_cast<std::uint32_t>(entries.size());
  header.passed_bytes = static_cast<std::uint32_t>(passed.size());
  header.durable_bytes = durable_bytes_;
  const std::size_t body_at = kSpoolBlockHeaderBytes + passed.size();
  block_.resize(body_at + ZSTD_compressBound(entries.size()));
  std::copy(passed.begin(), passed.end(), block_.begin() + kSpoolBlockHeaderBytes);
  const std::size_t packed = ZSTD_compressCCtx(context_.get(), block_.data() + body_at, block_.size() - body_at,
                                               entries.data(), entries.size(), options_.zstd_level);
  if (ZSTD_isError(packed) == 0 && packed < entries.size()) {
    header.codec = SpoolCodec::kZstd;
    header.stored_bytes = static_cast<std::uint32_t>(packed);
  } else {
    header.stored_bytes = header.raw_bytes;
    std::copy(entries.begin(), entries.end(), block_.begin() + static_cast<std::ptrdiff_t>(body_at));
  }
  block_.resize(body_at + header.stored_bytes);
  const std::uint64_t seed = salt_ + offset;
  header.body_hash = SpoolHash(std::string_view(block_).substr(kSpoolBlockHeaderBytes), seed);
  EncodeSpoolBlockHeader(header, seed, block_.data());
}

base::Status SpoolAppender::WriteBlock(SpoolBlockKind kind, std::string_view entries, std::string_view passed) {
  if (passed.size() > kSpoolPassedBytesMax) return {base::Code::kRefused, "a block passes too many GTID ranges"};
  const bool filled = file_bytes_ >= options_.segment_bytes || raw_bytes_ / kRawBytesFactor >= options_.segment_bytes;
  if (!inside_ && filled) SL_TRY(NewSegment());
  EncodeBlock(kind, entries, passed, file_bytes_);
  if (base::Status status = file_->WriteAt(file_bytes_, block_); !status.ok()) {
    (void)file_->Truncate(file_bytes_).ok();  // the next block overwrites it otherwise
    return status;
  }
  file_bytes_ += block_.size();
  raw_bytes_ += entries.size();
  return base::Ok();
}

// All segments but the last are on disk for good, and each has its name only once its beginning is.
base::Status SpoolAppender::NewSegment() {
  SpoolSegmentHeader header;
  header.number = segments_.empty() ? 1 : number() + 1;
  header.previous_bytes = segments_.empty() ? 0 : file_bytes_;
  header.salt = std::random_device()() | std::uint64_t{std::random_device()()} << 32;
  header.identity = options_.identity;
  header.start = written_.position;
  header.place = written_.place;
  if (file_ != nullptr) {
    SL_TRY(file_->Sync());
    durable_bytes_ = file_bytes_;
    durable_position_ = written_.position;
  }
  const std::string name = SpoolSegmentPath(options_.directory, header.number);
  SL_ASSIGN(SpoolFile file, SpoolFile::Create(name + ".new"));
  std::string begin = EncodeSpoolSegmentHeader(header);
  if (begin.size() > kSpoolSegmentHeaderBytesMax)
    return {base::Code::kRefused, "the position has too many GTID ranges"};
  const std::uint64_t old_salt = std::exchange(salt_, header.salt);
  const std::uint64_t old_durable = std::exchange(durable_bytes_, 0);
  if (written_.format_event) {
    EncodeBlock(SpoolBlockKind::kBoundary,
                EncodeSpoolEventHead(SpoolEntryKind::kMadeUp, written_.format_event->size()) + *written_.format_event,
                {}, begin.size());
    begin += block_;
  }
  base::Status status = file.WriteAt(0, begin);
  if (status.ok()) status = file.Sync();
  if (status.ok()) status = file.Rename(name);
  if (status.ok()) status = SyncDirectory(options_.directory);
  if (!status.ok()) {
    unlink(file.path().c_str());
    salt_ = old_salt;
    durable_bytes_ = old_durable;
    return status;
  }
  if (!segments_.empty()) segments_.back().bytes = file_bytes_;
  sealed_bytes_ += file_bytes_;
  segments_.push_back({header.number, begin.size(), header.start});
  file_ = std::make_shared<SpoolFile>(std::move(file));
  file_bytes_ = written_.bytes = boundary_bytes_ = durable_bytes_ = begin.size();
  raw_bytes_ = 0;
  return base::Ok();
}

void SpoolAppender::Synced(std::uint64_t synced_number, std::uint64_t bytes, const mysql::SourcePosition& position) {
  durable_position_.MergeWith(position);
  if (synced_number != number() || bytes <= durable_bytes_) return;
  durable_bytes_ = bytes;
  // What the mark says is true without it.
  EncodeBlock(SpoolBlockKind::kMark, {}, {}, file_bytes_);
  if (!file_->WriteAt(file_bytes_, block_).ok()) {
    (void)file_->Truncate(file_bytes_).ok();
    return;
  }
  file_bytes_ += block_.size();
  if (!inside_) written_.bytes = file_bytes_;
}

base::Status SpoolAppender::Trim(const mysql::SourcePosition& position, std::uint64_t keep_from) {
  while (segments_.size() > 1 && segments_.front().number < keep_from && position.Contains(segments_[1].start)) {
    const std::string path = SpoolSegmentPath(options_.directory, segments_.front().number);
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return SpoolIoError("remove", path, errno);
    // One after the other, so that a crash leaves no gap.
    SL_TRY(SyncDirectory(options_.directory));
    sealed_bytes_ -= segments_.front().bytes;
    segments_.erase(segments_.begin());
  }
  return base::Ok();
}

}  // namespace shardlift::binlog
