#include "rehearse/run_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace shardlift::rehearse {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

base::Status WriteSecret(const std::string& path, const std::string& secret) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const std::string text = secret + "\n";
  const bool written = fd >= 0 && write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (fd >= 0) close(fd);
  if (written) return base::Ok();
  return {base::Code::kEnvironment, fmt::format("cannot write {}: {}", path, strerror(errno))};
}

base::Result<Json> ServerEntry(const std::string& directory, const std::string& name, const mysql::Endpoint& endpoint) {
  const std::string secret = fmt::format("{}/{}.password", directory, name);
  SL_TRY(WriteSecret(secret, endpoint.password));
  return Json{
      {"name", name},          {"host", endpoint.host},   {"port", endpoint.port},
      {"user", endpoint.user}, {"password_file", secret}, {"tls", "disabled"}};  // loopback only, as in server.cc
}

}  // namespace

std::uint64_t ChunkRows(std::uint64_t rows) { return std::clamp<std::uint64_t>(rows / 300, 100, 10'000); }

std::uint64_t ChunksExpected(std::uint64_t rows) {
  const std::uint64_t chunk = ChunkRows(rows);
  const auto chunks_of = [&](std::uint64_t percent, std::uint64_t tables) {
    return tables * (1 + rows * percent / 100 / tables / chunk);
  };
  return chunks_of(60, 64) + chunks_of(25, 4) + chunks_of(15, 1);
}

base::Result<RunDirectory> MakeRunDirectory(const std::string& path, const RehearseOptions& options,
                                            std::span<const mysql::Endpoint> sources,
                                            std::span<const mysql::Endpoint> shard_servers) {
  std::string mappings = options.mappings_directory;
  if (mappings.empty()) {
    SL_ASSIGN(mappings, FindMappings());
  }
  RunDirectory run;
  run.path = path;
  run.job_file = path + "/job.json";
  if (mkdir(path.c_str(), 0700) != 0 || mkdir((path + "/mappings").c_str(), 0700) != 0) {
    return base::Status(base::Code::kEnvironment, fmt::format("cannot make {}: {}", path, strerror(errno)));
  }
  Json job;
  job["job"] = "rehearsal";
  job["sources"] = Json::array();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    SL_ASSIGN(Json entry, ServerEntry(path, sources[i].name, sources[i]));
    job["sources"].push_back(std::move(entry));
  }
  job["shards"] = Json::array();
  for (std::size_t i = 0; i < 4; ++i) {
    const mysql::Endpoint& server = shard_servers[i % shard_servers.size()];
    ShardPlace place{fmt::format("s{}", i), server.name, server, fmt::format("store_{}", i)};
    SL_ASSIGN(Json entry, ServerEntry(path, place.name, server));
    entry["database"] = place.database;
    job["shards"].push_back(std::move(entry));
    run.shards.push_back(std::move(place));
  }
  job["mappings"] = Json::array();
  for (const char* name : {"im", "push", "notice"}) {
    const std::string file = fmt::format("mappings/{}.json", name);
    std::error_code error;
    fs::copy_file(fmt::format("{}/{}.json", mappings, name), path + "/" + file, error);
    if (error) {
      return base::Status(base::Code::kEnvironment,
                          fmt::format("cannot copy {}/{}.json: {}", mappings, name, error.message()));
    }
    job["mappings"].push_back(file);
  }
  if (!options.routing_file.empty()) {
    std::ifstream routing(options.routing_file);
    job["routing"] = Json::parse(routing, nullptr, false, true);
    if (!job["routing"].is_object()) {
      return base::Status(base::Code::kUsage,
                          options.routing_file + ": must be a file of one JSON object, the job's \"routing\"");
    }
  }
  job["copy"] = {{"chunk_rows", ChunkRows(options.rows)}};
  std::ofstream file(run.job_file);
  file << job.dump(2) << "\n";
  file.close();
  if (!file) return base::Status(base::Code::kEnvironment, "cannot write " + run.job_file);
  return run;
}

base::Status SaveRunDirectory(const RunDirectory& from, const std::string& to) {
  std::error_code error;
  fs::create_directories(to, error);
  for (const auto& entry : fs::recursive_directory_iterator(from.path, error)) {
    if (error || !entry.is_regular_file() || entry.path().extension() == ".password") continue;
    const fs::path target = fs::path(to) / fs::relative(entry.path(), from.path);
    fs::create_directories(target.parent_path(), error);
    if (!error) fs::copy_file(entry.path(), target, fs::copy_options::overwrite_existing, error);
    if (error) break;
  }
  if (!error) return base::Ok();
  return {base::Code::kEnvironment, fmt::format("cannot save the rehearsal's files to {}: {}", to, error.message())};
}

}  // namespace shardlift::rehearse
