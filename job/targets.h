// The target tables of a job: what their definitions are, and what the shards made of them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "job/config.h"
#include "mapping/table_mapper.h"
#include "store/target_table.h"

namespace shardlift::job {

// By name, `message` among them.
using Targets = std::map<std::string, store::TargetTablePtr, std::less<>>;

// The job's own targets with the definitions that schema apply runs. For "like": "source" the sources are asked; kUsage
// when the legacy tables that are mapped to it are not all of one form, naming two of them.
base::Result<std::vector<store::CustomTable>> TargetDefinitions(const JobConfig& config);

// The tables as the shards have them. kRefused when one is missing, when a shard has it in another form than the first
// one, and when it could not be written faithfully.
base::Result<Targets> LoadTargets(const JobConfig& config);

// The legacy tables of targets with a declared key, seen so far.
class DeclaredKeys {
 public:
  // kRefused, naming both, when rows of another table may have the keys of this one's. Tables of other targets are not
  // kept.
  base::Status Add(const std::string& source, std::unique_ptr<mapping::TableMapper> mapper);

 private:
  struct Table {
    std::string source;
    std::unique_ptr<mapping::TableMapper> mapper;
    std::string Text() const;
  };
  std::vector<Table> tables_;
};

// The job's fingerprint with what the shards say of its own targets.
std::string FingerprintWith(const JobConfig& config, const Targets& targets);

}  // namespace shardlift::job
