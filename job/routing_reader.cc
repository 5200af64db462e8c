#include "job/routing_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "job/job_parts.h"
#include "job/json_reader.h"
#include "job/routing.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Status;
using nlohmann::json;

// The list is part of the SQL that verify runs: with 10,000 of them, 1 MB of text and some 0.1 ms for each row.
constexpr std::size_t kListedMax = 10'000;

// The accounts of strategy lookup, from the job file and from a file of their own. Account keys stay out of messages.
class ListReader {
 public:
  explicit ListReader(std::vector<store::ListedAccount>* lookup) : lookup_(lookup) {}

  Status Inline(const json& array, const std::string& place) {
    for (std::size_t i = 0; i < array.size(); ++i) {
      ObjectReader reader(array[i], fmt::format("{}[{}]", place, i), ConfigObject("account"));
      store::ListedAccount account;
      account.account_type = static_cast<std::uint32_t>(reader.Number("account_type"));
      account.account_key = reader.Text("account_key");
      account.bucket = static_cast<std::uint32_t>(reader.Number("bucket"));
      SL_TRY(reader.Finish());
      SL_TRY(Add(std::move(account), reader.place()));
    }
    return base::Ok();
  }

  // "BUCKET TYPE:KEY" in each line; the key is all that follows the colon. Empty lines and those with # are left out.
  Status File(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return Status(Code::kUsage, fmt::format("{}: cannot be read: {}", path, std::strerror(errno)));
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
      const std::string place = fmt::format("{}:{}", path, ++number);
      if (line.ends_with('\r')) line.pop_back();
      if (line.empty() || line.front() == '#') continue;
      store::ListedAccount account;
      if (!ParseLine(line, &account)) {
        return Status(Code::kUsage,
                      fmt::format("{}: is not BUCKET TYPE:KEY with a bucket from 0 to {}, one blank, an account type "
                                  "from 0 to {} and a key, for example 4100 1:10045",
                                  place, Max("bucket"), Max("account_type")));
      }
      SL_TRY(Add(std::move(account), place));
    }
    if (file.bad()) return Status(Code::kUsage, fmt::format("{}: cannot be read to its end", path));
    return base::Ok();
  }

 private:
  static std::uint64_t Max(std::string_view key) { return FindKey(ConfigObject("account"), key)->max; }

  static bool ParseLine(std::string_view line, store::ListedAccount* account) {
    const char* const end = line.data() + line.size();
    const auto [after_bucket, bad_bucket] = std::from_chars(line.data(), end, account->bucket);
    if (bad_bucket != std::errc() || after_bucket == end || *after_bucket != ' ') return false;
    const auto [after_type, bad_type] = std::from_chars(after_bucket + 1, end, account->account_type);
    if (bad_type != std::errc() || after_type == end || *after_type != ':') return false;
    account->account_key.assign(after_type + 1, end);
    return !account->account_key.empty() && account->bucket <= Max("bucket") &&
           account->account_type <= Max("account_type");
  }

  Status Add(store::ListedAccount account, const std::string& place) {
    const auto [other, is_new] = places_.emplace(std::pair(account.account_type, account.account_key), place);
    if (!is_new)
      return Status(Code::kUsage, fmt::format("{}: {} lists this account too; keep one", place, other->second));
    if (lookup_->size() == kListedMax) {
      return Status(
          Code::kUsage,
          fmt::format("{}: more than {} accounts are listed; the list is part of the SQL that checks each row: "
                      "list the few that need a place of their own, or pin their biz tag",
                      place, kListedMax));
    }
    lookup_->push_back(std::move(account));
    return base::Ok();
  }

  std::vector<store::ListedAccount>* const lookup_;
  std::map<std::pair<std::uint32_t, std::string>, std::string> places_;
};

class RoutingReader {
 public:
  RoutingReader(const json& object, const std::string& file, JobConfig* config)
      : file_(file), config_(config), reader_(object, file + ": routing", ConfigObject("routing")) {}

  Status Run() {
    store::RoutingRules& rules = config_->routing.rules;
    rules.version = static_cast<std::uint32_t>(reader_.Number("version"));
    rules.buckets = static_cast<std::uint32_t>(reader_.Number("buckets"));
    rules.strategy = store::StrategyNamed(reader_.Text("strategy")).value_or(store::Strategy::kCrc32Fmix32);
    config_->routing.map_epoch = reader_.Number("map_epoch");
    SL_TRY(reader_.Finish());
    SL_TRY(Ranges());
    SL_TRY(Lookup());
    SL_TRY(Pins());
    SL_TRY(Map());
    base::Result<store::BucketRules> checked = store::BucketRules::Create(rules);
    if (!checked.ok()) return checked.status().WithContext(file_);
    if (config_->routing.ranges.empty()) {
      config_->routing.ranges =
          store::Router::EqualRanges(*checked, static_cast<std::uint32_t>(config_->shards.size()));
    }
    const auto router = MakeRouter(config_->routing);
    return router.ok() ? base::Ok() : router.status().WithContext(file_);
  }

 private:
  // The array under `key`, which belongs to one strategy alone; nullptr: there is none.
  const json* ArrayOf(std::string_view key, store::Strategy strategy) {
    const json* const array = reader_.Array(key);
    if (array != nullptr) CheckStrategy(key, strategy);
    return array;
  }
  void CheckStrategy(std::string_view key, store::Strategy strategy) {
    if (config_->routing.rules.strategy == strategy) return;
    reader_.Fail(key, fmt::format("belongs to the strategy {0}; take it out, or set routing.strategy to {0}",
                                  store::StrategyName(strategy)));
  }
  std::string PlaceOf(std::string_view key, std::size_t i) const {
    return fmt::format("{}.{}[{}]", reader_.place(), key, i);
  }

  Status Ranges() {
    const json* const array = ArrayOf("ranges", store::Strategy::kRange);
    SL_TRY(reader_.Finish());
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      ObjectReader reader((*array)[i], PlaceOf("ranges", i), ConfigObject("key_range"));
      store::KeyRange range;
      range.first = reader.Number("first");
      range.bucket = static_cast<std::uint32_t>(reader.Number("bucket"));
      SL_TRY(reader.Finish());
      config_->routing.rules.ranges.push_back(range);
    }
    return base::Ok();
  }

  Status Lookup() {
    store::RoutingRules& rules = config_->routing.rules;
    const json* const array = ArrayOf("lookup", store::Strategy::kLookup);
    const std::string list = reader_.Text("lookup_file");
    if (!list.empty()) CheckStrategy("lookup_file", store::Strategy::kLookup);
    if (rules.strategy == store::Strategy::kLookup && array == nullptr && list.empty()) {
      reader_.Fail("lookup", "is missing: the strategy lookup needs accounts here or in lookup_file");
    }
    SL_TRY(reader_.Finish());
    ListReader lists(&rules.lookup);
    if (array != nullptr) SL_TRY(lists.Inline(*array, reader_.place() + ".lookup"));
    if (list.empty()) return base::Ok();
    Status status = lists.File(Beside(file_, list));
    return status.WithContext(reader_.place() + ".lookup_file");
  }

  Status Pins() {
    const json* const array = reader_.Array("pins");
    SL_TRY(reader_.Finish());
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      ObjectReader reader((*array)[i], PlaceOf("pins", i), ConfigObject("pin"));
      store::PinnedTag pin;
      pin.biz_tag = static_cast<std::uint32_t>(reader.Number("biz_tag"));
      pin.first = static_cast<std::uint32_t>(reader.Number("first"));
      pin.buckets = static_cast<std::uint32_t>(reader.Number("buckets"));
      SL_TRY(reader.Finish());
      config_->routing.rules.pinned_tags.push_back(pin);
    }
    return base::Ok();
  }

  Status Map() {
    const json* const array = reader_.Array("map");
    SL_TRY(reader_.Finish());
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      ObjectReader reader((*array)[i], PlaceOf("map", i), ConfigObject("range"));
      store::BucketRange range;
      range.first = static_cast<std::uint32_t>(reader.Number("first"));
      range.last = static_cast<std::uint32_t>(reader.Number("last"));
      const std::string name = reader.Text("shard");
      const auto shard = std::find_if(config_->shards.begin(), config_->shards.end(),
                                      [&](const ShardConfig& s) { return s.endpoint.name == name; });
      if (shard == config_->shards.end()) reader.Fail("shard", "no shard has this name");
      range.shard = static_cast<std::uint32_t>(shard - config_->shards.begin());
      SL_TRY(reader.Finish());
      config_->routing.ranges.push_back(range);
    }
    return base::Ok();
  }

  const std::string& file_;
  JobConfig* const config_;
  ObjectReader reader_;
};

}  // namespace

Status ReadRouting(const json& object, const std::string& file, JobConfig* config) {
  return RoutingReader(object, file, config).Run();
}

}  // namespace shardlift::job
