#include "repair/audit.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

namespace shardlift::repair {
namespace {

using base::Code;
using base::Result;
using base::Status;
using AuditJson = nlohmann::ordered_json;

const std::string kFirstPrevious(64, '0');

Status AuditFileError(const std::string& path, const char* what) {
  return {Code::kEnvironment,
          fmt::format("audit {}: {}: {}; name another place with --audit", path, what, std::strerror(errno))};
}

std::string Now() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", now);
}

// The line without its hash, which is that of these bytes.
std::string Body(std::uint64_t number, const std::string& previous, const AuditRecord& record) {
  AuditJson line{{"n", number}, {"time", Now()}, {"event", record.event}};
  for (const auto& [name, value] : record.fields) line[name] = value;
  line["previous"] = previous;
  return line.dump(-1, ' ', false, AuditJson::error_handler_t::replace);
}

std::string Sealed(const std::string& body, const std::string& hash) {
  return fmt::format("{},\"hash\":\"{}\"}}", body.substr(0, body.size() - 1), hash);
}

// The hash of a whole line whose own hash is right and which follows `previous` as number `number`.
std::optional<std::string> HashOf(const std::string& line, std::uint64_t number, const std::string* previous,
                                  AuditJson* parsed = nullptr) {
  AuditJson json = AuditJson::parse(line, nullptr, false);
  if (!json.is_object() || !json.contains("hash") || !json["hash"].is_string() || !json.contains("previous")) {
    return std::nullopt;
  }
  const std::string hash = json["hash"].get<std::string>();
  const std::string tail = fmt::format(",\"hash\":\"{}\"}}", hash);
  if (!line.ends_with(tail) || Sha256Hex(line.substr(0, line.size() - tail.size()) + "}") != hash) return std::nullopt;
  if (json.value("n", std::uint64_t{0}) != number) return std::nullopt;
  if (previous != nullptr && json["previous"] != *previous) return std::nullopt;
  if (parsed != nullptr) *parsed = std::move(json);
  return hash;
}

Status WriteWhole(int fd, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return AuditFileError(path, "cannot be written");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return fdatasync(fd) == 0 ? base::Ok() : AuditFileError(path, "cannot be synced");
}

}  // namespace

std::string Sha256Hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

Result<std::unique_ptr<AuditLog>> AuditLog::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return AuditFileError(path, "cannot be opened");
  std::unique_ptr<AuditLog> log(new AuditLog(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return Status(Code::kRefused, fmt::format("audit {}: another repair writes it; wait for its end", path));
  }
  if (fchmod(fd, 0600) != 0) return AuditFileError(path, "cannot be made private");
  SL_TRY(log->TakeUp());
  return log;
}

AuditLog::~AuditLog() { close(fd_); }

Status AuditLog::TakeUp() {
  head_ = kFirstPrevious;
  std::ifstream in(path_);
  std::string line;
  std::string last;
  std::uint64_t whole_bytes = 0;
  bool torn = false;
  while (std::getline(in, line)) {
    torn = in.eof();
    if (torn) break;
    whole_bytes += line.size() + 1;
    last = line;
    ++lines_;
  }
  if (lines_ > 0) {
    const std::optional<std::string> hash = HashOf(last, lines_, nullptr);
    if (!hash) {
      return {Code::kRefused, fmt::format("audit {}:{}: the line is damaged; look into it with shardlift repair audit "
                                          "check, and name a new file with --audit",
                                          path_, lines_)};
    }
    head_ = *hash;
  }
  if (!torn) return base::Ok();
  if (ftruncate(fd_, static_cast<off_t>(whole_bytes)) != 0) return AuditFileError(path_, "cannot be cut");
  const AuditRecord cut{"cut", {{"bytes", std::to_string(line.size())}}};
  return Append({&cut, 1});
}

Status AuditLog::Append(std::span<const AuditRecord> records) {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const AuditRecord& record : records) {
    const std::string body = Body(++lines_, head_, record);
    head_ = Sha256Hex(body);
    text += Sealed(body, head_) + "\n";
  }
  return WriteWhole(fd_, text, path_);
}

std::string AuditLog::head() {
  const std::lock_guard lock(mutex_);
  return head_;
}

std::string NewRunName() {
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return fmt::format("{:%Y%m%dT%H%M%S}Z-{}", now, getpid());
}

Result<AuditState> CheckAudit(const std::string& path) { return ReadAudit(path, nullptr); }

Result<AuditState> ReadAudit(const std::string& path, const std::function<Status(const AuditLine&)>& visit) {
  std::ifstream in(path);
  if (!in) return AuditFileError(path, "cannot be read");
  AuditState state{0, kFirstPrevious};
  std::string line;
  while (std::getline(in, line)) {
    const std::uint64_t number = state.lines + 1;
    AuditJson parsed;
    const std::optional<std::string> hash = HashOf(line, number, &state.head, &parsed);
    if (!hash || in.eof()) {
      return Status(Code::kFindings,
                    fmt::format("audit {}:{}: {}", path, number,
                                in.eof() ? "the line has no end"
                                         : "the line was changed, or lines before it were changed, removed or moved"));
    }
    state.lines = number;
    state.head = *hash;
    if (!visit) continue;
    AuditLine whole;
    whole.number = number;
    for (const auto& [name, value] : parsed.items()) {
      if (value.is_string()) whole.fields[name] = value.get<std::string>();
    }
    whole.event = whole.fields["event"];
    SL_TRY(visit(whole));
  }
  return state;
}

}  // namespace shardlift::repair
