// What the tests of the spool share: a directory, a stream of made groups, and everything that a spool holds as a list.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "binlog/spool_reader.h"
#include "binlog/spool_writer.h"
#include "tests/binlog/event_builder.h"

namespace shardlift::binlog {

class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string path = (std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") + std::string("/spool-XXXXXX");
    path_ = mkdtemp(path.data());
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// The binlog of a server with one table: groups 1, 2, 3..., each with a row of as many bytes as asked for.
class Stream {
 public:
  explicit Stream(bool maria = false) : build(maria), maria_(maria) {}

  std::vector<std::string> Begin() { return {build.Rotate("bin.000001", 4, true), build.FormatDescription()}; }
  std::vector<std::string> Group(std::size_t row_bytes = 10) {
    ++number;
    std::vector<std::string> events;
    events.push_back(maria_ ? build.MariaGtid(number, 0) : build.Gtid(number));
    if (!maria_) events.push_back(build.Query("BEGIN"));
    events.push_back(build.TableMap());
    std::string text = std::to_string(number) + ":";
    std::minstd_rand random(static_cast<unsigned>(number));  // so that compressing them gains nothing
    while (text.size() < row_bytes) text += static_cast<char>(random() >> 8);
    events.push_back(build.Write(text));  // nobody decodes it
    events.push_back(build.Xid());
    return events;
  }
  mysql::FilePosition place() const { return {"bin.000001", build.offset()}; }
  mysql::SourcePosition position() const {
    if (maria_) return mysql::SourcePosition::FromFile(place());
    return Upto(number);
  }
  static mysql::SourcePosition Upto(std::uint64_t last) {
    mysql::GtidSet set;
    mysql::GtidSet::Source source;
    source.uuid.fill(0x11);
    if (last > 0) set.Add(source, {1, last + 1});
    return mysql::SourcePosition::FromGtidSet(set);
  }

  EventBuilder build;
  std::uint64_t number = 0;

 private:
  bool maria_;
};

inline SpoolOptions SpoolAt(const std::string& directory, bool maria = false) {
  SpoolOptions options;
  options.directory = directory;
  options.identity = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
  if (maria) options.start = mysql::SourcePosition::FromFile({"bin.000001", 4});
  return options;
}

inline void AppendAll(SpoolWriter& spool, const std::vector<std::string>& events) {
  for (const std::string& event : events) {
    const base::Status status = spool.Append(event);
    ASSERT_TRUE(status.ok()) << status.message();
  }
}

struct Held {
  std::vector<std::string> events;
  std::vector<mysql::FilePosition> ends;
  base::Status status;  // why reading ended, when not at the end
};

// Everything that is in the spool from `position` on.
inline Held ReadAll(SpoolWriter& spool, const mysql::SourcePosition& position, bool formats = true) {
  Held held;
  auto reader = spool.OpenReader(position);
  if (!reader.ok()) {
    held.status = reader.status();
    return held;
  }
  // A reader that passes over much comes back with nothing in between.
  for (int nothing = 0;;) {
    const auto event = (*reader)->Next(std::chrono::milliseconds(0));
    if (!event.ok()) held.status = event.status();
    if (!event.ok() || nothing > 100) return held;
    if (*event == nullptr) ++nothing;
    if (*event == nullptr) continue;
    nothing = 0;
    if (!formats && (*event)->event.event.header.type == EventType::kFormatDescription) continue;
    held.events.emplace_back((*event)->bytes);
    held.ends.push_back({(*event)->file, (*event)->event.end_offset});
  }
}

template <class T>
void Extend(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

inline std::string FileText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
inline void WriteFile(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}
inline std::string SegmentPath(const std::string& directory, std::uint64_t number) {
  return SpoolSegmentPath(directory, number);
}

class SpoolTest : public ::testing::Test {
 protected:
  std::unique_ptr<SpoolWriter> Open(const SpoolOptions& options, bool maria = false) {
    auto spool = SpoolWriter::Open(options);
    EXPECT_TRUE(spool.ok()) << spool.status().message();
    if (!spool.ok()) return nullptr;
    const mysql::FilePosition start = maria ? (*spool)->position().file() : mysql::FilePosition();
    EXPECT_TRUE((*spool)->StartConnection(start, true, false).ok());
    return std::move(*spool);
  }

  ScratchDirectory scratch_;
  SpoolOptions options_ = SpoolAt(scratch_.path() + "/source");
};

}  // namespace shardlift::binlog
