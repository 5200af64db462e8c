#include "tests/binlog/fuzz/spool_target.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "binlog/cursor.h"
#include "binlog/spool_directory.h"
#include "binlog/spool_reader.h"
#include "binlog/spool_writer.h"
#include "tests/binlog/fuzz/targets.h"

namespace shardlift::binlog::fuzz {
namespace {

// One for the process; what a run leaves in it the next one removes.
const std::string& Directory() {
  static const struct Scratch {
    Scratch() {
      base::ConfigureLog(base::LogLevel::kOff, base::LogFormat::kText);
      std::string name = (std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") + std::string("/fuzz-XXXXXX");
      path = mkdtemp(name.data());
    }
    ~Scratch() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
    std::string path;
  } scratch;
  return scratch.path;
}

SpoolSegmentHeader Header(bool maria) {
  SpoolSegmentHeader header;
  header.number = 1;
  header.salt = 7;
  header.identity = kSpoolIdentity;
  if (maria) {
    header.place = {"bin.000001", 4};
    header.start = mysql::SourcePosition::FromFile(header.place);
  }
  return header;
}

std::string SegmentOf(std::string_view blocks) {
  Cursor in(blocks);
  const SpoolSegmentHeader header = Header((in.U8() & 1) != 0);
  std::string file = EncodeSpoolSegmentHeader(header);
  while (in.ok() && in.remaining() > 0) {
    const std::uint8_t kind = in.U8();
    SpoolBlockHeader block;
    block.kind = static_cast<SpoolBlockKind>(kind & 0x7f);
    block.codec = (kind & 0x80) != 0 ? SpoolCodec::kZstd : SpoolCodec::kStored;
    block.raw_bytes = in.U16();
    const std::string_view passed = in.Bytes(in.U8());
    const std::string_view entries = in.Bytes(in.U16());
    block.passed_bytes = static_cast<std::uint32_t>(passed.size());
    block.stored_bytes = static_cast<std::uint32_t>(entries.size());
    const std::string body = std::string(passed) + std::string(entries);
    const std::uint64_t seed = header.salt + file.size();
    block.body_hash = SpoolHash(body, seed);
    char head[kSpoolBlockHeaderBytes];
    EncodeSpoolBlockHeader(block, seed, head);
    file.append(head, sizeof(head));
    file += body;
  }
  return file;
}

struct Outcome {
  base::Status status;
  bool cut = false;
  mysql::SourcePosition position;
  std::vector<std::string> events;
};

Outcome Read(mysql::Flavour flavour) {
  SpoolOptions options;
  options.directory = Directory();
  options.identity = kSpoolIdentity;
  options.start = Header(flavour == mysql::Flavour::kMariaDb).start;
  Outcome outcome;
  auto spool = SpoolWriter::Open(options);
  outcome.status = spool.status();
  if (!spool.ok()) return outcome;
  outcome.cut = (*spool)->cut().has_value();
  outcome.position = (*spool)->position();
  auto reader = (*spool)->OpenReader(options.start);
  outcome.status = reader.status();
  if (!reader.ok()) return outcome;
  for (;;) {
    const auto event = (*reader)->Next(std::chrono::milliseconds(0));
    outcome.status = event.status();
    if (!event.ok() || *event == nullptr) return outcome;
    outcome.events.emplace_back((*event)->bytes);
  }
}

}  // namespace

void Spool(std::string_view bytes) {
  if (bytes.empty()) return;
  const bool as_file = bytes[0] == kSpoolFile;
  bytes.remove_prefix(1);
  const std::string file = as_file ? std::string(bytes) : SegmentOf(bytes);
  for (const auto& entry : std::filesystem::directory_iterator(Directory())) std::filesystem::remove(entry.path());
  std::ofstream(SpoolSegmentPath(Directory(), 1), std::ios::binary)
      .write(file.data(), static_cast<std::streamsize>(file.size()));
  for (const mysql::Flavour flavour : {mysql::Flavour::kMySql, mysql::Flavour::kMariaDb}) {
    const Outcome first = Read(flavour);
    const Outcome second = Read(flavour);
    // What opening mends stays mended, and what was read once is read again.
    SL_CHECK(!second.cut);
    SL_CHECK(first.status.code() == second.status.code());
    SL_CHECK(first.events == second.events);
    if (first.status.ok()) SL_CHECK(first.position == second.position);
  }
}

}  // namespace shardlift::binlog::fuzz
