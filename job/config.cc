#include "job/config.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "job/json_reader.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::uint64_t kMiB = 1u << 20;

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
  const std::string text = reader.String("tls", "preferred");
  for (const TlsName& name : kTlsNames) {
    if (text == name.text) return name.mode;
  }
  reader.Fail("tls", "must be disabled, preferred, required, verify-ca or verify-identity");
  return mysql::TlsMode::kPreferred;
}

// Relative names of files stand relative to the file that names them.
std::string Beside(const std::string& file, const std::string& name) {
  if (name.empty() || name.front() == '/') return name;
  return (std::filesystem::path(file).parent_path() / name).string();
}

std::string ReadPassword(ObjectReader& reader, const json& object, const std::string& file) {
  if (object.is_object() && object.contains("password")) {
    reader.Fail("password", "passwords do not stand in the job file; use \"password_file\" or \"password_env\"");
    return {};
  }
  const std::string password_file = reader.String("password_file", "");
  const std::string variable = reader.String("password_env", "");
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

mysql::Endpoint ReadEndpoint(ObjectReader& reader, const json& object, const std::string& file) {
  mysql::Endpoint endpoint;
  endpoint.host = reader.String("host", "127.0.0.1");
  endpoint.port = static_cast<std::uint16_t>(reader.Number("port", 3306, 1, 65535));
  endpoint.socket = reader.String("socket", "");
  endpoint.user = reader.RequiredString("user");
  endpoint.password = ReadPassword(reader, object, file);
  endpoint.tls = ReadTls(reader);
  endpoint.tls_ca = Beside(file, reader.String("tls_ca", ""));
  endpoint.tls_cert = Beside(file, reader.String("tls_cert", ""));
  endpoint.tls_key = Beside(file, reader.String("tls_key", ""));
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

Status ReadSources(const json& array, JobConfig* config) {
  for (std::size_t i = 0; i < array.size(); ++i) {
    ObjectReader reader(array[i], fmt::format("{}: sources[{}]", config->path, i));
    SourceConfig source;
    const std::string name = reader.RequiredString("name");
    if (!IsFileName(name)) {
      reader.Fail("name", "may hold letters, digits, '.', '_' and '-' only, not '.' first: a folder is named after it");
    }
    source.endpoint = ReadEndpoint(reader, array[i], config->path);
    source.endpoint.name = name;
    source.server_id = static_cast<std::uint32_t>(
        reader.Number("server_id", DerivedServerId(config->name, name), 1, std::numeric_limits<std::uint32_t>::max()));
    if (const json* replica = reader.Object("reader")) {
      ObjectReader replica_reader(*replica, reader.place() + ".reader");
      source.reader = ReadEndpoint(replica_reader, *replica, config->path);
      source.reader->name = name + " reader";
      SL_TRY(replica_reader.Finish());
    }
    for (const SourceConfig& other : config->sources) {
      if (other.endpoint.name == name) reader.Fail("name", "another source has this name");
    }
    SL_TRY(reader.Finish());
    config->sources.push_back(std::move(source));
  }
  return base::Ok();
}

Status ReadShards(const json& array, JobConfig* config) {
  for (std::size_t i = 0; i < array.size(); ++i) {
    ObjectReader reader(array[i], fmt::format("{}: shards[{}]", config->path, i));
    ShardConfig shard;
    const std::string name = reader.RequiredString("name");
    shard.endpoint = ReadEndpoint(reader, array[i], config->path);
    shard.endpoint.name = name;
    shard.database = reader.RequiredString("database");
    for (const ShardConfig& other : config->shards) {
      if (other.endpoint.name == name) reader.Fail("name", "another shard has this name");
      const bool same_server = other.endpoint.socket == shard.endpoint.socket &&
                               other.endpoint.host == shard.endpoint.host && other.endpoint.port == shard.endpoint.port;
      if (same_server && other.database == shard.database)
        reader.Fail("database", "another shard is the same database");
    }
    SL_TRY(reader.Finish());
    config->shards.push_back(std::move(shard));
  }
  return base::Ok();
}

Status ReadShardMap(const json& array, JobConfig* config) {
  for (std::size_t i = 0; i < array.size(); ++i) {
    ObjectReader reader(array[i], fmt::format("{}: routing.map[{}]", config->path, i));
    store::BucketRange range;
    range.first = static_cast<std::uint32_t>(reader.RequiredNumber("first", 0, 65535));
    range.last = static_cast<std::uint32_t>(reader.RequiredNumber("last", 0, 65535));
    const std::string name = reader.RequiredString("shard");
    const auto shard = std::find_if(config->shards.begin(), config->shards.end(),
                                    [&](const ShardConfig& s) { return s.endpoint.name == name; });
    if (shard == config->shards.end()) reader.Fail("shard", "no shard has this name");
    range.shard = static_cast<std::uint32_t>(shard - config->shards.begin());
    SL_TRY(reader.Finish());
    config->routing.ranges.push_back(range);
  }
  return base::Ok();
}

Status ReadRouting(const json* object, JobConfig* config) {
  if (object != nullptr) {
    ObjectReader reader(*object, config->path + ": routing");
    config->routing.version = static_cast<std::uint32_t>(reader.Number("version", 1, 1, 1'000'000));
    config->routing.buckets = static_cast<std::uint32_t>(reader.Number("buckets", store::kBucketsDefault, 1, 65536));
    config->routing.map_epoch = reader.Number("map_epoch", 1, 1, std::numeric_limits<std::int64_t>::max());
    if (const json* map = reader.Array("map")) SL_TRY(ReadShardMap(*map, config));
    SL_TRY(reader.Finish());
  }
  if (config->routing.ranges.empty()) {
    config->routing.ranges =
        store::Router::EqualRanges(config->routing.buckets, static_cast<std::uint32_t>(config->shards.size()));
  }
  const Result<store::Router> router = store::Router::Create(config->routing.buckets, config->routing.ranges);
  return router.ok() ? base::Ok() : router.status().WithContext(config->path + ": routing");
}

Result<mapping::MappingConfig> ReadMapping(const json& object, const std::string& place) {
  ObjectReader reader(object, place);
  mapping::MappingConfig mapping;
  mapping.place = place.ends_with(':') ? place.substr(0, place.size() - 1) : place;  // a file of its own
  mapping.name = reader.RequiredString("name");
  mapping.origin = static_cast<std::uint32_t>(reader.RequiredNumber("origin", 1, 127));
  mapping.sources = reader.Strings("sources");
  mapping.match = reader.Strings("match");
  if (mapping.match.empty()) reader.Fail("match", "is missing or empty");
  mapping.key = reader.Strings("key");
  if (mapping.key.empty()) reader.Fail("key", "is missing or empty: the columns of the unique key that names a row");
  mapping.where = reader.String("where", "");
  mapping.ignore = reader.Strings("ignore");
  const std::string policy = reader.String("on_bad_value", "refuse");
  if (policy == "dead_letter") {
    mapping.on_bad_value = mapping::BadValuePolicy::kDeadLetter;
  } else if (policy != "refuse") {
    reader.Fail("on_bad_value", "must be refuse or dead_letter");
  }
  const json* columns = reader.Object("columns");
  if (columns == nullptr) reader.Fail("columns", "is missing");
  if (columns != nullptr) {
    for (const auto& [column, expression] : columns->items()) {
      if (expression.is_string()) {
        mapping.columns.emplace_back(column, expression.get<std::string>());
      } else {
        reader.Fail("columns." + column, "must be a string: an expression");
      }
    }
  }
  SL_TRY(reader.Finish());
  return mapping;
}

Status ReadMappings(const json& array, JobConfig* config) {
  for (std::size_t i = 0; i < array.size(); ++i) {
    const std::string path = fmt::format("mappings[{}]", i);
    json document = array[i];
    std::string place = config->path + ": " + path;
    if (document.is_string()) {
      const std::string file = Beside(config->path, document.get<std::string>());
      Result<json> read = ReadJsonFile(file);
      if (!read.ok()) return read.status().WithContext(place);
      document = std::move(read).value();
      place = file + ":";
    }
    SL_ASSIGN(mapping::MappingConfig mapping, ReadMapping(document, place));
    for (const mapping::MappingConfig& other : config->mappings) {
      if (other.name == mapping.name)
        return Status(Code::kUsage, fmt::format("{}: another mapping is named {}", place, mapping.name));
    }
    for (const std::string& source : mapping.sources) {
      const bool known = std::any_of(config->sources.begin(), config->sources.end(),
                                     [&](const SourceConfig& s) { return s.endpoint.name == source; });
      if (!known) return Status(Code::kUsage, fmt::format("{}: sources: no source is named {}", place, source));
    }
    config->mappings.push_back(std::move(mapping));
  }
  return base::Ok();
}

Status ReadLimits(ObjectReader& job, JobConfig* config) {
  if (const json* object = job.Object("copy")) {
    ObjectReader reader(*object, config->path + ": copy");
    config->copy.chunk_rows =
        static_cast<std::uint32_t>(reader.Number("chunk_rows", config->copy.chunk_rows, 1, 1'000'000));
    config->copy.chunk_bytes_max = reader.Number("chunk_bytes_max", config->copy.chunk_bytes_max, 1024, 64 * kMiB);
    config->copy.readers = static_cast<std::uint32_t>(reader.Number("readers", config->copy.readers, 1, 32));
    SL_TRY(reader.Finish());
  }
  if (const json* object = job.Object("apply")) {
    ObjectReader reader(*object, config->path + ": apply");
    config->apply.batch_changes_max =
        static_cast<std::uint32_t>(reader.Number("batch_changes_max", config->apply.batch_changes_max, 1, 1'000'000));
    config->apply.batch_bytes_max = reader.Number("batch_bytes_max", config->apply.batch_bytes_max, 1024, 64 * kMiB);
    config->apply.retry_seconds =
        static_cast<std::uint32_t>(reader.Number("retry_seconds", config->apply.retry_seconds, 0, 86'400));
    SL_TRY(reader.Finish());
  }
  return base::Ok();
}

Status ReadSpool(const json* object, JobConfig* config) {
  if (object != nullptr) {
    ObjectReader reader(*object, config->path + ": spool");
    config->spool.directory = reader.String("directory", "");
    config->spool.bytes_max =
        reader.Number("bytes_max", config->spool.bytes_max, 256 * kMiB, 1024 * 1024 * 1024 * kMiB);
    SL_TRY(reader.Finish());
  }
  if (config->spool.directory.empty()) {
    if (!IsFileName(config->name)) {
      return {Code::kUsage, fmt::format("{}: job: the spool's directory cannot be named after it: use letters, digits, "
                                        "'.', '_' and '-', or set spool.directory",
                                        config->path)};
    }
    config->spool.directory = config->name + ".spool";
  }
  config->spool.directory = Beside(config->path, config->spool.directory);
  return base::Ok();
}

// What decides the target's contents, in one canonical text.
std::string Fingerprint(const JobConfig& config) {
  json canonical = json::object();
  canonical["routing_version"] = config.routing.version;
  canonical["buckets"] = config.routing.buckets;
  for (const mapping::MappingConfig& mapping : config.mappings) {
    json& entry = canonical["mappings"][mapping.name];
    entry["origin"] = mapping.origin;
    entry["sources"] = mapping.sources;
    entry["match"] = mapping.match;
    entry["key"] = mapping.key;
    entry["where"] = mapping.where;
    for (const auto& [column, expression] : mapping.columns) entry["columns"][column] = expression;
  }
  const std::string text = canonical.dump();
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

}  // namespace

Result<JobConfig> LoadJobConfig(const std::string& path) {
  SL_ASSIGN(const json document, ReadJsonFile(path));
  JobConfig config;
  config.path = path;
  ObjectReader reader(document, path + ":");
  config.name = reader.RequiredString("job");
  const json& sources = reader.RequiredArray("sources");
  const json& shards = reader.RequiredArray("shards");
  const json* routing = reader.Object("routing");
  const json& mappings = reader.RequiredArray("mappings");
  SL_TRY(ReadSpool(reader.Object("spool"), &config));
  SL_TRY(ReadLimits(reader, &config));
  SL_TRY(reader.Finish());
  SL_TRY(ReadSources(sources, &config));
  SL_TRY(ReadShards(shards, &config));
  SL_TRY(ReadRouting(routing, &config));
  SL_TRY(ReadMappings(mappings, &config));
  config.fingerprint = Fingerprint(config);
  return config;
}

}  // namespace shardlift::job
