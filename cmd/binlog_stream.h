// The parts of `shardlift binlog stream`: where it begins, what it prints, and the two places it reads from.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"
#include "binlog/group.h"
#include "cmd/binlog.h"
#include "cmd/binlog_change_writer.h"
#include "cmd/binlog_live_schema.h"
#include "cmd/line_writer.h"
#include "mysql/gtid_set.h"
#include "mysql/maria_gtid.h"
#include "mysql/position.h"

namespace shardlift::cmd {

// A place between two transactions. Reading begins at `since`, before it while an XA transaction is prepared there
// whose rows stand further back.
struct StreamPlace {
  mysql::FilePosition after;
  mysql::FilePosition since;
};
// Nothing: the end of the binlog as of now, or the beginning of the files. The GTIDs: what was seen before.
using StreamFrom = std::variant<std::monostate, StreamPlace, mysql::GtidSet, mysql::MariaGtidSet>;
// "now", "FILE:OFFSET", "FILE:OFFSET,FILE:OFFSET" (`since` behind the comma), or GTIDs of either server. kUsage.
base::Result<StreamFrom> ParseStreamFrom(const std::string& text);
// What ParseStreamFrom takes. `prepared`: where the oldest XA transaction that is still prepared begins.
std::string StreamPlaceText(const mysql::FilePosition& after, const std::optional<mysql::FilePosition>& prepared);

struct StreamRequest {
  TablePatterns tables;
  StreamFrom from;
  bool positions = false;
  bool until_now = false;
  std::optional<std::chrono::steady_clock::time_point> deadline;
  const std::atomic<bool>* stop = nullptr;

  bool MustStop() const { return stop->load() || (deadline && std::chrono::steady_clock::now() >= *deadline); }
};

// Writes committed transactions.
class TransactionWriter {
 public:
  TransactionWriter(const StreamRequest& request, LineWriter& out) : request_(request), out_(out), changes_(out) {}

  // Its rows, if it was committed and has any. kRefused for changes of wanted tables that are in no rows.
  base::Status Group(const binlog::CommitGroup& group);
  // The line behind a transaction that Group wrote rows of, with positions only; `position` as ParseStreamFrom takes
  // it.
  base::Status Position(const binlog::CommitGroup& group, const std::string& position);
  // The same where no transaction ends; only if it is another place than the last one. The file may be empty.
  base::Status Position(const mysql::FilePosition& place, const std::string& position);
  std::uint64_t last_rows() const { return rows_; }  // of the last group

 private:
  base::Status CheckStatement(const binlog::CommitGroup& group, const binlog::Statement& statement) const;

  const StreamRequest& request_;
  LineWriter& out_;
  ChangeWriter changes_;
  std::uint64_t rows_ = 0;
  std::string gtid_json_;
  std::string file_;
  std::string file_json_;
  std::string last_position_;
};

// Each ends with ok at the end of what was asked for, with kStopped when it was told to stop before. `live`, may be
// null: what the files do not say.
base::Status StreamFiles(const std::vector<std::string>& paths, const StreamRequest& request, LiveSchemas* live,
                         LineWriter& out);
base::Status StreamServer(const NamedSource& source, const StreamRequest& request, LineWriter& out);

}  // namespace shardlift::cmd
