#include "verify/beyond.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "verify/beyond_checks.h"
#include "verify/signing.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Status;

constexpr std::size_t kNameHashDigits = 32;

using CheckMember = Status (BeyondWork::*)(BeyondCheck*);
struct NamedCheck {
  const char* name;
  CheckMember member;
};
constexpr NamedCheck kChecks[] = {
    {"bucket-counts", &BeyondWork::CheckBucketCounts},  {"ids", &BeyondWork::CheckIds},
    {"conversations", &BeyondWork::CheckConversations}, {"derived", &BeyondWork::CheckDerivedTables},
    {"references", &BeyondWork::CheckReferences},       {"left-behind", &BeyondWork::CheckLeftBehind},
    {"dead-letters", &BeyondWork::CheckDeadLetters},
};
constexpr const char* kBalance = "balance";

}  // namespace

std::string_view BeyondStateName(BeyondState state) {
  switch (state) {
    case BeyondState::kClean: return "clean";
    case BeyondState::kFindings: return "findings";
    case BeyondState::kNotMade: return "not_made";
    case BeyondState::kLeftOut: return "left_out";
    case BeyondState::kNothing: return "nothing_to_check";
  }
  return "unknown";
}

const std::vector<std::string>& BeyondCheckNames() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const NamedCheck& check : kChecks) out.emplace_back(check.name);
    out.emplace_back(kBalance);
    return out;
  }();
  return names;
}

std::string NameHashSql(std::string_view salt, std::string_view account_type, std::string_view account_key,
                        std::string_view text) {
  return fmt::format("LEFT(SHA2(CONCAT('{0}:', {1}, ':', LENGTH({2}), ':', {2}, {3}), 256), {4})", salt, account_type,
                     account_key, text, kNameHashDigits);
}

Status BeyondWork::CheckStop() const {
  if (input_.options.stop == nullptr || !input_.options.stop->load()) return base::Ok();
  return {Code::kStopped, "stopped on request"};
}

void BeyondWork::Add(BeyondCheck* check, std::string text) const {
  ++check->findings;
  if (check->listed.size() < input_.options.findings_max) check->listed.push_back(std::move(text));
}

std::string BeyondWork::OwnerName(const job::CatalogTable& table, std::string_view owner_key) const {
  const std::string key = KeyText(*table.mapper, owner_key);
  const std::string name =
      fmt::format("{} {}", input_.config.sources[table.source].endpoint.name, table.schema().name.Text());
  if (!key.empty()) return fmt::format("{} key ({})", name, key);
  const std::string hash = Sha256Of(fmt::format("{}:{}", input_.config.fingerprint, owner_key));
  return fmt::format("{} key with hash {}", name, hash.substr(0, kNameHashDigits));
}

// equal + findings + left behind + set aside = source rows, where source rows were counted by themselves. A row that is
// set aside is a missing row to the comparison.
Status BeyondWork::CheckBalance(const VerifyReport& report, BeyondCheck* check) {
  std::vector<std::string> lines;
  std::vector<std::string> off;
  for (const MappingBalance& balance : report.per_mapping) {
    ++check->looked_at;
    const auto found = set_aside_.find(balance.mapping);
    const std::uint64_t set_aside = found == set_aside_.end() ? 0 : found->second;
    const std::uint64_t findings = balance.findings - std::min(set_aside, balance.findings);
    lines.push_back(fmt::format("{}: {} equal + {} findings + {} left behind + {} dead letters of {} source rows",
                                balance.mapping, balance.equal, findings, balance.left_behind, set_aside,
                                balance.source_rows));
    const std::uint64_t sum = balance.equal + findings + balance.left_behind + set_aside;
    if (sum != balance.source_rows) off.push_back(fmt::format("{}, which is {}", lines.back(), sum));
  }
  check->reason = fmt::format("{}", fmt::join(lines, "; "));
  if (!dead_letters_known_) {
    return {Code::kRefused, "the dead letters were not looked at, and without them it cannot be told"};
  }
  if (off.empty()) return base::Ok();
  return {Code::kRefused, fmt::format("{}: rows came or went while they were read; stop the writes, let migrate catch "
                                      "up and verify again",
                                      fmt::join(off, "; "))};
}

Status CheckBeyondRows(const BeyondInput& input, VerifyReport* report) {
  BeyondWork work(input);
  const auto settle = [](BeyondCheck* check, const Status& status) {
    if (status.ok()) {
      if (check->findings > 0) check->state = BeyondState::kFindings;
      return;
    }
    check->state = BeyondState::kNotMade;
    check->reason = status.message();
  };
  for (const NamedCheck& named : kChecks) {
    BeyondCheck& check = report->beyond.emplace_back();
    check.name = named.name;
    if (input.options.beyond_left_out.contains(check.name)) {
      check.state = BeyondState::kLeftOut;
      continue;
    }
    check.state = BeyondState::kClean;
    const Status status = (work.*named.member)(&check);
    if (status.code() == Code::kStopped) return status;
    if (!status.ok()) work.CloseSessions();  // a stream may have been left half read
    settle(&check, status);
  }
  BeyondCheck& balance = report->beyond.emplace_back();
  balance.name = kBalance;
  if (input.options.beyond_left_out.contains("dead-letters")) {
    balance.state = BeyondState::kLeftOut;
    balance.reason = "it needs the check dead-letters";
    return base::Ok();
  }
  balance.state = BeyondState::kClean;
  settle(&balance, work.CheckBalance(*report, &balance));
  return base::Ok();
}

}  // namespace shardlift::verify
