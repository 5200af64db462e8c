#include "migrate/conflict_reader.h"

#include <map>

namespace shardlift::migrate {

void ConflictReader::Start(const std::vector<std::string>& owner_ids) {
  Join();
  std::map<std::uint32_t, std::vector<std::string>> by_table;
  for (const std::string& id : owner_ids) by_table[SplitOwnerId(id).table_ordinal].push_back(id);
  running_ = true;
  thread_ = std::thread([this, by_table = std::move(by_table)] {
    ChunkReader reader(context_);
    for (const job::CatalogTable& table : catalog_.tables) {
      const auto owners = by_table.find(table.ordinal);
      if (table.source != context_.source || owners == by_table.end()) continue;
      if (base::Status status = reader.Reread(table, owners->second); !status.ok()) {
        context_.state->Fail(std::move(status));
        break;
      }
    }
    running_ = false;
  });
}

void ConflictReader::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace shardlift::migrate
