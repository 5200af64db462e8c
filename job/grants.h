// Grants: what SHOW GRANTS says of the user of a session.
//
// Roles are not followed: once the user has one, a missing privilege proves nothing and every question is answered yes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/session.h"

namespace shardlift::job {

class Grants {
 public:
  static base::Result<Grants> Read(mysql::Session& session);
  // From the lines of SHOW GRANTS.
  static Grants FromLines(const std::vector<std::string>& lines);

  bool HasGlobal(std::string_view privilege) const;
  // On all tables of `database`: granted on it, on a pattern that matches it (`app\_%`), or globally.
  bool HasOnDatabase(std::string_view privilege, std::string_view database) const;

 private:
  struct Line {
    std::vector<std::string> privileges;
    bool global = false;
    std::string database;  // the pattern as SQL LIKE reads it; empty for grants on tables and the like
  };
  bool Has(const Line& line, std::string_view privilege) const;
  std::vector<Line> lines_;
  bool has_roles_ = false;
};

}  // namespace shardlift::job
