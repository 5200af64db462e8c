// What a certificate says, read back: whether it contradicts itself, and its text for a person.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "base/progress.h"
#include "mysql/position.h"
#include "verify/certificate.h"
#include "verify/json_access.h"

namespace shardlift::verify {
namespace {

using nlohmann::json;

struct Sums {
  std::uint64_t rows = 0;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::uint64_t tables = 0;
};

class ContentCheck {
 public:
  explicit ContentCheck(const json& certificate) : certificate_(certificate) {}

  std::vector<std::string> Run() {
    CheckPass();
    for (const json& source : ListAt(certificate_, "sources")) CheckSource(source);
    for (const json& table : ListAt(certificate_, "tables")) CheckTable(table);
    std::uint64_t rows = 0;
    std::uint64_t tables = 0;
    for (const json& mapping : ListAt(certificate_, "mappings")) {
      CheckMapping(mapping);
      rows += NumberAt(mapping, "rows");
      tables += NumberAt(mapping, "tables");
    }
    for (const json& shard : ListAt(certificate_, "shards")) CheckShard(shard);
    Expect(rows == NumberAt(certificate_, "totals/rows"), "totals: rows are not the sum of those of the mappings");
    Expect(tables == NumberAt(certificate_, "totals/tables") && tables == ListAt(certificate_, "tables").size(),
           "totals: tables are not those that are listed");
    Expect(rows == NumberAt(certificate_, "pass/rows_compared"), "pass: rows_compared is not the number of rows");
    Expect(!ListAt(certificate_, "sources").empty() && !ListAt(certificate_, "shards").empty(),
           "there are no servers in it");
    return std::move(problems_);
  }

 private:
  void Expect(bool holds, std::string problem) {
    if (!holds) problems_.push_back(std::move(problem));
  }

  void CheckPass() {
    Expect(TextAt(certificate_, "pass/kind") == "full", "pass: it was not a full one");
    for (const char* name : {"findings", "dead_letters", "not_verified"}) {
      const json* const count = MemberAt(certificate_, fmt::format("pass/{}", name));
      Expect(count != nullptr && *count == 0u, fmt::format("pass: {} are not 0", name));
    }
    for (const json& check : ListAt(certificate_, "beyond_rows")) {
      const std::string state = TextAt(check, "state");
      Expect(state == BeyondStateName(BeyondState::kClean) || state == BeyondStateName(BeyondState::kNothing),
             fmt::format("check {} beyond rows: it was {}", TextAt(check, "check"), state));
    }
    Expect(ListAt(certificate_, "beyond_rows").size() == BeyondCheckNames().size(), "checks beyond rows are not there");
    Expect(TextAt(certificate_, "pass/begin") <= TextAt(certificate_, "pass/end"), "pass: it ended before it began");
  }

  void CheckSource(const json& source) {
    const std::string name = "source " + TextAt(source, "name");
    const std::string position = TextAt(source, "begin/position");
    Expect(TrueAt(source, "begin/fenced") && TrueAt(source, "end/fenced"), name + ": its writes were not fenced");
    Expect(NumberAt(source, "begin/prepared_xa") == 0 && NumberAt(source, "end/prepared_xa") == 0,
           name + ": it had prepared XA transactions");
    Expect(position == TextAt(source, "end/position"), name + ": its position changed");
    const auto parsed = mysql::SourcePosition::Parse(position);
    Expect(parsed.ok(), name + ": its position is none");
    if (!parsed.ok()) return;
    for (const json& shard : ListAt(certificate_, "shards")) {
      Expect(HasPassed(shard, TextAt(source, "name"), *parsed),
             fmt::format("shard {}: no checkpoint of {} that contains its position", TextAt(shard, "name"), name));
    }
  }

  static bool HasPassed(const json& shard, const std::string& source, const mysql::SourcePosition& position) {
    bool passed = false;
    for (const json& lane : ListAt(shard, "end/lanes")) {
      if (TextAt(lane, "source") != source) continue;
      const auto applied = mysql::SourcePosition::Parse(TextAt(lane, "applied"));
      if (!applied.ok() || applied->flavour() != position.flavour() || !applied->Contains(position)) return false;
      passed = true;
    }
    return passed;
  }

  void CheckTable(const json& table) {
    const std::string name = fmt::format("table {}.{}", TextAt(table, "schema"), TextAt(table, "table"));
    const bool same_meaning = TextAt(table, "json") == "same_meaning";
    Expect(same_meaning || TextAt(table, "json") == "same_text", name + ": json is neither same_text nor same_meaning");
    Sums& mapping = by_mapping_[TextAt(table, "mapping")];
    ++mapping.tables;
    std::uint64_t rows = 0;
    std::uint64_t bucket = 0;
    for (const json& part : ListAt(table, "parts")) {
      const std::uint64_t first = NumberAt(part, "first_bucket");
      const std::uint64_t last = NumberAt(part, "last_bucket");
      Expect(first >= bucket && last >= first, name + ": bucket ranges overlap or are out of order");
      bucket = last + 1;
      rows += NumberAt(part, "rows");
      by_shard_[TextAt(part, "shard")] += NumberAt(part, "rows");
      for (const char* sum : {"source_first", "source_second", "no_json_first", "no_json_second"}) {
        Expect(SumAt(part, sum).has_value() == same_meaning, fmt::format("{}: {} does not fit json", name, sum));
      }
      const auto first_sum = SumAt(part, "first");
      const auto second_sum = SumAt(part, "second");
      Expect(first_sum && second_sum, name + ": a part has no sums");
      mapping.first += first_sum.value_or(0);
      mapping.second += second_sum.value_or(0);
    }
    Expect(rows == NumberAt(table, "rows"), name + ": rows are not the sum of those of its parts");
    mapping.rows += rows;
  }

  void CheckMapping(const json& mapping) {
    const std::string name = "mapping " + TextAt(mapping, "name");
    const Sums& sums = by_mapping_[TextAt(mapping, "name")];
    const std::uint64_t rows = NumberAt(mapping, "rows");
    Expect(rows == sums.rows && NumberAt(mapping, "tables") == sums.tables,
           name + ": rows or tables are not the sum of those of its tables");
    Expect(SumAt(mapping, "first") == sums.first && SumAt(mapping, "second") == sums.second,
           name + ": its sums are not those of its tables");
    Expect(NumberAt(mapping, "equal") == rows, name + ": rows that were equal are not all that are there");
    Expect(NumberAt(mapping, "source_rows") ==
               NumberAt(mapping, "equal") + NumberAt(mapping, "left_behind") + NumberAt(mapping, "dead_letters"),
           name + ": equal, left behind and dead letters together are not the source rows");
  }

  void CheckShard(const json& shard) {
    const std::string name = TextAt(shard, "name");
    Expect(NumberAt(shard, "rows") == by_shard_[name], "shard " + name + ": rows are not the sum of its parts");
    const json* const begin = MemberAt(shard, "begin");
    const json* const end = MemberAt(shard, "end");
    Expect(begin != nullptr && end != nullptr && *begin == *end,
           "shard " + name + ": its routing or checkpoints changed");
    Expect(NumberAt(shard, "end/map_epoch") == NumberAt(certificate_, "routing/map_epoch") &&
               TextAt(shard, "end/shard_map") == TextAt(certificate_, "routing/shard_map") &&
               TextAt(shard, "end/rules_sha256") == TextAt(certificate_, "routing/rules_sha256"),
           "shard " + name + ": its routing is not the job's");
  }

  const json& certificate_;
  std::map<std::string, Sums> by_mapping_;
  std::map<std::string, std::uint64_t> by_shard_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> ContentProblems(const json& certificate) { return ContentCheck(certificate).Run(); }

std::string CertificateText(const json& certificate) {
  std::string text = fmt::format(
      "certificate of job {}, by {} {}\npass: {}, method {}, {} to {}\njob file {}\nfingerprint {}\nrouting: version "
      "{}, {} buckets, shard map epoch {}: {}\n",
      TextAt(certificate, "job/name"), TextAt(certificate, "tool/name"), TextAt(certificate, "tool/version"),
      TextAt(certificate, "pass/kind"), TextAt(certificate, "pass/method"), TextAt(certificate, "pass/begin"),
      TextAt(certificate, "pass/end"), TextAt(certificate, "job/file_sha256"), TextAt(certificate, "job/fingerprint"),
      NumberAt(certificate, "routing/version"), NumberAt(certificate, "routing/buckets"),
      NumberAt(certificate, "routing/map_epoch"), TextAt(certificate, "routing/shard_map"));
  for (const json& source : ListAt(certificate, "sources")) {
    text += fmt::format("source {}: {} ({}), writes fenced, at {}\n", TextAt(source, "name"), TextAt(source, "version"),
                        TextAt(source, "uuid"), TextAt(source, "end/position"));
  }
  for (const json& shard : ListAt(certificate, "shards")) {
    text += fmt::format("shard {}: {} ({}), database {}, {} rows\n", TextAt(shard, "name"), TextAt(shard, "version"),
                        TextAt(shard, "uuid"), TextAt(shard, "database"), base::FormatCount(NumberAt(shard, "rows")));
  }
  text += fmt::format("{:<16}{:>8}{:>14}{:>14}{:>14}  sums of both sides\n", "mapping", "tables", "source rows",
                      "left behind", "equal");
  for (const json& mapping : ListAt(certificate, "mappings")) {
    text += fmt::format(
        "{:<16}{:>8}{:>14}{:>14}{:>14}  {} {}\n", TextAt(mapping, "name"), NumberAt(mapping, "tables"),
        base::FormatCount(NumberAt(mapping, "source_rows")), base::FormatCount(NumberAt(mapping, "left_behind")),
        base::FormatCount(NumberAt(mapping, "equal")), TextAt(mapping, "first"), TextAt(mapping, "second"));
  }
  for (const json& check : ListAt(certificate, "beyond_rows")) {
    text += fmt::format("{}: {}\n", TextAt(check, "check"), TextAt(check, "state"));
  }
  text += fmt::format("{} rows of {} tables equal; signed by key {}\n",
                      base::FormatCount(NumberAt(certificate, "totals/rows")), NumberAt(certificate, "totals/tables"),
                      TextAt(certificate, "signature/fingerprint"));
  return text;
}

}  // namespace shardlift::verify
