#include "binlog/spool_directory.h"

#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/log.h"

namespace shardlift::binlog {
namespace {

constexpr std::chrono::milliseconds kLockPause{50};

base::Result<std::vector<std::uint64_t>> ListSegments(const std::string& directory) {
  std::vector<std::uint64_t> numbers;
  std::vector<std::string> unfinished;
  std::error_code error;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename();
    if (const auto number = ParseSpoolSegmentName(name)) numbers.push_back(*number);
    if (name.ends_with(".spool.new")) unfinished.push_back(it->path());
  }
  if (error) return SpoolIoError("list", directory, error.value());
  // A segment gets its name when its header is whole.
  for (const std::string& path : unfinished) {
    if (unlink(path.c_str()) != 0) return SpoolIoError("remove", path, errno);
  }
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] == numbers[i - 1] + 1) continue;
    return SpoolDamage(SpoolSegmentPath(directory, numbers[i - 1] + 1), 0, "this segment is missing");
  }
  return numbers;
}

base::Status CheckIdentity(const SpoolSegment& segment, const std::string& identity) {
  if (segment.header().identity == identity) return base::Ok();
  return {base::Code::kRefused, fmt::format("{}: the spool is of the source {}, this source is {}; give each source a "
                                            "directory of its own, or remove the spool to begin a new one",
                                            segment.path(), segment.header().identity, identity)};
}

base::Result<std::vector<SpoolSegmentInfo>> CheckChain(const std::string& directory, const std::string& identity,
                                                       const std::vector<std::uint64_t>& numbers) {
  std::vector<SpoolSegmentInfo> segments;
  for (const std::uint64_t number : numbers) {
    const std::string path = SpoolSegmentPath(directory, number);
    SL_ASSIGN(const auto segment, SpoolSegment::Open(path, number));
    const SpoolSegmentHeader& header = segment->header();
    SL_TRY(CheckIdentity(*segment, identity));
    std::error_code error;
    const std::uint64_t bytes = std::filesystem::file_size(path, error);
    if (error) return SpoolIoError("look at", path, error.value());
    if (!segments.empty()) {
      const SpoolSegmentInfo& before = segments.back();
      if (before.bytes != header.previous_bytes) {
        return SpoolDamage(SpoolSegmentPath(directory, before.number), std::min(before.bytes, header.previous_bytes),
                           fmt::format("the segment has {} bytes and had {}", before.bytes, header.previous_bytes));
      }
      if (header.start.flavour() != before.start.flavour() || !header.start.Contains(before.start)) {
        return SpoolDamage(path, 0, "the segment begins before the one in front of it");
      }
    }
    segments.push_back({number, bytes, header.start});
  }
  return segments;
}

// Reads the last segment to its end, or to where it is torn.
base::Result<std::optional<SpoolCut>> ReadLast(SpoolScan& scan, const SpoolSegmentInfo& last) {
  std::string why;
  for (;;) {
    const auto event = scan.Next(last.bytes);
    if (event.ok() && *event != nullptr) continue;
    if (event.ok()) break;
    if (event.status().code() != base::Code::kCorrupt || !scan.at_bad_block()) return event.status();
    SL_ASSIGN(const auto proof, scan.segment().FindProofOfDamage(last.bytes));
    if (proof) {
      return event.status().WithContext(
          fmt::format("not a write cut short: the block at {} says that it was whole on disk", *proof));
    }
    why = event.status().message();
    why = why.substr(0, why.find(';'));
    break;
  }
  if (scan.boundary().bytes == last.bytes) return std::optional<SpoolCut>();
  SpoolCut cut;
  cut.file = scan.segment().path();
  cut.offset = scan.boundary().bytes;
  cut.bytes = last.bytes - cut.offset;
  cut.why = why.empty() ? "the beginning of a group without its end" : why;
  return std::optional(std::move(cut));
}

base::Status CutOff(const SpoolCut& cut) {
  base::LogWarning("the end of a spool was cut off; its source sends it again",
                   {{"file", cut.file},
                    {"offset", static_cast<std::int64_t>(cut.offset)},
                    {"bytes", static_cast<std::int64_t>(cut.bytes)},
                    {"why", cut.why}});
  SL_ASSIGN(const SpoolFile file, SpoolFile::OpenForWriting(cut.file));
  return file.Truncate(cut.offset);
}

}  // namespace

std::string SpoolSegmentPath(const std::string& directory, std::uint64_t number) {
  return directory + "/" + SpoolSegmentName(number);
}

base::Result<SpoolFile> LockSpool(const std::string& directory, std::chrono::seconds wait) {
  if (mkdir(directory.c_str(), 0700) == 0) {
    std::filesystem::path parent = std::filesystem::path(directory).lexically_normal();
    if (!parent.has_filename()) parent = parent.parent_path();
    parent = parent.parent_path();
    SL_TRY(SyncDirectory(parent.empty() ? "." : parent.string()));
  } else if (errno != EEXIST) {
    return SpoolIoError("create", directory, errno);
  }
  struct stat status{};
  if (stat(directory.c_str(), &status) != 0) return SpoolIoError("look at", directory, errno);
  if (!S_ISDIR(status.st_mode) || (status.st_mode & 077) != 0 || status.st_uid != geteuid()) {
    return base::Status(base::Code::kRefused,
                        fmt::format("{} must be a directory that only its owner, the user of this program, may use: it "
                                    "holds the rows of the source; chmod 700 it, or name another one",
                                    directory));
  }
  SL_ASSIGN(SpoolFile lock, SpoolFile::Create(directory + "/lock"));
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (flock(lock.fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return SpoolIoError("lock", lock.path(), errno);
    if (std::chrono::steady_clock::now() >= deadline) {
      return base::Status(base::Code::kRefused,
                          fmt::format("{}: another process uses this spool; end it first (fuser -v {}/lock names it), "
                                      "or name another directory",
                                      directory, directory));
    }
    std::this_thread::sleep_for(kLockPause);
  }
  return lock;
}

base::Result<RecoveredSpool> RecoverSpool(const std::string& directory, const std::string& identity) {
  RecoveredSpool spool;
  SL_ASSIGN(const std::vector<std::uint64_t> numbers, ListSegments(directory));
  SL_ASSIGN(spool.segments, CheckChain(directory, identity, numbers));
  if (spool.segments.empty()) return spool;
  SpoolSegmentInfo& last = spool.segments.back();
  SpoolScan scan;
  SL_TRY(scan.Open(SpoolSegmentPath(directory, last.number), last.number));
  SL_ASSIGN(spool.cut, ReadLast(scan, last));
  if (spool.cut) SL_TRY(CutOff(*spool.cut));
  last.bytes = scan.boundary().bytes;
  spool.end = scan.boundary();
  spool.salt = scan.segment().header().salt;
  // What a killed process wrote may be in memory only.
  SL_ASSIGN(const SpoolFile file, SpoolFile::OpenForWriting(SpoolSegmentPath(directory, last.number)));
  SL_TRY(file.Sync());
  SL_TRY(SyncDirectory(directory));
  // A segment may have been begun and nothing more: its last group is in the one before.
  if (!spool.end.last_group && spool.segments.size() > 1) {
    const SpoolSegmentInfo& before = spool.segments[spool.segments.size() - 2];
    SpoolScan earlier;
    SL_TRY(earlier.Open(SpoolSegmentPath(directory, before.number), before.number));
    for (const SpoolEvent* event = nullptr;;) {
      SL_ASSIGN(event, earlier.Next(before.bytes));
      if (event == nullptr) break;
    }
    spool.end.last_group = earlier.boundary().last_group;
  }
  return spool;
}

}  // namespace shardlift::binlog
