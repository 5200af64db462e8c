#include "cmd/line_writer.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/json_text.h"
#include "mapping/charset.h"

namespace shardlift::cmd {
namespace {

base::Status WriteToStandardOutput(std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(STDOUT_FILENO, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return {base::Code::kEnvironment, fmt::format("standard output cannot be written: {}", std::strerror(errno))};
    }
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return base::Ok();
}

}  // namespace

bool LineWriter::ReaderIsGone() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return poll(&out, 1, 0) > 0 && (out.revents & POLLERR) != 0;
}

void LineWriter::EndWithTheReader() {
  std::signal(SIGPIPE, SIG_DFL);
  std::raise(SIGPIPE);
  std::_Exit(128 + SIGPIPE);  // the signal is blocked: what a shell makes of it
}

char* WriteBase64(std::string_view bytes, char* out) {
  static constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t i) -> std::uint32_t {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
  };
  for (std::size_t i = 0; i < bytes.size(); i += 3, out += 4) {
    const std::uint32_t group = (byte(i) << 16) | (byte(i + 1) << 8) | byte(i + 2);
    for (std::size_t j = 0; j < 4; ++j) out[j] = kAlphabet[(group >> (18 - 6 * j)) & 63];
    for (std::size_t j = bytes.size() - i; j < 3; ++j) out[j + 1] = '=';
  }
  return out;
}

void LineWriter::String(std::string_view utf8) {
  Raw("\"");
  for (; !utf8.empty(); utf8.remove_prefix(std::min(utf8.size(), kPieceBytes))) {
    const std::string_view piece = utf8.substr(0, kPieceBytes);
    bool is_ascii = false;
    at_ = base::WriteJsonEscaped(piece, Room(base::JsonEscapedBytesMax(piece.size())), &is_ascii);
  }
  Raw("\"");
}

// Most texts are short and ASCII: those are looked at once.
bool LineWriter::StringIfUtf8(std::string_view bytes) {
  if (bytes.size() > kPieceBytes) {
    if (!mapping::IsUtf8(bytes)) return false;
    String(bytes);
    return true;
  }
  bool is_ascii = false;
  char* p = Room(base::JsonEscapedBytesMax(bytes.size()) + 2);
  *p = '"';
  p = base::WriteJsonEscaped(bytes, p + 1, &is_ascii);
  if (!is_ascii && !mapping::IsUtf8(bytes)) return false;
  *p = '"';
  at_ = p + 1;
  return true;
}

void LineWriter::Base64(std::string_view bytes) {
  Raw("\"");
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kPieceBytes))) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    at_ = WriteBase64(piece, Room((piece.size() + 2) / 3 * 4));
  }
  Raw("\"");
}

void LineWriter::RawInPieces(std::string_view text) {
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kPieceBytes))) Raw(text.substr(0, kPieceBytes));
}

// After a failure what comes is dropped; the next Flush tells.
void LineWriter::WriteOut() {
  if (status_.ok()) status_ = WriteToStandardOutput({buffer_.get(), static_cast<std::size_t>(at_ - buffer_.get())});
  at_ = buffer_.get();
}

base::Status LineWriter::Flush() {
  WriteOut();
  return status_;
}

}  // namespace shardlift::cmd
