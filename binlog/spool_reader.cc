#include "binlog/spool_reader.h"

#include "binlog/spool_log.h"

namespace shardlift::binlog {

bool PassedFilter::Passed(const GroupBounds& bounds, const Event& event, const mysql::SourcePosition& position) {
  if (position.flavour() == mysql::Flavour::kMariaDb) {
    if (beyond_ || IsMadeUp(event.header)) return false;
    beyond_ = mysql::FilePosition{bounds.event_file(), bounds.event_end()} > position.file();
    return !beyond_;
  }
  if (bounds.began_group()) passing_ = bounds.gtid().number != 0 && position.gtid_set().Contains(bounds.gtid());
  return passing_ && (bounds.in_group() || bounds.ended_group());
}

SpoolReader::SpoolReader(SpoolLog& log, mysql::SourcePosition from) : log_(log), from_(std::move(from)) {}

SpoolReader::~SpoolReader() { log_.ReaderIsAt(SpoolLog::kNoReader); }

base::Status SpoolReader::Open(std::uint64_t number) {
  log_.ReaderIsAt(number);
  SL_TRY(scan_.Open(log_.PathOf(number), number));
  number_ = number;
  end_ = scan_.segment().offset();
  return base::Ok();
}

base::Result<const SpoolEvent*> SpoolReader::Next(std::chrono::milliseconds timeout) {
  constexpr unsigned kLookAtClock = 1024;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  if (!failed_.ok()) return failed_;
  for (unsigned passed = 1;;) {
    const auto event = scan_.Next(end_);
    if (!event.ok()) return failed_ = event.status();
    if (*event != nullptr) {
      const Event& parsed = (*event)->event.event;
      const bool behind = filter_.Passed(scan_.bounds(), parsed, from_);
      if (!behind || parsed.header.type == EventType::kFormatDescription) return *event;
      // Passing over much must not keep the caller longer than it asked for.
      if (passed++ % kLookAtClock == 0 && std::chrono::steady_clock::now() >= deadline) return nullptr;
      continue;
    }
    SL_ASSIGN(const SpoolLog::More more, log_.WaitForMore(number_, &end_, deadline));
    if (more == SpoolLog::More::kNothing) return nullptr;
    if (more == SpoolLog::More::kInSegment) continue;
    if (base::Status status = Open(number_ + 1); !status.ok()) return failed_ = status;
  }
}

bool SpoolReader::at_end() const { return log_.AtEnd(number_, end_); }
std::uint32_t SpoolReader::source_seconds() const { return log_.source_seconds(); }
void SpoolReader::Stop() { log_.StopReader(); }

}  // namespace shardlift::binlog
