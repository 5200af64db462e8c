#include "binlog/spool_format.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>
#include <cstring>

#include "binlog/cursor.h"
#include "binlog/event.h"

namespace shardlift::binlog {
namespace {

constexpr std::string_view kMagic = "SLSPOOL\n";
constexpr std::uint32_t kBlockMagic = 0x4b4c4253;  // "SBLK"
constexpr std::string_view kSuffix = ".spool";
constexpr std::size_t kHashBytes = 8;

template <class T>
void Put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void PutText(std::string& out, std::string_view text) {
  Put(out, static_cast<std::uint32_t>(text.size()));
  out.append(text);
}

}  // namespace

std::uint64_t SpoolHash(std::string_view bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

std::string SpoolSegmentName(std::uint64_t number) { return fmt::format("{:010}{}", number, kSuffix); }

std::optional<std::uint64_t> ParseSpoolSegmentName(std::string_view name) {
  if (!name.ends_with(kSuffix)) return std::nullopt;
  std::uint64_t number = 0;
  const char* const end = name.data() + name.size() - kSuffix.size();
  const auto [at, error] = std::from_chars(name.data(), end, number);
  if (error != std::errc() || at != end || SpoolSegmentName(number) != name) return std::nullopt;
  return number;
}

std::string EncodeSpoolSegmentHeader(const SpoolSegmentHeader& header) {
  std::string out(kMagic);
  Put(out, kSpoolFormatVersion);
  Put(out, std::uint32_t{0});  // the length, below
  Put(out, header.number);
  Put(out, header.previous_bytes);
  Put(out, header.salt);
  PutText(out, header.identity);
  PutText(out, header.start.ToText());
  PutText(out, header.place.file);
  Put(out, header.place.offset);
  const auto bytes = static_cast<std::uint32_t>(out.size() + kHashBytes);
  std::memcpy(out.data() + kMagic.size() + sizeof(std::uint32_t), &bytes, sizeof(bytes));
  Put(out, SpoolHash(out, 0));
  return out;
}

base::Result<std::uint32_t> DecodeSpoolPreamble(std::string_view bytes) {
  Cursor in(bytes);
  const std::string_view magic = in.Bytes(kMagic.size());
  const std::uint32_t version = in.U32();
  const std::uint32_t header_bytes = in.U32();
  if (!in.ok() || magic != kMagic) return Corrupt("this is no segment of a spool");
  if (version != kSpoolFormatVersion) {
    return base::Status(base::Code::kRefused,
                        fmt::format("format version {}; this program reads version {}", version, kSpoolFormatVersion));
  }
  if (header_bytes < kSpoolPreambleBytes + kHashBytes || header_bytes > kSpoolSegmentHeaderBytesMax) {
    return Corrupt("the header claims an impossible length");
  }
  return header_bytes;
}

base::Result<SpoolSegmentHeader> DecodeSpoolSegmentHeader(std::string_view bytes) {
  SL_CHECK(bytes.size() >= kSpoolPreambleBytes + kHashBytes);
  const std::string_view hashed = bytes.substr(0, bytes.size() - kHashBytes);
  if (Cursor(bytes.substr(hashed.size())).U64() != SpoolHash(hashed, 0)) return Corrupt("wrong checksum of the header");
  Cursor in(hashed);
  in.Skip(kSpoolPreambleBytes);
  SpoolSegmentHeader header;
  header.number = in.U64();
  header.previous_bytes = in.U64();
  header.salt = in.U64();
  header.identity = in.Bytes(in.U32());
  const std::string_view start = in.Bytes(in.U32());
  header.place.file = in.Bytes(in.U32());
  header.place.offset = in.U64();
  if (!in.ok() || in.remaining() != 0) return Corrupt("the header does not decode");
  base::Result<mysql::SourcePosition> parsed = mysql::SourcePosition::Parse(start);
  if (!parsed.ok()) return Corrupt("the header's position does not decode");
  header.start = std::move(*parsed);
  return header;
}

void EncodeSpoolBlockHeader(const SpoolBlockHeader& header, std::uint64_t seed, char* out) {
  std::string text;
  text.reserve(kSpoolBlockHeaderBytes);
  Put(text, kBlockMagic);
  Put(text, header.kind);
  Put(text, header.codec);
  Put(text, std::uint16_t{0});
  Put(text, header.raw_bytes);
  Put(text, header.stored_bytes);
  Put(text, header.passed_bytes);
  Put(text, std::uint32_t{0});
  Put(text, header.durable_bytes);
  Put(text, header.body_hash);
  Put(text, SpoolHash(text, seed));
  SL_CHECK(text.size() == kSpoolBlockHeaderBytes);
  std::memcpy(out, text.data(), text.size());
}

base::Result<SpoolBlockHeader> DecodeSpoolBlockHeader(std::string_view bytes, std::uint64_t seed) {
  Cursor in(bytes);
  const std::string_view hashed = bytes.substr(0, kSpoolBlockHeaderBytes - kHashBytes);
  SpoolBlockHeader header;
  const std::uint32_t magic = in.U32();
  const std::uint8_t kind = in.U8();
  const std::uint8_t codec = in.U8();
  in.Skip(2);
  header.raw_bytes = in.U32();
  header.stored_bytes = in.U32();
  header.passed_bytes = in.U32();
  in.Skip(4);
  header.durable_bytes = in.U64();
  header.body_hash = in.U64();
  const std::uint64_t hash = in.U64();
  if (!in.ok() || magic != kBlockMagic) return Corrupt("no block begins here");
  if (hash != SpoolHash(hashed, seed)) return Corrupt("wrong checksum of a block's header");
  if (kind < 1 || kind > 3 || codec > 1 || header.raw_bytes > kSpoolBlockBytesMax ||
      header.stored_bytes > kSpoolBlockBytesMax || header.passed_bytes > kSpoolPassedBytesMax ||
      (codec == 0 && header.raw_bytes != header.stored_bytes)) {
    return Corrupt("a block's header is impossible");
  }
  header.kind = static_cast<SpoolBlockKind>(kind);
  header.codec = static_cast<SpoolCodec>(codec);
  return header;
}

std::string EncodeSpoolPlace(std::string_view file, std::uint64_t offset) {
  std::string out;
  Put(out, SpoolEntryKind::kPlace);
  PutText(out, file);
  Put(out, offset);
  return out;
}

std::string EncodeSpoolEventHead(SpoolEntryKind kind, std::uint64_t event_bytes) {
  std::string out;
  Put(out, kind);
  Put(out, static_cast<std::uint32_t>(event_bytes));
  return out;
}

}  // namespace shardlift::binlog
