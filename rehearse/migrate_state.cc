#include "rehearse/migrate_state.h"

#include <nlohmann/json.hpp>

namespace shardlift::rehearse {
namespace {

using json = nlohmann::json;

std::string TextOf(const json& event, const char* key) {
  const auto found = event.find(key);
  return found != event.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t NumberOf(const json& event, const char* key, std::uint64_t otherwise) {
  const auto found = event.find(key);
  if (found == event.end() || !found->is_number()) return otherwise;
  return found->is_number_unsigned() ? found->get<std::uint64_t>() : otherwise;
}

}  // namespace

bool MigrateState::Take(std::string_view line) {
  const json event = json::parse(line, nullptr, false);
  if (!event.is_object()) return false;
  const std::string name = TextOf(event, "event");
  if (name == "phase") {
    phase = TextOf(event, "phase");
  } else if (name == "chunk") {
    const std::string state = TextOf(event, "state");
    if (state == "merged") {
      ++chunks_merged;
      sources_merging.insert(TextOf(event, "source"));
    } else {
      chunk_state = state;
      chunk_table = TextOf(event, "table");
      chunk_after = TextOf(event, "after");
      chunk_rows = NumberOf(event, "rows", 0);
      new_chunk = new_chunk || state == "reading" || state == "read";
    }
  } else if (name == "progress") {
    rows_copied = NumberOf(event, "rows_copied", rows_copied);
    changes_applied = NumberOf(event, "changes_applied", changes_applied);
    const auto lag = event.find("lag_seconds");
    if (lag != event.end() && lag->is_number()) lag_seconds = lag->get<double>();
  } else if (name == "pause") {
    pause_point = TextOf(event, "point");
    pause_detail = TextOf(event, "detail");
  } else if (name == "caught-up") {
    caught_up = true;
  } else if (name == "shard-lost") {
    ++shards_lost;
  } else if (name == "shard-back") {
    ++shards_back;
  }
  return !name.empty();
}

}  // namespace shardlift::rehearse
