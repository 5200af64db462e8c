#include "job/config.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "job/job_parts.h"
#include "job/json_reader.h"
#include "job/routing.h"
#include "job/routing_reader.h"
#include "job/target_reader.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

struct TlsName {
  const char* text;
  mysql::TlsMode mode;
};
constexpr TlsName kTlsNames[] = {{"disabled", mysql::TlsMode::kDisabled},
                                 {"preferred", mysql::TlsMode::kPreferred},
                                 {"required", mysql::TlsMode::kRequired},
                                 {"verify-ca", mysql::TlsMode::kVerifyCa},
                                 {"verify-identity", mysql::TlsMode::kVerifyIdentity}};

mysql::TlsMode ReadTls(ObjectReader& reader) {
  const std::string text = reader.Text("tls");
  for (const TlsName& name : kTlsNames) {
    if (text == name.text) return name.mode;
  }
  return mysql::TlsMode::kPreferred;
}

std::string ReadPassword(ObjectReader& reader, const std::string& file) {
  const std::string password_file = reader.Text("password_file");
  const std::string variable = reader.Text("password_env");
  if (!password_file.empty() && !variable.empty()) {
    reader.Fail("password_env", "\"password_file\" is given too; keep one of them");
  } else if (!password_file.empty()) {
    std::ifstream secret(Beside(file, password_file));
    std::string password;
    if (!secret || (!std::getline(secret, password) && password.empty() && secret.bad())) {
      reader.Fail("password_file", fmt::format("{} cannot be read", Beside(file, password_file)));
    }
    if (password.ends_with('\r')) password.pop_back();
    return password;
  } else if (!variable.empty()) {
    const char* password = std::getenv(variable.c_str());
    if (password != nullptr) return password;
    reader.Fail("password_env", fmt::format("the environment variable {} is not set", variable));
  }
  return {};
}

mysql::Endpoint ReadEndpoint(ObjectReader& reader, const std::string& file) {
  mysql::Endpoint endpoint;
  endpoint.host = reader.Text("host");
  endpoint.port = static_cast<std::uint16_t>(reader.Number("port"));
  endpoint.socket = reader.Text("socket");
  endpoint.user = reader.Text("user");
  endpoint.password = ReadPassword(reader, file);
  endpoint.tls = ReadTls(reader);
  endpoint.tls_ca = Beside(file, reader.Text("tls_ca"));
  endpoint.tls_cert = Beside(file, reader.Text("tls_cert"));
  endpoint.tls_key = Beside(file, reader.Text("tls_key"));
  const bool verify = endpoint.tls == mysql::TlsMode::kVerifyCa || endpoint.tls == mysql::TlsMode::kVerifyIdentity;
  if (verify && endpoint.tls_ca.empty()) {
    reader.Fail("tls_ca", "is missing: verify-ca and verify-identity check the server's certificate against this file");
  }
  if (endpoint.tls_cert.empty() != endpoint.tls_key.empty()) {
    reader.Fail(endpoint.tls_cert.empty() ? "tls_cert" : "tls_key", "is missing: tls_cert and tls_key go together");
  }
  return endpoint;
}

// A replica id that differs between jobs and sources; the range stays clear of small hand-given ids.
std::uint32_t DerivedServerId(const std::string& job, const std::string& source) {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (const char c : job + "/" + source) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return 0x40000000u | (hash & 0x3FFFFFFFu);
}

bool IsFileName(std::string_view name) {
  constexpr std::string_view kFine = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  return !name.starts_with('.') && name.find_first_not_of(kFine) == std::string_view::npos;
}

Result<SourceConfig> ReadSource(const json& object, const std::string& file, const std::string& place,
                                const JobConfig& config) {
  ObjectReader reader(object, place, ConfigObject("source"));
  SourceConfig source;
  const std::string name = reader.Text("name");
  if (!IsFileName(name)) {
    reader.Fail("name", "may hold letters, digits, '.', '_' and '-' only, not '.' first: a folder is named after it");
  }
  source.endpoint = ReadEndpoint(reader, file);
  source.endpoint.name = name;
  source.server_id = static_cast<std::uint32_t>(reader.Number("server_id", DerivedServerId(config.name, name)));
  if (const json* replica = reader.Object("reader")) {
    ObjectReader replica_reader(*replica, reader.place() + ".reader", ConfigObject("connection"));
    source.reader = ReadEndpoint(replica_reader, file);
    source.reader->name = name + " reader";
    SL_TRY(replica_reader.Finish());
  }
  for (const SourceConfig& other : config.sources) {
    if (other.endpoint.name == name) reader.Fail("name", "another source has this name");
  }
  SL_TRY(reader.Finish());
  return source;
}

Result<ShardConfig> ReadShard(const json& object, const std::string& file, const std::string& place,
                              const JobConfig& config) {
  ObjectReader reader(object, place, ConfigObject("shard"));
  ShardConfig shard;
  const std::string name = reader.Text("name");
  shard.endpoint = ReadEndpoint(reader, file);
  shard.endpoint.name = name;
  shard.database = reader.Text("database");
  for (const ShardConfig& other : config.shards) {
    if (other.endpoint.name == name) reader.Fail("name", "another shard has this name");
    const bool same_server = other.endpoint.socket == shard.endpoint.socket &&
                             other.endpoint.host == shard.endpoint.host && other.endpoint.port == shard.endpoint.port;
    if (same_server && other.database == shard.database) reader.Fail("database", "another shard is the same database");
  }
  SL_TRY(reader.Finish());
  return shard;
}

// Runs `read` (item, file, place of the item) for the items of one array in all files, which together may be none only
// where the key is optional.
template <typename Read>
Status ReadAll(const std::vector<JobPart>& parts, const char* key, Read read) {
  bool any = false;
  for (const JobPart& part : parts) {
    ObjectReader reader(*part.document, part.path + ":", ConfigObject("job"));
    const json* const array = reader.Array(key);
    SL_TRY(reader.Finish());
    for (std::size_t i = 0; array != nullptr && i < array->size(); ++i) {
      any = true;
      SL_TRY(read((*array)[i], part.path, fmt::format("{}: {}[{}]", part.path, key, i)));
    }
  }
  if (any || !FindKey(ConfigObject("job"), key)->required) return base::Ok();
  return Status(Code::kUsage, fmt::format("{}: {}: is missing or empty", parts.front().path, key));
}

Status ReadServers(const std::vector<JobPart>& parts, JobConfig* config) {
  SL_TRY(ReadAll(parts, "sources", [&](const json& item, const std::string& file, const std::string& place) -> Status {
    SL_ASSIGN(config->sources.emplace_back(), ReadSource(item, file, place, *config));
    return base::Ok();
  }));
  return ReadAll(parts, "shards", [&](const json& item, const std::string& file, const std::string& place) -> Status {
    SL_ASSIGN(config->shards.emplace_back(), ReadShard(item, file, place, *config));
    return base::Ok();
  });
}

// An object that stands in at most one file; {} where it stands in none, so that the defaults are read the same way.
struct Section {
  const json& object;
  std::string file;
};

Section FindSection(const std::vector<JobPart>& parts, const char* key) {
  static const json kEmpty = json::object();
  const JobPart* const part = PartWith(parts, key);
  if (part == nullptr) return Section{kEmpty, parts.front().path};
  return Section{part->document->at(key), part->path};
}

Status ReadTargets(const std::vector<JobPart>& parts, JobConfig* config) {
  return ReadAll(parts, "targets", [&](const json& item, const std::string& file, const std::string& place) {
    return AddTarget(item, file, place, config);
  });
}

Result<mapping::MappingConfig> ReadMapping(const json& object, const std::string& place) {
  ObjectReader reader(object, place, ConfigObject("mapping"));
  mapping::MappingConfig mapping;
  mapping.place = place.ends_with(':') ? place.substr(0, place.size() - 1) : place;  // a file of its own
  mapping.name = reader.Text("name");
  mapping.origin = static_cast<std::uint32_t>(reader.Number("origin"));
  mapping.target = reader.Text("target");
  mapping.sources = reader.Texts("sources");
  mapping.match = reader.Texts("match");
  mapping.key = reader.Texts("key");
  mapping.where = reader.Text("where");
  mapping.columns = reader.TextMap("columns");
  mapping.ignore = reader.Texts("ignore");
  mapping.charsets = reader.TextMap("charsets");
  mapping.bad_values = reader.TextMap("bad_values");
  if (reader.Text("on_bad_value") == "dead_letter") mapping.on_bad_value = mapping::BadValuePolicy::kDeadLetter;
  if (reader.Text("on_conflict") == "refuse") mapping.on_conflict = mapping::ConflictPolicy::kRefuse;
  SL_TRY(reader.Finish());
  return mapping;
}

Status AddMapping(const json& object, const std::string& place, JobConfig* config) {
  SL_ASSIGN(mapping::MappingConfig mapping, ReadMapping(object, place));
  ObjectReader reader(object, place, ConfigObject("mapping"));
  for (const mapping::MappingConfig& other : config->mappings) {
    if (other.name == mapping.name) reader.Fail("name", fmt::format("another mapping has this name: {}", other.place));
  }
  const std::vector<std::string> targets = config->TargetNames();
  if (std::find(targets.begin(), targets.end(), mapping.target) == targets.end()) {
    reader.Fail("target",
                fmt::format("there is no target {}; the job has {}", mapping.target, fmt::join(targets, ", ")));
  }
  for (std::size_t i = 0; i < mapping.sources.size(); ++i) {
    const bool known = std::any_of(config->sources.begin(), config->sources.end(),
                                   [&](const SourceConfig& s) { return s.endpoint.name == mapping.sources[i]; });
    if (!known) {
      reader.Fail(fmt::format("sources[{}]", i), fmt::format("no source has the name {}", mapping.sources[i]));
    }
  }
  SL_TRY(reader.Finish());
  config->mappings.push_back(std::move(mapping));
  return base::Ok();
}

Status ReadMappings(const std::vector<JobPart>& parts, JobConfig* config) {
  const auto read = [&](const json& item, const std::string& file, const std::string& place) -> Status {
    if (!item.is_string()) return AddMapping(item, place, config);
    auto names = FilesOf(file, item.get<std::string>());
    if (!names.ok()) return names.status().WithContext(place);
    for (const std::string& name : *names) {
      const Result<json> document = ReadJsonFile(name);
      if (!document.ok()) return document.status().WithContext(place);
      SL_TRY(AddMapping(*document, name + ":", config));
    }
    return base::Ok();
  };
  return ReadAll(parts, "mappings", read);
}

Status ReadLimits(const std::vector<JobPart>& parts, JobConfig* config) {
  const Section copy = FindSection(parts, "copy");
  ObjectReader copy_reader(copy.object, copy.file + ": copy", ConfigObject("copy"));
  config->copy.chunk_rows = static_cast<std::uint32_t>(copy_reader.Number("chunk_rows"));
  config->copy.chunk_bytes_max = copy_reader.Number("chunk_bytes_max");
  config->copy.readers = static_cast<std::uint32_t>(copy_reader.Number("readers"));
  SL_TRY(copy_reader.Finish());
  const Section apply = FindSection(parts, "apply");
  ObjectReader apply_reader(apply.object, apply.file + ": apply", ConfigObject("apply"));
  config->apply.batch_changes_max = static_cast<std::uint32_t>(apply_reader.Number("batch_changes_max"));
  config->apply.batch_bytes_max = apply_reader.Number("batch_bytes_max");
  config->apply.retry_seconds = static_cast<std::uint32_t>(apply_reader.Number("retry_seconds"));
  return apply_reader.Finish();
}

Status ReadSpool(const std::vector<JobPart>& parts, JobConfig* config) {
  const Section spool = FindSection(parts, "spool");
  ObjectReader reader(spool.object, spool.file + ": spool", ConfigObject("spool"));
  config->spool.directory = reader.Text("directory");
  config->spool.bytes_max = reader.Number("bytes_max");
  if (config->spool.directory.empty()) {
    if (!IsFileName(config->name)) {
      reader.Fail("directory",
                  "is missing: a folder cannot be named after this job; use letters, digits, '.', '_' and "
                  "'-' in its name, or name the folder here");
    }
    config->spool.directory = config->name + ".spool";
  }
  config->spool.directory = Beside(spool.file, config->spool.directory);
  return reader.Finish();
}

// What decides the target's contents, in one canonical text.
std::string Fingerprint(const JobConfig& config, const store::BucketRules& rules) {
  json canonical = json::object();
  canonical["routing_version"] = rules.rules().version;
  canonical["buckets"] = rules.rules().buckets;
  // Under the default rules nothing else decides a bucket, and the checkpoints of jobs without more keys stay valid.
  if (rules.rules().strategy != store::Strategy::kCrc32Fmix32 || !rules.rules().pinned_tags.empty()) {
    canonical["routing_rules"] = rules.Text();
  }
  for (const mapping::MappingConfig& mapping : config.mappings) {
    json& entry = canonical["mappings"][mapping.name];
    entry["origin"] = mapping.origin;
    entry["sources"] = mapping.sources;
    entry["match"] = mapping.match;
    entry["key"] = mapping.key;
    entry["where"] = mapping.where;
    for (const auto& [column, expression] : mapping.columns) entry["columns"][column] = expression;
    for (const auto& [column, charset] : mapping.charsets) entry["charsets"][column] = charset;
    for (const auto& [column, expression] : mapping.bad_values) entry["bad_values"][column] = expression;
    if (mapping.target != store::MessageTarget()->name) entry["target"] = mapping.target;
  }
  for (const TargetConfig& target : config.targets) {
    json& entry = canonical["targets"][target.table.name];
    entry["like_source"] = target.like_source;
    entry["body"] = target.table.body;
    entry["account_type"] = target.table.account_type;
    entry["account_key"] = target.table.account_key;
    if (!target.table.key.empty()) entry["key"] = target.table.key;
  }
  const std::string text = canonical.dump();
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace

std::vector<std::string> JobConfig::TargetNames() const {
  std::vector<std::string> names{store::MessageTarget()->name};
  for (const TargetConfig& target : targets) names.push_back(target.table.name);
  return names;
}

Result<JobConfig> LoadJobConfig(const std::string& path) {
  SL_ASSIGN(const std::vector<JobPart> parts, ReadJobParts(path));
  JobConfig config;
  config.path = path;
  const JobPart* const named = PartWith(parts, "job");
  const JobPart& main = named == nullptr ? parts.front() : *named;
  ObjectReader reader(*main.document, main.path + ":", ConfigObject("job"));
  config.name = reader.Text("job");
  SL_TRY(reader.Finish());
  SL_TRY(ReadServers(parts, &config));
  const Section routing = FindSection(parts, "routing");
  SL_TRY(ReadRouting(routing.object, routing.file, &config));
  SL_TRY(ReadTargets(parts, &config));
  SL_TRY(ReadMappings(parts, &config));
  SL_TRY(CheckTargetsUsed(config));
  SL_TRY(ReadLimits(parts, &config));
  SL_TRY(ReadSpool(parts, &config));
  SL_ASSIGN(const store::Router router, MakeRouter(config.routing));
  config.fingerprint = Fingerprint(config, router.rules());
  return config;
}

}  // namespace shardlift::job
