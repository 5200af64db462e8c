// What mapping a row costs: the sample mappings whole, and single expressions. Not a test; built when asked (target
// mapping_bench). All bytes are in the processor's caches. Rows are as a copy reads them, integers with their texts.
#include <benchmark/benchmark.h>

#include <deque>
#include <string>
#include <vector>

#include "tests/mapping/family_tables.h"
#include "tests/mapping/support.h"

namespace shardlift::mapping {
namespace {

using mysql::Value;

void MapRow(benchmark::State& state, const std::string& name, const mysql::TableSchema& schema,
            std::vector<Value> row) {
  std::deque<std::string> texts;
  for (Value& value : row) {
    if (value.kind == mysql::ValueKind::kInt) value.bytes = texts.emplace_back(std::to_string(value.i));
    if (value.kind == mysql::ValueKind::kUInt) value.bytes = texts.emplace_back(std::to_string(value.u));
  }
  auto mapper = TableMapper::Compile(testing::LoadMappingFile(name),
                                     {schema, mysql::Flavour::kMySql, 9, testing::DefaultRules()});
  if (!mapper.ok()) {
    state.SkipWithError("the mapping does not compile");
    return;
  }
  MapScratchPtr scratch = NewMapScratch();
  MappedRow out;
  for (auto _ : state) {
    if (!(*mapper)->Map(row, *scratch, &out).ok()) state.SkipWithError("the row does not map");
    benchmark::DoNotOptimize(out.fields.data());
  }
}

void Expression(benchmark::State& state, const char* text) {
  mysql::TableSchema schema = testing::ImTable();
  auto compiled = testing::CompileExpression(schema, text);
  if (!compiled.ok()) {
    state.SkipWithError("the expression does not compile");
    return;
  }
  std::vector<ColumnReader> readers;
  for (const mysql::Column& column : schema.columns) readers.emplace_back(column);
  const std::vector<Value> row = testing::ImValues();
  StringPool pool;
  for (auto _ : state) {
    pool.Reset();
    Evaluator evaluator(row, readers, pool, false);
    Val value;
    benchmark::DoNotOptimize(evaluator.Eval(*compiled->expr, &value));
    benchmark::DoNotOptimize(value.bytes.data());
  }
}

BENCHMARK_CAPTURE(MapRow, im, "im", testing::ImTable(), testing::ImValues());
BENCHMARK_CAPTURE(MapRow, push, "push", testing::PushTable(), testing::PushValues());
BENCHMARK_CAPTURE(MapRow, notice, "notice", testing::NoticeTable(), testing::NoticeValues());
BENCHMARK_CAPTURE(Expression, column, "content");
BENCHMARK_CAPTURE(Expression, sum, "ctime + 1");
BENCHMARK_CAPTURE(Expression, decimal_quotient, "ctime / 1000");
BENCHMARK_CAPTURE(Expression, from_unixtime, "FROM_UNIXTIME(ctime)");
BENCHMARK_CAPTURE(Expression, from_unixtime_of_decimal, "FROM_UNIXTIME(ctime / 1000)");
BENCHMARK_CAPTURE(Expression, convert_tz_by_name, "CONVERT_TZ(FROM_UNIXTIME(ctime), 'UTC', 'Asia/Shanghai')");
BENCHMARK_CAPTURE(Expression, concat, "CONCAT('im:', from_uid, ':', to_uid)");
BENCHMARK_CAPTURE(Expression, json_object, "JSON_OBJECT('mtime', mtime)");
BENCHMARK_CAPTURE(Expression, like, "content LIKE '%a%'");
BENCHMARK_CAPTURE(Expression, sha2, "SHA2(content, 256)");
BENCHMARK_CAPTURE(Expression, case_of_numbers, "CASE kind WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END");

}  // namespace
}  // namespace shardlift::mapping

BENCHMARK_MAIN();
