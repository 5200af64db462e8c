// SourcePosition and FilePosition: plain values; reading them from a server is in position.cc.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "mysql/position.h"

namespace shardlift::mysql {

std::string_view FlavourName(Flavour flavour) { return flavour == Flavour::kMySql ? "MySQL" : "MariaDB"; }

std::uint64_t FilePosition::file_number() const {
  const std::size_t dot = file.rfind('.');
  if (dot == std::string::npos || dot + 1 == file.size()) return 0;
  std::uint64_t number = 0;
  const char* end = file.data() + file.size();
  const auto [at, ec] = std::from_chars(file.data() + dot + 1, end, number);
  return ec == std::errc() && at == end ? number : 0;
}

std::strong_ordering FilePosition::operator<=>(const FilePosition& other) const {
  if (const auto order = file_number() <=> other.file_number(); order != 0) return order;
  return offset <=> other.offset;
}

SourcePosition SourcePosition::FromGtidSet(GtidSet set) {
  SourcePosition p;
  p.set_ = std::move(set);
  return p;
}

SourcePosition SourcePosition::FromFile(FilePosition position) {
  SourcePosition p;
  p.flavour_ = Flavour::kMariaDb;
  p.file_ = std::move(position);
  return p;
}

bool SourcePosition::Contains(const SourcePosition& other) const {
  SL_CHECK(flavour_ == other.flavour_);
  return flavour_ == Flavour::kMySql ? set_.Contains(other.set_) : file_ >= other.file_;
}

void SourcePosition::MergeWith(const SourcePosition& other) {
  SL_CHECK(flavour_ == other.flavour_);
  if (flavour_ == Flavour::kMySql) {
    set_.UnionWith(other.set_);
  } else if (file_ < other.file_) {
    file_ = other.file_;
  }
}

void SourcePosition::IntersectWith(const SourcePosition& other) {
  SL_CHECK(flavour_ == other.flavour_);
  if (flavour_ == Flavour::kMySql) {
    set_.IntersectWith(other.set_);
  } else if (other.file_ < file_) {
    file_ = other.file_;
  }
}

std::string SourcePosition::ToText() const {
  if (flavour_ == Flavour::kMySql) return "mysql:" + set_.ToText();
  return fmt::format("mariadb:{}:{}", file_.file, file_.offset);
}

base::Result<SourcePosition> SourcePosition::Parse(std::string_view text) {
  constexpr std::string_view kMySqlPrefix = "mysql:";
  constexpr std::string_view kMariaDbPrefix = "mariadb:";
  if (text.starts_with(kMySqlPrefix)) {
    SL_ASSIGN(auto set, GtidSet::Parse(text.substr(kMySqlPrefix.size())));
    return FromGtidSet(std::move(set));
  }
  if (text.starts_with(kMariaDbPrefix)) {
    const std::string_view rest = text.substr(kMariaDbPrefix.size());
    const std::size_t colon = rest.rfind(':');
    FilePosition position;
    if (colon != std::string_view::npos && colon > 0) {
      position.file = rest.substr(0, colon);
      const char* end = rest.data() + rest.size();
      const auto [at, ec] = std::from_chars(rest.data() + colon + 1, end, position.offset);
      if (ec == std::errc() && at == end && position.file_number() > 0) return FromFile(std::move(position));
    }
  }
  return base::Status(base::Code::kUsage, fmt::format("\"{}\" is not a source position (\"mysql:<GTID set>\" or "
                                                      "\"mariadb:<binlog file>:<offset>\")",
                                                      text.substr(0, 80)));
}

bool SourcePosition::operator==(const SourcePosition& other) const {
  if (flavour_ != other.flavour_) return false;
  return flavour_ == Flavour::kMySql ? set_ == other.set_ : file_ == other.file_;
}

}  // namespace shardlift::mysql
