// The images file of repairs: the rows themselves, before and after each change, so that a repair can be undone
// (docs/formats.md, "Images of repairs").
//
// The only file of the tool that holds user data; mode 0600, beside the audit. Only appended to, and synced before a
// change it speaks of is committed. One process at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "repair/row_image.h"

namespace shardlift::repair {

// Of one owner on one shard.
struct RowImage {
  std::string run;
  std::string shard;  // its name
  std::uint32_t origin = 0;
  std::uint32_t table_ordinal = 0;
  std::string owner_key;
  RowViews before;  // empty: no row
  RowViews after;
};

std::optional<std::string> BytesOfUpperHex(std::string_view text);
std::string ImagesPathOf(const std::string& audit_path);

class ImageLog {
 public:
  // Opens or creates the file. A last line without an end (a crash while it was written) is cut off. kRefused while
  // another process has it.
  static base::Result<std::unique_ptr<ImageLog>> Open(const std::string& path);
  ~ImageLog();
  ImageLog(const ImageLog&) = delete;
  ImageLog& operator=(const ImageLog&) = delete;

  // One line for each, synced when it returns. One thread at a time.
  base::Status Append(std::span<const RowImage> images);

 private:
  ImageLog(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  base::Status CutTornLine();
  const std::string path_;
  const int fd_;
};

// A line of the file, its values decoded.
struct StoredImage {
  std::string run;
  std::string shard;
  std::string owner_id;  // migrate/batch.h
  std::optional<RowColumns> before;
  std::optional<RowColumns> after;
};
// nullopt when the line is none.
std::optional<StoredImage> ParseImage(std::string_view line);

}  // namespace shardlift::repair
