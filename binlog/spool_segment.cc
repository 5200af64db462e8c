#include "binlog/spool_segment.h"

#include <fmt/format.h>
#include <zstd.h>

#include <algorithm>

#include "base/check.h"
#include "binlog/compression.h"
#include "binlog/cursor.h"
#include "binlog/event.h"

namespace shardlift::binlog {
namespace {

constexpr std::size_t kKeptBytesMax = 8 << 20;  // of a buffer that once held a huge event
constexpr std::size_t kFileNameBytesMax = 512;
constexpr std::size_t kEntryHeadBytes = 5;

// What concerns the whole file.
base::Status OfFile(const SpoolFile& file, const base::Status& status) {
  if (status.code() == base::Code::kCorrupt) return SpoolDamage(file.path(), 0, status.message());
  return {status.code(), fmt::format("{}: {}", file.path(), status.message())};
}

base::Result<SpoolSegmentHeader> ReadHeader(const SpoolFile& file, std::uint64_t* bytes) {
  std::string text(kSpoolPreambleBytes, '\0');
  SL_ASSIGN(std::size_t got, file.ReadAt(0, text.data(), text.size()));
  text.resize(got);
  const auto length = DecodeSpoolPreamble(text);
  if (!length.ok()) return OfFile(file, length.status());
  SL_ASSIGN(const std::uint64_t size, file.Size());
  if (*length > size) return SpoolDamage(file.path(), 0, "the header is cut short");
  text.resize(*length);
  SL_ASSIGN(got, file.ReadAt(0, text.data(), text.size()));
  if (got < *length) return SpoolDamage(file.path(), 0, "the header is cut short");
  auto header = DecodeSpoolSegmentHeader(text);
  if (!header.ok()) return OfFile(file, header.status());
  *bytes = *length;
  return header;
}

}  // namespace

void SpoolSegment::FreeContext::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

SpoolSegment::SpoolSegment(SpoolFile file, SpoolSegmentHeader header, std::uint64_t offset)
    : file_(std::move(file)), header_(std::move(header)), offset_(offset), context_(ZSTD_createDCtx()) {
  SL_CHECK(context_ != nullptr);
}

SpoolSegment::~SpoolSegment() = default;

base::Result<std::unique_ptr<SpoolSegment>> SpoolSegment::Open(const std::string& path, std::uint64_t number) {
  SL_ASSIGN(SpoolFile file, SpoolFile::OpenForReading(path));
  std::uint64_t bytes = 0;
  SL_ASSIGN(SpoolSegmentHeader header, ReadHeader(file, &bytes));
  if (header.number != number) {
    return SpoolDamage(path, 0, fmt::format("its header says that it is segment {}", header.number));
  }
  return std::unique_ptr<SpoolSegment>(new SpoolSegment(std::move(file), std::move(header), bytes));
}

base::Result<std::string_view> SpoolSegment::Bytes(std::uint64_t offset, std::uint64_t bytes) {
  buffer_.resize(static_cast<std::size_t>(bytes));
  SL_ASSIGN(const std::size_t got, file_.ReadAt(offset, buffer_.data(), buffer_.size()));
  return std::string_view(buffer_).substr(0, got);
}

base::Result<bool> SpoolSegment::Read(std::uint64_t end, SpoolBlock& block) {
  if (offset_ >= end) return false;
  const auto damage = [&](std::string_view what) { return SpoolDamage(file_.path(), offset_, what); };
  const std::uint64_t seed = header_.salt + offset_;
  SL_ASSIGN(const std::string_view head,
            Bytes(offset_, std::min<std::uint64_t>(end - offset_, kSpoolBlockHeaderBytes)));
  if (head.size() < kSpoolBlockHeaderBytes) return damage("a block's header is cut short");
  const auto header = DecodeSpoolBlockHeader(head, seed);
  if (!header.ok()) return damage(header.status().message());
  const std::uint64_t body_bytes = header->bytes() - kSpoolBlockHeaderBytes;
  if (header->bytes() > end - offset_) return damage("a block is cut short");
  SL_ASSIGN(const std::string_view body, Bytes(offset_ + kSpoolBlockHeaderBytes, body_bytes));
  if (body.size() < body_bytes) return damage("a block is cut short");
  if (SpoolHash(body, seed) != header->body_hash) return damage("wrong checksum of a block");
  block.offset = offset_;
  block.kind = header->kind;
  block.durable_bytes = header->durable_bytes;
  if (base::Status status = Unpack(*header, body, block); !status.ok()) return damage(status.message());
  offset_ += header->bytes();
  return true;
}

base::Status SpoolSegment::Unpack(const SpoolBlockHeader& header, std::string_view body, SpoolBlock& block) {
  block.passed.reset();
  if (header.passed_bytes > 0) {
    auto passed = mysql::SourcePosition::Parse(body.substr(0, header.passed_bytes));
    if (!passed.ok() || passed->flavour() != header_.start.flavour())
      return Corrupt("a block's position does not decode");
    block.passed = std::move(*passed);
  }
  body.remove_prefix(header.passed_bytes);
  block.entries.resize(header.raw_bytes);
  if (header.codec == SpoolCodec::kStored) {
    block.entries = body;
    return base::Ok();
  }
  const std::size_t got =
      ZSTD_decompressDCtx(context_.get(), block.entries.data(), block.entries.size(), body.data(), body.size());
  if (ZSTD_isError(got) != 0 || got != block.entries.size()) return Corrupt("a block does not decompress");
  return base::Ok();
}

base::Result<std::optional<std::uint64_t>> SpoolSegment::FindProofOfDamage(std::uint64_t end) const {
  constexpr std::size_t kChunkBytes = 1 << 20;
  std::string chunk;
  for (std::uint64_t at = offset_ + 1; at + kSpoolBlockHeaderBytes <= end;) {
    chunk.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, end - at)));
    SL_ASSIGN(const std::size_t got, file_.ReadAt(at, chunk.data(), chunk.size()));
    if (got < kSpoolBlockHeaderBytes) break;
    const std::size_t last = got - kSpoolBlockHeaderBytes;
    for (std::size_t i = chunk.find('S'); i <= last; i = chunk.find('S', i + 1)) {
      if (chunk.compare(i, 4, "SBLK") != 0) continue;
      const auto header =
          DecodeSpoolBlockHeader(std::string_view(chunk).substr(i, kSpoolBlockHeaderBytes), header_.salt + at + i);
      if (header.ok() && header->durable_bytes > offset_) return std::optional(at + i);
    }
    at += last + 1;
  }
  return std::optional<std::uint64_t>();
}

void SpoolEntries::Start(const mysql::FilePosition& place) {
  bytes_.clear();
  done_ = wanted_ = 0;
  place_ = place;
}

void SpoolEntries::Add(std::string entries) {
  if (done_ == bytes_.size()) {
    bytes_ = std::move(entries);
  } else {
    bytes_.erase(0, done_);
    // A length alone allocates nothing; when so much of it has come, growing by doubling would cost more.
    if (bytes_.size() > kKeptBytesMax) bytes_.reserve(wanted_);
    bytes_ += entries;
  }
  done_ = 0;
}

base::Result<const SpoolRawEvent*> SpoolEntries::Next() {
  for (;;) {
    Cursor in(std::string_view(bytes_).substr(done_));
    if (in.remaining() == 0) {
      if (bytes_.capacity() > kKeptBytesMax) std::string().swap(bytes_);
      bytes_.clear();
      done_ = 0;
      return nullptr;
    }
    const auto kind = static_cast<SpoolEntryKind>(in.U8());
    if (kind != SpoolEntryKind::kPlace && kind != SpoolEntryKind::kEvent && kind != SpoolEntryKind::kMadeUp) {
      return Corrupt("an entry of unknown kind");
    }
    const std::uint32_t length = in.U32();
    if (in.ok() && (kind == SpoolEntryKind::kPlace ? length > kFileNameBytesMax : length > kEventBytesMax)) {
      return Corrupt("an entry claims too much");
    }
    const std::string_view bytes = in.Bytes(length);
    const std::uint64_t offset = kind == SpoolEntryKind::kPlace ? in.U64() : 0;
    if (!in.ok()) {
      wanted_ = length + kEntryHeadBytes;
      return nullptr;
    }
    done_ += in.position();
    if (kind == SpoolEntryKind::kPlace) {
      place_ = {std::string(bytes), offset};
      continue;
    }
    event_.bytes = bytes;
    event_.made_up = kind == SpoolEntryKind::kMadeUp;
    event_.begin = place_.offset;
    event_.end = place_.offset + (event_.made_up ? 0 : bytes.size());
    place_.offset = event_.end;
    return &event_;
  }
}

}  // namespace shardlift::binlog
