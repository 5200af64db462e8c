#include "mysql/seen_position.h"

#include <string>
#include <string_view>
#include <utility>

namespace shardlift::mysql {
namespace {

// "uuid:7#41:8#42,uuid2:1#43": the numbers behind # are sessions.
std::string WithoutOwners(std::string_view owned) {
  std::string gtids;
  bool skip = false;
  for (const char c : owned) {
    const bool digit = c >= '0' && c <= '9';
    skip = c == '#' || (skip && digit);
    if (!skip) gtids += c;
  }
  return gtids;
}

}  // namespace

base::Result<SourcePosition> ReadSeenUpperBound(Session& session) {
  if (session.flavour() != Flavour::kMySql) return ReadUpperBound(session);
  // First what is owned: what is not any more is executed by the time that is read.
  SL_ASSIGN(const Rows rows, session.Query("SELECT @@GLOBAL.gtid_owned", "read gtid_owned"));
  SL_ASSIGN(const std::string text, rows.Single());
  auto owned = GtidSet::Parse(WithoutOwners(text));
  if (!owned.ok()) return owned.status().WithContext(session.endpoint().Text() + ": gtid_owned");
  SL_ASSIGN(SourcePosition position, ReadUpperBound(session));
  position.mutable_gtid_set().UnionWith(*owned);
  return position;
}

}  // namespace shardlift::mysql
