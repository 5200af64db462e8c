#include "job/target_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "job/job_parts.h"
#include "job/json_reader.h"
#include "store/custom_table.h"

namespace shardlift::job {
namespace {

using base::Code;
using base::Status;
using nlohmann::json;

// The text of `ddl` or of the file, without its head; empty where the sources say it.
std::string ReadTargetBody(ObjectReader& reader, const std::string& file, const std::string& name, bool like_source) {
  std::string ddl = reader.Text("ddl");
  const std::string ddl_file = reader.Text("ddl_file");
  if ((ddl.empty() ? 0 : 1) + (ddl_file.empty() ? 0 : 1) + (like_source ? 1 : 0) != 1) {
    reader.Fail("ddl", "give one of \"ddl\", \"ddl_file\" and \"like\"");
    return {};
  }
  if (like_source) return {};
  if (!ddl_file.empty()) {
    std::ifstream stream(Beside(file, ddl_file));
    ddl.assign(std::istreambuf_iterator<char>(stream), {});
    if (!stream.is_open()) reader.Fail("ddl_file", fmt::format("{} cannot be read", Beside(file, ddl_file)));
  }
  auto body = store::CreateTableBody(ddl, name);
  if (body.ok()) return *body;
  reader.Fail(ddl_file.empty() ? "ddl" : "ddl_file", body.status().message());
  return {};
}

}  // namespace

Status AddTarget(const json& object, const std::string& file, const std::string& place, JobConfig* config) {
  ObjectReader reader(object, place, ConfigObject("target"));
  TargetConfig target;
  target.place = place;
  target.table.name = reader.Text("name");
  target.like_source = reader.Text("like") == "source";
  target.table.body = ReadTargetBody(reader, file, target.table.name, target.like_source);
  target.table.account_type = reader.Text("account_type");
  target.table.account_key = reader.Text("account_key");
  target.table.key = reader.Texts("key");
  if (store::IsStoreTable(target.table.name)) reader.Fail("name", "the store has a table of this name; choose another");
  for (const TargetConfig& other : config->targets) {
    if (other.table.name == target.table.name) reader.Fail("name", "another target has this name");
  }
  SL_TRY(reader.Finish());
  config->targets.push_back(std::move(target));
  return base::Ok();
}

Status CheckTargetsUsed(const JobConfig& config) {
  for (const TargetConfig& target : config.targets) {
    const bool used = std::any_of(config.mappings.begin(), config.mappings.end(),
                                  [&](const mapping::MappingConfig& m) { return m.target == target.table.name; });
    if (used) continue;
    return Status(Code::kUsage, fmt::format("{}: no mapping has \"target\": \"{}\"; give it one, or remove the target",
                                            target.place, target.table.name));
  }
  return base::Ok();
}

}  // namespace shardlift::job
