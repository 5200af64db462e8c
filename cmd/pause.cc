#include "cmd/pause.h"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/events.h"
#include "base/sync_point.h"

namespace shardlift::cmd {
namespace {

struct Pause {
  std::string point;
  std::uint64_t passage = 0;
  std::atomic<std::uint64_t> passed{0};
};
using Pauses = std::vector<std::unique_ptr<Pause>>;

base::Result<std::unique_ptr<Pause>> ParsePause(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  auto pause = std::make_unique<Pause>();
  if (colon != std::string::npos && colon > 0) {
    pause->point = text.substr(0, colon);
    const char* const first = text.data() + colon + 1;
    const char* const last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, pause->passage);
    if (error == std::errc() && end == last && pause->passage > 0) return pause;
  }
  return base::Status(base::Code::kUsage,
                      fmt::format("--pause-at \"{}\": write POINT:N, for example chunk.read:2", text));
}

void OnPoint(const Pauses& pauses, std::string_view point, std::string_view detail) {
  for (const auto& pause : pauses) {
    if (pause->point != point || pause->passed.fetch_add(1) + 1 != pause->passage) continue;
    base::EmitEvent("pause", {{"point", std::string(point)}, {"detail", std::string(detail)}});
    for (;;) ::pause();  // signals return here; only the end of the process ends it
  }
}

}  // namespace

base::Status InstallPauses(const std::vector<std::string>& pauses) {
  if (pauses.empty()) return base::Ok();
  const auto parsed = std::make_shared<Pauses>();
  for (const std::string& text : pauses) {
    SL_ASSIGN(parsed->emplace_back(), ParsePause(text));
  }
  base::SetSyncPointHandler(
      [parsed](std::string_view point, std::string_view detail) { OnPoint(*parsed, point, detail); });
  return base::Ok();
}

}  // namespace shardlift::cmd
