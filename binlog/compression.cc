#include "binlog/compression.h"

#include <fmt/format.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>

#include "binlog/cursor.h"
#include "binlog/event.h"

namespace shardlift::binlog {
namespace {

constexpr std::uint64_t kInflateFactorMax = 1100;  // deflate cannot do better than 1:1032
constexpr int kZlibWindowBits = 15;

// `window_bits` negative: raw deflate. Inflates to exactly `size` bytes.
base::Status Inflate(std::string_view in, std::uint64_t size, int window_bits, std::string& out) {
  if (size > kEventBytesMax || size > in.size() * kInflateFactorMax + 64)
    return Corrupt("compressed data claims too much");
  out.resize(static_cast<std::size_t>(size));
  z_stream stream{};
  if (inflateInit2(&stream, window_bits) != Z_OK) return {base::Code::kEnvironment, "zlib: out of memory"};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int code = inflate(&stream, Z_FINISH);
  const bool exact = code == Z_STREAM_END && stream.avail_out == 0;
  inflateEnd(&stream);
  return exact ? base::Ok() : Corrupt("compressed data does not inflate to the length it claims");
}

}  // namespace

base::Status UncompressEventPart(std::string_view stored, std::string& out) {
  Cursor in(stored);
  const std::uint8_t head = in.U8();
  const std::uint64_t size = in.Big(head & 0x07);
  if (!in.ok() || (head & 0x07) == 0 || (head & 0x07) > 4) return Corrupt("compressed event without a length");
  if ((head & 0x70) != 0) {
    return {base::Code::kRefused, fmt::format("event compression algorithm {} is not known", (head & 0x70) >> 4)};
  }
  return Inflate(in.Rest(), size, kZlibWindowBits, out);
}

base::Status UncompressColumn(std::string_view stored, std::string& out) {
  out.clear();
  if (stored.empty()) return base::Ok();
  Cursor in(stored);
  const std::uint8_t head = in.U8();
  if (head == 0) {
    out = in.Rest();
    return base::Ok();
  }
  const std::uint8_t method = head >> 4;
  const bool with_wrapper = (head & 0x08) == 0;
  const std::uint64_t size = in.Big(head & 0x07);
  if (!in.ok()) return Corrupt("compressed column without a length");
  if (method != 8) return {base::Code::kRefused, fmt::format("column compression method {} is not known", method)};
  return Inflate(in.Rest(), size, with_wrapper ? kZlibWindowBits : -kZlibWindowBits, out);
}

struct PayloadReader::Impl {
  ZSTD_DCtx* context = nullptr;  // made for the first compressed payload
  std::string event;             // bytes of the event being put together
  std::string output;            // what one decompression step gave
  ~Impl() { ZSTD_freeDCtx(context); }

  base::Status Consume(std::string_view bytes, const std::function<base::Status(std::string_view)>& fn);
};

// Cuts a stream of bytes into events by the size in each header.
base::Status PayloadReader::Impl::Consume(std::string_view bytes,
                                          const std::function<base::Status(std::string_view)>& fn) {
  event.append(bytes);
  std::size_t done = 0;
  while (event.size() - done >= kEventHeaderBytes) {
    const std::string_view rest = std::string_view(event).substr(done);
    SL_ASSIGN(const EventHeader header, ParseEventHeader(rest));
    if (header.event_bytes > kEventBytesMax) return Corrupt("an event inside a payload claims too much");
    if (rest.size() < header.event_bytes) break;
    SL_TRY(fn(rest.substr(0, header.event_bytes)));
    done += header.event_bytes;
  }
  event.erase(0, done);
  return base::Ok();
}

PayloadReader::PayloadReader() : impl_(std::make_unique<Impl>()) {}
PayloadReader::~PayloadReader() = default;

base::Status PayloadReader::Read(std::string_view body, const std::function<base::Status(std::string_view)>& event) {
  enum : std::uint64_t { kEnd = 0, kSize = 1, kCompression = 2 };
  constexpr std::uint64_t kZstd = 0;
  constexpr std::uint64_t kNone = 255;
  Cursor in(body);
  std::uint64_t size = 0;
  std::uint64_t compression = kNone;
  while (in.ok()) {
    const std::uint64_t type = in.Packed();
    if (type == kEnd) break;
    Cursor field(in.Bytes(in.Packed()));
    if (type == kSize) size = field.Packed();
    if (type == kCompression) compression = field.Packed();
    if (!field.ok()) in.Fail();
  }
  const std::string_view payload = in.Bytes(size);
  if (!in.ok() || size == 0) return Corrupt("TRANSACTION_PAYLOAD_EVENT cut short");
  impl_->event.clear();
  if (compression == kNone) {
    SL_TRY(impl_->Consume(payload, event));
  } else if (compression == kZstd) {
    impl_->output.resize(ZSTD_DStreamOutSize());
    if (impl_->context == nullptr) impl_->context = ZSTD_createDCtx();
    if (impl_->context == nullptr) return {base::Code::kEnvironment, "zstd: out of memory"};
    ZSTD_DCtx_reset(impl_->context, ZSTD_reset_session_only);
    ZSTD_inBuffer source{payload.data(), payload.size(), 0};
    std::size_t hint = 1;
    while (hint != 0) {
      ZSTD_outBuffer target{impl_->output.data(), impl_->output.size(), 0};
      const std::size_t before = source.pos;
      hint = ZSTD_decompressStream(impl_->context, &target, &source);
      if (ZSTD_isError(hint) != 0) return Corrupt(fmt::format("payload: zstd: {}", ZSTD_getErrorName(hint)));
      SL_TRY(impl_->Consume(std::string_view(impl_->output).substr(0, target.pos), event));
      if (hint == 0 && source.pos < source.size) hint = 1;  // a further frame follows
      if (hint != 0 && source.pos == before && target.pos == 0) return Corrupt("payload: zstd data cut short");
    }
  } else {
    return {base::Code::kRefused, fmt::format("payload compression {} is not known", compression)};
  }
  return impl_->event.empty() ? base::Ok() : Corrupt("payload ends inside an event");
}

}  // namespace shardlift::binlog
