#include "repair/image_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/sync_point.h"
#include "migrate/batch.h"

namespace shardlift::repair {
namespace {

using base::Code;
using base::Result;
using base::Status;
using ImageJson = nlohmann::json;

constexpr std::string_view kAuditEnd = ".repair-audit.jsonl";
constexpr std::size_t kTailBlock = 64u << 10;

Status ImageFileError(const std::string& path, const char* what) {
  return {Code::kEnvironment,
          fmt::format("images {}: {}: {}; name another place with --audit, or repair without a way back by --no-images",
                      path, what, std::strerror(errno))};
}

void AppendImageHex(std::string_view bytes, std::string* out) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    *out += kDigits[byte >> 4];
    *out += kDigits[byte & 15];
  }
}

void AppendRow(const RowViews& row, std::string* out) {
  if (row.empty()) {
    *out += "null";
    return;
  }
  for (std::size_t i = 1; i < row.size(); ++i) {  // behind the field of the owner key
    *out += i == 1 ? '[' : ',';
    if (!row[i]) {
      *out += "null";
      continue;
    }
    *out += '"';
    AppendImageHex(*row[i], out);
    *out += '"';
  }
  *out += ']';
}

int DigitOf(char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; }

std::optional<std::string> BytesOf(const ImageJson& json) {
  return json.is_string() ? BytesOfUpperHex(json.get_ref<const std::string&>()) : std::nullopt;
}

// False when it is neither a row nor none.
bool TakeRow(const ImageJson& json, std::optional<RowColumns>* row) {
  if (json.is_null()) return true;
  if (!json.is_array() || json.empty()) return false;
  for (const ImageJson& column : json) {
    if (!*row) row->emplace();
    (*row)->emplace_back();
    if (column.is_null()) continue;
    (*row)->back() = BytesOf(column);
    if (!(*row)->back()) return false;
  }
  return true;
}

}  // namespace

std::optional<std::string> BytesOfUpperHex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = DigitOf(text[i]);
    const int low = DigitOf(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

std::string ImagesPathOf(const std::string& audit_path) {
  if (!audit_path.ends_with(kAuditEnd)) return audit_path + ".images.jsonl";
  return audit_path.substr(0, audit_path.size() - kAuditEnd.size()) + ".repair-images.jsonl";
}

Result<std::unique_ptr<ImageLog>> ImageLog::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return ImageFileError(path, "cannot be opened");
  std::unique_ptr<ImageLog> log(new ImageLog(path, fd));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return Status(Code::kRefused, fmt::format("images {}: another repair writes it; wait for its end", path));
  }
  if (fchmod(fd, 0600) != 0) return ImageFileError(path, "cannot be made private");
  SL_TRY(log->CutTornLine());
  return log;
}

ImageLog::~ImageLog() { close(fd_); }

Status ImageLog::CutTornLine() {
  const off_t size = lseek(fd_, 0, SEEK_END);
  if (size < 0) return ImageFileError(path_, "cannot be read");
  auto whole = static_cast<std::size_t>(size);
  std::string block;
  while (whole > 0) {
    const std::size_t from = whole > kTailBlock ? whole - kTailBlock : 0;
    block.resize(whole - from);
    if (pread(fd_, block.data(), block.size(), static_cast<off_t>(from)) != static_cast<ssize_t>(block.size())) {
      return ImageFileError(path_, "cannot be read");
    }
    const std::size_t end = block.rfind('\n');
    whole = end == std::string::npos ? from : from + end + 1;
    if (end != std::string::npos) break;
  }
  if (whole == static_cast<std::size_t>(size)) return base::Ok();
  return ftruncate(fd_, static_cast<off_t>(whole)) == 0 ? base::Ok() : ImageFileError(path_, "cannot be cut");
}

Status ImageLog::Append(std::span<const RowImage> images) {
  std::string text;
  for (const RowImage& image : images) {
    text += fmt::format(R"({{"run":"{}","shard":{},"origin":{},"table_ordinal":{},"owner_key":")", image.run,
                        ImageJson(image.shard).dump(), image.origin, image.table_ordinal);
    AppendImageHex(image.owner_key, &text);
    text += R"(","before":)";
    AppendRow(image.before, &text);
    text += R"(,"after":)";
    AppendRow(image.after, &text);
    text += "}\n";
  }
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t n = write(fd_, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return ImageFileError(path_, "cannot be written");
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  base::SyncPoint("repair.imaged");
  return fdatasync(fd_) == 0 ? base::Ok() : ImageFileError(path_, "cannot be synced");
}

std::optional<StoredImage> ParseImage(std::string_view line) {
  const ImageJson json = ImageJson::parse(line, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  for (const char* name : {"run", "shard", "owner_key"}) {
    if (!json.contains(name) || !json[name].is_string()) return std::nullopt;
  }
  for (const char* name : {"origin", "table_ordinal"}) {
    if (!json.contains(name) || !json[name].is_number_unsigned()) return std::nullopt;
  }
  const auto origin = json["origin"].get<std::uint64_t>();
  const auto ordinal = json["table_ordinal"].get<std::uint64_t>();
  const std::optional<std::string> key = BytesOf(json["owner_key"]);
  if (!key || origin > 0xFF || ordinal > 0xFFFF || !json.contains("before") || !json.contains("after")) {
    return std::nullopt;
  }
  StoredImage image;
  image.run = json["run"].get<std::string>();
  image.shard = json["shard"].get<std::string>();
  image.owner_id = migrate::MakeOwnerId(static_cast<std::uint32_t>(origin), static_cast<std::uint32_t>(ordinal), *key);
  if (!TakeRow(json["before"], &image.before) || !TakeRow(json["after"], &image.after)) return std::nullopt;
  return image;
}

}  // namespace shardlift::repair
