// LOAD DATA LOCAL INFILE from memory.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

// The number after `label` in mysql_info()'s "Records: 3  Deleted: 0  Skipped: 0  Warnings: 0".
bool ParseInfo(std::string_view info, std::string_view label, std::uint64_t* out) {
  const std::size_t at = info.find(label);
  if (at == std::string_view::npos) return false;
  std::string_view rest = info.substr(at + label.size());
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  return std::from_chars(rest.data(), rest.data() + rest.size(), *out).ec == std::errc();
}

}  // namespace

int LoadInit(void** context, const char* /*file*/, void* userdata) {
  auto* impl = static_cast<Session::Impl*>(userdata);
  *context = impl;
  impl->load_offset = 0;
  return impl->load_data == nullptr ? 1 : 0;
}

int LoadRead(void* context, char* buffer, unsigned int size) {
  auto* impl = static_cast<Session::Impl*>(context);
  if (impl->load_data == nullptr) return -1;
  const std::string_view rest = impl->load_data->substr(impl->load_offset);
  const std::size_t n = std::min<std::size_t>(rest.size(), std::min(size, 1u << 30));
  if (n > 0) std::memcpy(buffer, rest.data(), n);
  impl->load_offset += n;
  return static_cast<int>(n);
}

void LoadEnd(void* /*context*/) {}

int LoadError(void* /*context*/, char* text, unsigned int size) {
  constexpr std::string_view kText = "the server asked for a local file outside LOAD DATA";
  if (size > 0) {
    const std::size_t n = std::min<std::size_t>(kText.size(), size - 1);
    std::memcpy(text, kText.data(), n);
    text[n] = '\0';
  }
  return 2000;  // CR_UNKNOWN_ERROR
}

base::Result<LoadDataResult> Session::LoadData(std::string_view sql, std::string_view data, std::string_view what) {
  if (!impl_->options.local_infile) {
    return base::Status(base::Code::kInternal,
                        fmt::format("{}: {}: this session was opened without local_infile", endpoint().Text(), what));
  }
  impl_->load_data = &data;
  base::Status status = impl_->Send(sql, what);
  impl_->load_data = nullptr;
  SL_TRY(status);
  LoadDataResult result;
  result.affected_rows = mysql_affected_rows(impl_->handle);
  const char* info_text = mysql_info(impl_->handle);
  const std::string_view info = info_text == nullptr ? "" : info_text;
  if (!ParseInfo(info, "Records:", &result.records) || !ParseInfo(info, "Skipped:", &result.skipped) ||
      !ParseInfo(info, "Warnings:", &result.warnings)) {
    return base::Status(base::Code::kInternal,
                        fmt::format("{}: {}: the server did not report the rows of LOAD DATA", endpoint().Text(), what),
                        base::Effect::kApplied);
  }
  return result;
}

}  // namespace shardlift::mysql
