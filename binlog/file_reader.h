// FileReader: the events of one binlog or relay log on disk, in order, each verified, and how the file ends.
//
// Reads format versions 1, 3 and 4. Whatever the bytes are, every event before the damage is given out, then one error
// says where it is, what it is and what to do. Positions are offsets in this file, 64 bits; what the headers say of
// them is not used (it wraps at 4 GiB, and relay logs have the source's). The file's size is taken when it is opened:
// what a server appends later is not read.
//
// Memory: one buffer, as large as the largest event. Thread rules: one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/status.h"
#include "binlog/event.h"

namespace shardlift::binlog {

enum class FileEnd : std::uint8_t {
  kClean,        // closed by its server
  kInUse,        // whole so far, but its server has not closed it: it writes on, or it crashed
  kTruncated,    // ends inside an event, or without the event that closes a file
  kCorrupt,      // bytes that cannot be what they claim to be
  kEncrypted,    // from error_offset() on
  kUnsupported,  // an event, or a form of one, that this reader does not know
};
std::string_view FileEndName(FileEnd end);  // "clean", "in-use", ...

struct FileEvent {
  Event event;  // views live until the next Next()
  std::uint64_t offset = 0;
  std::uint64_t end_offset = 0;
};

class FileReader {
 public:
  // kEnvironment when the file cannot be opened; any content opens.
  static base::Result<std::unique_ptr<FileReader>> Open(const std::string& path);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // The next event; nullptr at the end of what can be read. Events of unknown type come only when they may be ignored.
  const FileEvent* Next();
  // Ends the reading: the body of the event that Next gave last is damaged, or of an unknown form (kRefused).
  void EndAt(const base::Status& why);

  // After Next gave nullptr. error() is ok for kClean and kInUse, else kCorrupt, kRefused or kEnvironment (the file
  // could not be read on) with file, offset and remedy.
  FileEnd end() const { return end_; }
  const base::Status& error() const { return error_; }
  std::uint64_t error_offset() const { return error_offset_; }

  const Format& format() const { return format_; }
  const std::string& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  bool is_relay_log() const { return is_relay_log_; }

 private:
  FileReader(std::string path, int fd, std::uint64_t size);
  bool Need(std::uint64_t bytes);
  bool Open();
  bool Accept(const Event& event);
  void EndOfFile();
  void Refuse(const base::Status& why, std::uint64_t offset);
  void End(FileEnd end, std::uint64_t offset, std::string_view what);
  std::string_view Available() const { return {buffer_.get() + begin_, filled_ - begin_}; }
  static Event ParseEventV1(std::string_view bytes);
  bool HeaderAgrees(const EventHeader& header) const;

  const std::string path_;
  const int fd_;
  const std::uint64_t size_;

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;  // of the next event, in the buffer
  std::size_t filled_ = 0;
  std::uint64_t read_offset_ = 0;  // in the file, of what follows the buffer
  std::uint64_t offset_ = 0;       // in the file, of the next event

  bool opened_ = false;
  bool ended_ = false;
  bool is_relay_log_ = false;
  bool in_use_ = false;
  bool encrypted_after_ = false;
  bool closed_ = false;  // the last event is one that closes a file
  Format format_;
  FileEvent current_;
  FileEnd end_ = FileEnd::kClean;
  base::Status error_;
  std::uint64_t error_offset_ = 0;
};

}  // namespace shardlift::binlog
