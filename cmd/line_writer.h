// LineWriter: lines for standard output, JSON or not, written through one buffer of fixed size, however long a line is.
#pragma once

#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/status.h"

namespace shardlift::cmd {

class LineWriter {
 public:
  void Raw(std::string_view text) {
    if (text.size() > kPieceBytes) return RawInPieces(text);
    char* const p = Room(text.size());
    std::memcpy(p, text.data(), text.size());
    at_ = p + text.size();
  }
  // A string that needs no escapes.
  void Plain(std::string_view text) {
    if (text.size() > kPieceBytes) return String(text);
    char* const p = Room(text.size() + 2);
    *p = '"';
    std::memcpy(p + 1, text.data(), text.size());
    p[text.size() + 1] = '"';
    at_ = p + text.size() + 2;
  }
  // `utf8` in quotes, with escapes.
  void String(std::string_view utf8);
  // The same of bytes that may be no UTF-8. False: they are not, and nothing is written.
  bool StringIfUtf8(std::string_view bytes);
  // In quotes.
  void Base64(std::string_view bytes);
  // The shortest digits that read back as the same bits.
  template <class T>
  void Number(T value, bool quoted) {
    constexpr std::size_t kDigitsMax = 32;
    char* p = Room(kDigitsMax + 2);
    if (quoted) *p++ = '"';
    p = std::to_chars(p, p + kDigitsMax, value).ptr;
    if (quoted) *p++ = '"';
    at_ = p;
  }

  // Call after each line. kEnvironment when the output cannot be written.
  base::Status MaybeFlush() { return at_ < buffer_.get() + kFlushBytes ? base::Ok() : Flush(); }
  base::Status Flush();
  // Who reads the output, through a pipe, has closed it. Seen without writing.
  static bool ReaderIsGone();
  // For a command that has nothing else to do than to print: the end that a closed pipe makes of any other tool.
  [[noreturn]] static void EndWithTheReader();

 private:
  static constexpr std::size_t kPieceBytes = 6 << 10;  // of what is written; a multiple of 3, for Base64
  static constexpr std::size_t kFlushBytes = 192 << 10;
  static constexpr std::size_t kBufferBytes = 256 << 10;

  // A place for `n` bytes, not more than fit behind an empty buffer.
  char* Room(std::size_t n) {
    if (static_cast<std::size_t>(buffer_.get() + kBufferBytes - at_) < n) WriteOut();
    return at_;
  }
  void WriteOut();
  void RawInPieces(std::string_view text);

  std::unique_ptr<char[]> buffer_ = std::make_unique_for_overwrite<char[]>(kBufferBytes);
  char* at_ = buffer_.get();
  base::Status status_;
};

// Four characters for each three bytes begun; returns the end.
char* WriteBase64(std::string_view bytes, char* out);

}  // namespace shardlift::cmd
