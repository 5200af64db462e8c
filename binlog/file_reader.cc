#include "binlog/file_reader.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "binlog/compression.h"
#include "binlog/cursor.h"

namespace shardlift::binlog {
namespace {

constexpr std::size_t kReadBytes = 512 << 10;
constexpr std::string_view kMagic =
    "\xfe"
    "bin";
constexpr std::string_view kEncryptedMagic =
    "\xfd"
    "bin";
// A START_V3 event with the longer header has at least so many bytes; in version 1 it is shorter.
constexpr std::size_t kStartBytesV3 = kEventHeaderBytes + 56;

std::string_view Remedy(FileEnd end) {
  switch (end) {
    case FileEnd::kClean:
    case FileEnd::kInUse: break;
    case FileEnd::kTruncated: return "copy the file from its server again; what stands before this place is whole";
    case FileEnd::kCorrupt:
      return "copy the file from its server again; if that file has the same damage, its disk lost it";
    case FileEnd::kEncrypted: return "read it through its server, which decrypts what it sends";
    case FileEnd::kUnsupported: return "a newer program may read it";
  }
  return {};
}

}  // namespace

std::string_view FileEndName(FileEnd end) {
  switch (end) {
    case FileEnd::kClean: return "clean";
    case FileEnd::kInUse: return "in-use";
    case FileEnd::kTruncated: return "truncated";
    case FileEnd::kCorrupt: return "corrupt";
    case FileEnd::kEncrypted: return "encrypted";
    case FileEnd::kUnsupported: return "unsupported";
  }
  return {};
}

FileReader::FileReader(std::string path, int fd, std::uint64_t size) : path_(std::move(path)), fd_(fd), size_(size) {}

FileReader::~FileReader() { close(fd_); }

base::Result<std::unique_ptr<FileReader>> FileReader::Open(const std::string& path) {
  const auto failed = [&](std::string_view what) {
    return base::Status(base::Code::kEnvironment, fmt::format("binlog file {}: {}", path, what));
  };
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(std::strerror(errno));
  struct stat status{};
  const bool known = fstat(fd, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    close(fd);
    return failed("it is no regular file");
  }
  posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::unique_ptr<FileReader>(new FileReader(path, fd, static_cast<std::uint64_t>(status.st_size)));
}

// Sees to it that the buffer has so many bytes of the next event. False: the file has not; or, with error_ set, it
// could not be read.
bool FileReader::Need(std::uint64_t bytes) {
  if (filled_ - begin_ >= bytes) return true;
  if (bytes > size_ - offset_) return false;
  const auto wanted = static_cast<std::size_t>(bytes);
  if (wanted > capacity_ - begin_ || begin_ >= capacity_ / 2) {
    const std::size_t kept = filled_ - begin_;
    if (wanted > capacity_) {
      capacity_ = std::max(kReadBytes, wanted);
      auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
      if (kept > 0) std::memcpy(larger.get(), buffer_.get() + begin_, kept);
      buffer_ = std::move(larger);
    } else if (kept > 0) {
      std::memmove(buffer_.get(), buffer_.get() + begin_, kept);
    }
    begin_ = 0;
    filled_ = kept;
  }
  while (filled_ - begin_ < wanted) {
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(capacity_ - filled_, size_ - read_offset_));
    const ssize_t n = pread(fd_, buffer_.get() + filled_, room, static_cast<off_t>(read_offset_));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      error_ = {base::Code::kEnvironment,
                fmt::format("binlog file {}: reading at offset {}: {}", path_, read_offset_, std::strerror(errno))};
      return false;
    }
    if (n == 0) return false;  // somebody has made the file shorter
    filled_ += static_cast<std::size_t>(n);
    read_offset_ += static_cast<std::uint64_t>(n);
  }
  return true;
}

bool FileReader::Open() {
  opened_ = true;
  if (!Need(kMagic.size())) {
    End(FileEnd::kTruncated, offset_, "the file is shorter than the mark that begins a binlog");
    return false;
  }
  const std::string_view magic = Available().substr(0, kMagic.size());
  if (magic == kEncryptedMagic) {
    End(FileEnd::kEncrypted, offset_, "the file is encrypted (binlog_encryption)");
    return false;
  }
  if (magic != kMagic) {
    End(FileEnd::kCorrupt, offset_, "the file does not begin as a binlog does");
    return false;
  }
  begin_ += kMagic.size();
  offset_ += kMagic.size();
  // The first event tells the version of the file.
  if (!Need(kEventHeaderBytesV1)) return true;
  Cursor in(Available());
  in.Skip(4);
  const auto type = static_cast<EventType>(in.U8());
  in.Skip(4);
  const std::uint32_t bytes = in.U32();
  if (type == EventType::kStartV3) {
    const bool version_1 = bytes < kStartBytesV3;
    format_.binlog_version = version_1 ? 1 : 3;
    format_.header_bytes = version_1 ? kEventHeaderBytesV1 : kEventHeaderBytes;
  }
  return true;
}

Event FileReader::ParseEventV1(std::string_view bytes) {
  Cursor in(bytes);
  EventHeader header;
  header.timestamp_seconds = in.U32();
  header.type = static_cast<EventType>(in.U8());
  header.server_id = in.U32();
  header.event_bytes = in.U32();
  return {header, in.Rest()};
}

// The end that the header tells, when it tells one, is where its size says: the header is as its server wrote it.
bool FileReader::HeaderAgrees(const EventHeader& header) const {
  return header.next_offset == 0 || is_relay_log_ || format_.binlog_version != 4 ||
         header.next_offset == static_cast<std::uint32_t>(offset_ + header.event_bytes);
}

const FileEvent* FileReader::Next() {
  if (ended_ || (!opened_ && !Open())) return nullptr;
  const bool version_1 = format_.binlog_version == 1;
  const std::size_t header_bytes = version_1 ? kEventHeaderBytesV1 : kEventHeaderBytes;
  if (encrypted_after_) {
    End(FileEnd::kEncrypted, offset_, "the file is encrypted from here on (encrypt_binlog)");
    return nullptr;
  }
  if (!Need(header_bytes)) {
    EndOfFile();
    return nullptr;
  }
  std::uint32_t event_bytes = 0;
  std::memcpy(&event_bytes, Available().data() + 9, sizeof(event_bytes));
  if (event_bytes < header_bytes || event_bytes > kEventBytesMax) {
    End(FileEnd::kCorrupt, offset_, fmt::format("an event claims a size of {} bytes", event_bytes));
    return nullptr;
  }
  if (!Need(event_bytes)) {
    const EventHeader claimed = version_1 ? ParseEventV1(Available()).header : *ParseEventHeader(Available());
    const bool cut = HeaderAgrees(claimed) && (IsKnown(claimed.type) || (claimed.flags & kFlagIgnorable) != 0);
    if (cut) {
      EndOfFile();
    } else {
      End(FileEnd::kCorrupt, offset_,
          fmt::format("an event claims {} bytes, {} are left in the file", event_bytes, size_ - offset_));
    }
    return nullptr;
  }
  const std::string_view bytes = Available().substr(0, event_bytes);
  if (!version_1 && static_cast<EventType>(bytes[4]) == EventType::kFormatDescription) {
    if (const base::Status status = VerifyStoredFormatDescription(bytes); !status.ok()) {
      Refuse(status, offset_);
      return nullptr;
    }
  }
  const base::Result<Event> event = version_1 ? base::Result<Event>(ParseEventV1(bytes)) : ParseEvent(bytes, format_);
  if (!event.ok()) {
    Refuse(event.status(), offset_);
    return nullptr;
  }
  current_.event = *event;
  current_.offset = offset_;
  current_.end_offset = offset_ + event_bytes;
  if (!Accept(current_.event)) return nullptr;
  begin_ += event_bytes;
  offset_ += event_bytes;
  return &current_;
}

// What the reader itself must know of an event. False: it ends here.
bool FileReader::Accept(const Event& event) {
  const EventType type = event.header.type;
  if (type == EventType::kFormatDescription || type == EventType::kStartV3) {
    base::Result<Format> format = type == EventType::kFormatDescription ? ParseFormatDescription(event)
                                                                        : ParseStartV3(event, format_.binlog_version);
    if (!format.ok()) return Refuse(format.status(), offset_), false;
    if (!format_.known) {
      is_relay_log_ = (event.header.flags & kFlagRelayLog) != 0;
      in_use_ = (event.header.flags & kFlagInUse) != 0;
    }
    format_ = std::move(*format);
  } else if (!format_.known) {
    End(FileEnd::kCorrupt, offset_, "the file does not begin with a description of its format");
    return false;
  } else if (type == EventType::kMariaStartEncryption) {
    encrypted_after_ = true;
  } else if (!IsKnown(type) && (event.header.flags & kFlagIgnorable) == 0) {
    End(FileEnd::kUnsupported, offset_, fmt::format("event type {} is not known", static_cast<unsigned>(type)));
    return false;
  }
  // A relay log also has rotations that its server made up for the connection.
  const bool made_up = event.header.next_offset == 0 || (event.header.flags & kFlagArtificial) != 0;
  closed_ = type == EventType::kStop || (type == EventType::kRotate && (format_.binlog_version != 4 || !made_up));
  return true;
}

void FileReader::EndAt(const base::Status& why) { Refuse(why, current_.offset); }

void FileReader::Refuse(const base::Status& why, std::uint64_t offset) {
  End(why.code() == base::Code::kRefused ? FileEnd::kUnsupported : FileEnd::kCorrupt, offset, why.message());
}

void FileReader::EndOfFile() {
  const bool inside = offset_ < size_;
  if (inside) {
    End(FileEnd::kTruncated, offset_,
        fmt::format("the file ends inside an event{}",
                    in_use_ ? "; it is marked as in use: its server is writing it, or crashed while it did" : ""));
  } else if (!format_.known) {
    End(FileEnd::kTruncated, offset_, "the file has no event");
  } else if (closed_ || (!in_use_ && format_.binlog_version != 4)) {
    End(FileEnd::kClean, offset_, {});
  } else if (in_use_ || is_relay_log_) {
    End(FileEnd::kInUse, offset_, {});
  } else {
    End(FileEnd::kTruncated, offset_,
        "the file ends without the event that closes a file, and is not marked as in use");
  }
}

void FileReader::End(FileEnd end, std::uint64_t offset, std::string_view what) {
  if (ended_) return;
  ended_ = true;
  end_ = end;
  error_offset_ = offset;
  if (!error_.ok() || end == FileEnd::kClean || end == FileEnd::kInUse) return;
  const bool refused = end == FileEnd::kEncrypted || end == FileEnd::kUnsupported;
  error_ = {refused ? base::Code::kRefused : base::Code::kCorrupt,
            fmt::format("binlog file {}: offset {}: {}; {}", path_, offset, what, Remedy(end))};
}

}  // namespace shardlift::binlog
