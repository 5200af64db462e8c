// What reading a binlog costs: events by type, values by column type. Not a test; built when asked (target
// binlog_bench), run by scripts/bench.sh binlog. All bytes are in the processor's caches.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "binlog/event.h"
#include "binlog/gtid_event.h"
#include "binlog/query.h"
#include "binlog/row_decoder.h"
#include "binlog/row_event.h"
#include "binlog/row_hash.h"
#include "binlog/row_walk.h"
#include "tests/binlog/sample_columns.h"

namespace shardlift::binlog {
namespace {

constexpr std::size_t kEventBytes = 8192;  // what servers make of one statement with many rows

void Count(benchmark::State& state, std::string_view unit, std::size_t units, std::size_t bytes) {
  const auto total = static_cast<double>(state.iterations()) * static_cast<double>(units);
  state.counters[fmt::format("s/{}", unit)] =
      benchmark::Counter(total, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(bytes));
}

// Eight columns of one type, so that what a row costs is shared.
constexpr std::size_t kSameColumns = 8;

struct Rows {
  std::shared_ptr<const DescribedTable> table;
  std::string data;
  std::size_t values = 0;

  explicit Rows(const SampleColumn& column) {
    const std::vector<SampleColumn> columns(kSameColumns, column);
    table = DescribeSample(columns);
    const std::size_t rows = kEventBytes / (SampleImage(columns).size());
    data = SampleRows(columns, RowOp::kInsert, rows, false);
    values = rows * kSameColumns;
  }
};

void WalkColumn(benchmark::State& state, const SampleColumn& column) {
  const Rows rows(column);
  const RowWalk walk(rows.table->columns);
  for (auto _ : state) benchmark::DoNotOptimize(walk.CountRows(RowOp::kInsert, false, rows.data));
  Count(state, "value", rows.values, rows.data.size());
}

void DecodeColumn(benchmark::State& state, const SampleColumn& column, bool hashed) {
  const Rows rows(column);
  RowDecoder decoder;
  RowHash hash;
  for (auto _ : state) {
    if (!decoder.Begin(*rows.table, RowOp::kInsert, false, rows.data).ok()) state.SkipWithError("bad rows");
    while (decoder.Next()) {
      if (hashed) {
        hash.Add(1, decoder.row());
      } else {
        benchmark::DoNotOptimize(decoder.row().after.data());
        benchmark::ClobberMemory();
      }
    }
    if (!decoder.status().ok()) state.SkipWithError("bad rows");
  }
  Count(state, "value", rows.values, rows.data.size());
}

struct SampleEvent {
  std::string_view name;
  std::string bytes;
};

std::vector<SampleEvent> SampleEvents() {
  EventBuilder builder;
  const SampleColumn text{"text", {WireType::kBlob, 2}, Little(200, 2) + std::string(200, 'x')};
  const std::vector<SampleColumn> columns = {text};
  const std::string image = SampleImage(columns);
  const std::string head = Little(5, 6) + Little(1, 2) + Little(2, 2) + '\x01' + '\xff';
  std::string many = head;
  while (many.size() < kEventBytes) many += image;
  return {{"gtid", builder.Gtid(7)},
          {"query BEGIN", builder.Query("BEGIN")},
          {"table map", builder.TableMap()},
          {"xid", builder.Xid()},
          {"rows, 1 of 200 bytes", builder.Make(EventType::kWriteRows, head + image)},
          {"rows, 8 KiB", builder.Make(EventType::kWriteRows, many)}};
}

// Header, checksum, and what is made of the event before its rows.
void ReadEvent(benchmark::State& state, const SampleEvent& sample) {
  EventBuilder builder;
  const std::string described = builder.FormatDescription();
  const Format before;
  const Format format = *ParseFormatDescription(*ParseEvent(described, before));
  for (auto _ : state) {
    const auto event = ParseEvent(sample.bytes, format);
    if (!event.ok()) state.SkipWithError("bad event");
    switch (event->header.type) {
      case EventType::kGtid: benchmark::DoNotOptimize(ParseMySqlGtid(*event)); break;
      case EventType::kQuery: benchmark::DoNotOptimize(ParseQueryEvent(*event, format)); break;
      case EventType::kTableMap: benchmark::DoNotOptimize(ParseTableMapName(*event, format)); break;
      case EventType::kWriteRows: benchmark::DoNotOptimize(ParseRowEvent(*event, format)); break;
      default: benchmark::DoNotOptimize(event->body.data());
    }
  }
  Count(state, "event", 1, sample.bytes.size());
}

int Run(int argc, char** argv) {
  for (const SampleEvent& event : SampleEvents()) {
    benchmark::RegisterBenchmark(fmt::format("event/{}", event.name).c_str(), ReadEvent, event);
  }
  for (const SampleColumn& column : SampleColumns()) {
    benchmark::RegisterBenchmark(fmt::format("walk/{}", column.name).c_str(), WalkColumn, column);
    benchmark::RegisterBenchmark(fmt::format("decode/{}", column.name).c_str(), DecodeColumn, column, false);
    benchmark::RegisterBenchmark(fmt::format("hash/{}", column.name).c_str(), DecodeColumn, column, true);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace shardlift::binlog

int main(int argc, char** argv) { return shardlift::binlog::Run(argc, argv); }
