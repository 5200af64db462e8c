#include "verify/suspects.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::size_t kSuspectsPerProbe = 1000;
using KeyLength = std::array<char, 4>;

Status SpillError(const char* what) {
  return {Code::kEnvironment,
          fmt::format("temporary file of rows to look at again: {}: {}; make room in $TMPDIR or /tmp", what,
                      std::strerror(errno))};
}

void Append(std::string* out, std::string_view key) {
  const auto size = static_cast<std::uint32_t>(key.size());
  KeyLength length{};
  std::memcpy(length.data(), &size, sizeof size);
  out->append(length.data(), length.size());
  out->append(key);
}

}  // namespace

Status SuspectList::Add(std::string_view owner_key) {
  SL_CHECK(!reading_);
  ++size_;
  Append(&bytes_, owner_key);
  return bytes_.size() <= bytes_max_ ? base::Ok() : Spill();
}

Status SuspectList::Spill() {
  if (!file_) file_.reset(std::tmpfile());
  if (!file_) return SpillError("cannot be made");
  if (std::fwrite(bytes_.data(), 1, bytes_.size(), file_.get()) != bytes_.size())
    return SpillError("cannot be written");
  bytes_.clear();
  return base::Ok();
}

Result<std::vector<std::string>> SuspectList::Take(std::size_t count) {
  if (!reading_ && file_) {
    SL_TRY(Spill());
    if (std::fflush(file_.get()) != 0) return SpillError("cannot be written");
    std::rewind(file_.get());
  }
  reading_ = true;
  const auto read = [&](char* to, std::size_t size) {
    if (file_) return std::fread(to, 1, size, file_.get()) == size;
    if (bytes_.size() - taken_ < size) return false;
    std::memcpy(to, bytes_.data() + taken_, size);
    taken_ += size;
    return true;
  };
  std::vector<std::string> keys;
  KeyLength length{};
  while (keys.size() < count && read(length.data(), length.size())) {
    std::uint32_t size = 0;
    std::memcpy(&size, length.data(), sizeof size);
    std::string& key = keys.emplace_back(size, '\0');
    if (!read(key.data(), size)) return SpillError("cannot be read");
  }
  if (file_ && std::ferror(file_.get()) != 0) return SpillError("cannot be read");
  return keys;
}

namespace {

void Take(const CheckContext& context, const job::CatalogTable& table, const std::string& key, ProbeResult probe,
          TableResult* result) {
  MergeCounts& counts = result->counts;
  const std::size_t listed_max = context.options.findings_max;
  switch (probe.state) {
    case ProbeState::kRight:
      ++result->live.right;
      if (!probe.has_source) return;
      ++counts.source_rows;
      ++counts.equal;
      return;
    case ProbeState::kWrong:
      ++counts.findings[static_cast<std::size_t>(probe.finding.kind)];
      if (probe.has_source) {
        ++counts.source_rows;
        ++counts.findings_with_source;
      }
      if (context.options.on_finding) context.options.on_finding(probe.finding);
      if (result->findings.size() < listed_max) result->findings.push_back(std::move(probe.finding));
      return;
    case ProbeState::kOpen:
      ++result->live.open;
      if (result->live.open_rows.size() >= listed_max) return;
      result->live.open_rows.push_back({context.config.sources[table.source].endpoint.name, table.schema().name.Text(),
                                        key, KeyText(*table.mapper, key), std::move(probe.reason)});
      return;
  }
}

}  // namespace

Status SettleSuspects(const CheckContext& context, const job::CatalogTable& table, SuspectList* suspects,
                      TableResult* result) {
  // What the comparison counted of them.
  result->counts.source_rows -= result->counts.findings_with_source;
  result->counts.findings = {};
  result->counts.findings_with_source = 0;
  result->live.suspects += suspects->size();
  for (;;) {
    SL_ASSIGN(const std::vector<std::string> keys, suspects->Take(kSuspectsPerProbe));
    if (keys.empty()) return base::Ok();
    SL_ASSIGN(std::vector<ProbeResult> probes, context.options.prober->Probe(table, keys));
    SL_CHECK(probes.size() == keys.size());
    for (std::size_t i = 0; i < keys.size(); ++i) Take(context, table, keys[i], std::move(probes[i]), result);
  }
}

}  // namespace shardlift::verify
