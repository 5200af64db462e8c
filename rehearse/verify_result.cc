#include "rehearse/verify_result.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace shardlift::rehearse {
namespace {

using json = nlohmann::json;

std::string TextOf(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t NumberOf(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_integer() ? found->get<std::uint64_t>() : 0;
}

const json& ListOf(const json& object, const char* key) {
  static const json kEmpty = json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : kEmpty;
}

std::string UpperHex(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

Finding ToFinding(const json& entry) {
  Finding finding;
  finding.kind = TextOf(entry, "kind");
  finding.origin = NumberOf(entry, "origin");
  finding.table_ordinal = NumberOf(entry, "table_ordinal");
  finding.table = TextOf(entry, "table");
  finding.owner_key = UpperHex(TextOf(entry, "owner_key"));
  finding.shard = TextOf(entry, "shard");
  finding.expected_shard = TextOf(entry, "expected_shard");
  for (const json& column : ListOf(entry, "columns")) {
    if (column.is_string()) finding.columns.push_back(column.get<std::string>());
  }
  return finding;
}

bool SameOwner(const Finding& finding, const Planted& planted) {
  return finding.origin == planted.origin && finding.table_ordinal == planted.table_ordinal &&
         finding.owner_key == planted.owner_key;
}

}  // namespace

base::Result<VerifyOutcome> ParseVerify(std::string_view text) {
  const json document = json::parse(text, nullptr, false);
  if (!document.is_object() || TextOf(document, "schema") != "shardlift.verify/1") {
    return base::Status(base::Code::kCorrupt, "verify --json printed no document of schema shardlift.verify/1");
  }
  VerifyOutcome outcome;
  outcome.done = true;
  outcome.rows_compared = NumberOf(document, "rows_compared");
  for (const json& entry : ListOf(document, "findings")) {
    if (entry.is_object()) outcome.findings.push_back(ToFinding(entry));
  }
  const auto counts = document.find("counts");
  if (counts != document.end() && counts->is_object()) {
    for (const auto& [kind, count] : counts->items()) {
      if (count.is_number_integer()) outcome.counts[kind] = count.get<std::uint64_t>();
    }
  }
  for (const json& entry : ListOf(document, "per_shard")) {
    if (entry.is_object()) outcome.shard_rows.emplace_back(TextOf(entry, "shard"), NumberOf(entry, "rows"));
  }
  for (const json& entry : ListOf(document, "per_mapping")) {
    if (!entry.is_object()) continue;
    outcome.mappings.push_back({TextOf(entry, "mapping"), NumberOf(entry, "source_rows"), NumberOf(entry, "kept"),
                                NumberOf(entry, "left_behind"), NumberOf(entry, "equal")});
  }
  return outcome;
}

std::size_t MatchPlanted(const VerifyOutcome& outcome, std::vector<Planted>* planted) {
  std::size_t unexplained = 0;
  for (const Finding& finding : outcome.findings) {
    bool explained = false;
    for (Planted& one : *planted) {
      if (!SameOwner(finding, one)) continue;
      explained = finding.kind == ExpectedFinding(one.kind);
      one.found = one.found || explained;
      break;
    }
    if (!explained) ++unexplained;
  }
  return unexplained;
}

}  // namespace shardlift::rehearse
