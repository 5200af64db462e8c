#include "store/node_lease.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <random>
#include <vector>

#include "mysql/session.h"

namespace shardlift::store {

using base::Code;
using base::Result;
using base::Status;

struct NodeLease::Row {
  std::uint32_t node = 0;
  std::uint64_t generation = 0;  // 0: there is no row yet
  std::int64_t ids_until_ms = 0;
};

namespace {

using Rows = std::vector<std::vector<std::optional<std::string>>>;

std::int64_t Number(const std::optional<std::string>& text) {
  std::int64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

// Who holds a node, for people who look at the table; the random part makes it unique.
std::string HolderName() {
  char host[256] = "";
  if (gethostname(host, sizeof(host) - 1) != 0) host[0] = '\0';
  std::random_device random;
  return fmt::format("{:.64} {} {:08x}{:08x}", host, getpid(), random(), random());
}

std::string After(std::int64_t ms) { return fmt::format("UTC_TIMESTAMP(6) + INTERVAL {} MICROSECOND", ms * 1000); }

Status CheckClock(mysql::Session& session, const NodeLeaseOptions& options) {
  SL_ASSIGN(const mysql::Rows rows, session.Query("SELECT FLOOR(UNIX_TIMESTAMP(NOW(3)) * 1000)", "read the clock"));
  SL_ASSIGN(const std::string server_ms, rows.Single());
  const std::int64_t difference = options.clock->UnixMs() - Number(server_ms);
  if (difference >= -options.clock_difference_ms_max && difference <= options.clock_difference_ms_max)
    return base::Ok();
  return Status(Code::kRefused,
                fmt::format("this machine's clock is {} ms {} that of {}; at most {} ms is safe for ids: "
                            "set both by NTP",
                            std::abs(difference), difference > 0 ? "ahead of" : "behind", session.endpoint().Text(),
                            options.clock_difference_ms_max));
}

}  // namespace

NodeLease::NodeLease(const Row& row, std::string holder, const NodeLeaseOptions& options)
    : options_(options),
      holder_(std::move(holder)),
      generation_(row.generation + 1),
      generator_(row.node, row.ids_until_ms, *options.clock),
      until_ms_(row.ids_until_ms) {}

void NodeLease::Extend(std::int64_t until_ms, std::int64_t asked_at_steady_ms) {
  until_ms_ = until_ms;
  generator_.Extend(until_ms, asked_at_steady_ms + options_.lease_ms);
}

Result<std::unique_ptr<NodeLease>> NodeLease::Take(mysql::Session& session, const NodeLeaseOptions& options) {
  SL_CHECK(options.nodes >= 1 && options.nodes <= kIdNodes && options.lease_ms > 0);
  SL_TRY(CheckClock(session, options));
  SL_ASSIGN(const mysql::Rows rows,
            session.Query("SELECT node, generation, ids_until_ms, lease_until <= UTC_TIMESTAMP(6) FROM sl_id_node "
                          "ORDER BY lease_until",
                          "read node ids"));
  std::vector<Row> free;
  std::vector<bool> seen(kIdNodes);
  for (const auto& row : rows.rows) {
    const auto node = static_cast<std::uint32_t>(Number(row[0]));
    if (node < kIdNodes) seen[node] = true;
    const std::int64_t ids_until_ms = Number(row[2]);
    // Left by a holder whose clock was ahead of ours: there would be no ids for a while.
    const bool ahead = ids_until_ms > options.clock->UnixMs() + IdGenerator::kClockBackMsMax;
    if (node < options.nodes && row[3] == "1" && !ahead) {
      free.push_back({node, static_cast<std::uint64_t>(Number(row[1])), ids_until_ms});
    }
  }
  for (std::uint32_t node = 0; node < options.nodes; ++node) {
    if (!seen[node]) free.push_back({node, 0, 0});
  }
  for (const Row& row : free) {
    std::unique_ptr<NodeLease> lease(new NodeLease(row, HolderName(), options));
    const std::int64_t asked_at = options.clock->SteadyMs();
    const std::int64_t until_ms = std::max(row.ids_until_ms, options.clock->UnixMs() + options.lease_ms);
    const std::string holder = session.Quote(lease->holder_);
    const auto changed =
        row.generation == 0
            ? session.ExecuteCount(
                  fmt::format("INSERT INTO sl_id_node (node, generation, holder, lease_until, ids_until_ms) VALUES "
                              "({}, 1, {}, {}, {})",
                              row.node, holder, After(options.lease_ms), until_ms),
                  "take a node id")
            : session.ExecuteCount(
                  fmt::format("UPDATE sl_id_node SET generation = generation + 1, holder = {}, lease_until = {}, "
                              "ids_until_ms = {} WHERE node = {} AND generation = {} AND ids_until_ms = {} AND "
                              "lease_until <= UTC_TIMESTAMP(6)",
                              holder, After(options.lease_ms), until_ms, row.node, row.generation, row.ids_until_ms),
                  "take a node id");
    if (!changed.ok() && changed.status().code() != Code::kDuplicate) return changed.status();
    if (!changed.ok() || changed.value() != 1) continue;  // another process was faster
    lease->Extend(until_ms, asked_at);
    return lease;
  }
  return Status(Code::kRefused, fmt::format("{}: all {} node ids are leased, or were used by a machine whose clock is "
                                            "ahead of this one's; SELECT * FROM sl_id_node says by whom",
                                            session.endpoint().Text(), options.nodes));
}

std::string NodeLease::IsMine() const { return fmt::format("node = {} AND generation = {}", node(), generation_); }

Status NodeLease::Renew(mysql::Session& session) {
  const std::int64_t asked_at = options_.clock->SteadyMs();
  const std::int64_t until_ms = std::max(until_ms_, options_.clock->UnixMs() + options_.lease_ms);
  SL_ASSIGN(const std::uint64_t changed,
            session.ExecuteCount(fmt::format("UPDATE sl_id_node SET lease_until = {}, ids_until_ms = {} WHERE {} AND "
                                             "holder = {} AND lease_until > UTC_TIMESTAMP(6)",
                                             After(options_.lease_ms), until_ms, IsMine(), session.Quote(holder_)),
                                 "renew a node id"));
  if (changed == 1) {
    Extend(until_ms, asked_at);
    return base::Ok();
  }
  generator_.End();
  return Status(Code::kRefused, fmt::format("{}: the lease of node id {} was not renewed in time, so that another "
                                            "process may have it; take a new lease",
                                            session.endpoint().Text(), node()));
}

Status NodeLease::Release(mysql::Session& session) {
  generator_.End();
  // A Next that runs meanwhile may have moved the last millisecond without giving its id: that is on the safe side, and
  // one that moves it later is refused.
  const std::int64_t last_ms = std::min(until_ms_, std::max(generator_.last_unix_ms(), options_.clock->UnixMs()));
  return session.Execute(
      fmt::format("UPDATE sl_id_node SET lease_until = UTC_TIMESTAMP(6), ids_until_ms = {} WHERE {} AND "
                  "holder = {} AND lease_until > UTC_TIMESTAMP(6)",
                  last_ms, IsMine(), session.Quote(holder_)),
      "give back a node id");
}

}  // namespace shardlift::store
