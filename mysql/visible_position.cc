// MariaDB: which binlog position is visible to readers.
//
// A group is written to the binlog while its transactions are prepared in the engine, and becomes visible later, when
// the engine commits them. So: read the write position, then note every prepared transaction; when each of them has
// left that state, everything up to the position is visible. The proof needs no order of commits and no view of server
// internals.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kFirstProofWait = std::chrono::seconds(10);
constexpr auto kProofWait = std::chrono::milliseconds(20);
constexpr auto kPollMax = std::chrono::milliseconds(10);

// "---TRANSACTION 59, ACTIVE (PREPARED) 7 sec" and the lines below it, up to the next transaction.
struct TransactionText {
  std::uint64_t id = 0;
  std::string_view head;
  std::string_view body;
};

std::string_view TakeLine(std::string_view* text) {
  const std::size_t end = std::min(text->find('\n'), text->size());
  const std::string_view line = text->substr(0, end);
  text->remove_prefix(std::min(end + 1, text->size()));
  return line;
}

// True if a statement is running for it: its thread line ends in a state, or the statement's text follows.
bool HasRunningStatement(std::string_view body) {
  constexpr std::string_view kThread = "MariaDB thread id ";
  while (!body.empty()) {
    const std::string_view line = TakeLine(&body);
    if (!line.starts_with(kThread)) continue;
    // "... query id 21 localhost root User sleep": host and user may be followed by a state.
    constexpr std::string_view kQuery = "query id ";
    const std::size_t at = line.find(kQuery);
    std::string_view rest = at == std::string_view::npos ? "" : line.substr(at + kQuery.size());
    std::size_t words = 0;
    while (!rest.empty()) {
      const std::size_t space = std::min(rest.find(' '), rest.size());
      if (space > 0) ++words;
      rest.remove_prefix(std::min(space + 1, rest.size()));
    }
    constexpr std::size_t kWordsAtRest = 4;  // number, host, address, user
    const std::string_view next = TakeLine(&body);
    const bool has_text = !next.empty() && !next.starts_with("---") && !next.starts_with("TABLE LOCK") &&
                          !next.starts_with("RECORD LOCKS") && !next.starts_with("Trx read view");
    return words > kWordsAtRest || has_text;
  }
  return false;
}

base::Result<std::optional<std::set<std::uint64_t>>> ReadCommitting(Session& session) {
  SL_ASSIGN(auto rows, session.Query("SHOW ENGINE INNODB STATUS", "list the transactions that are being committed"));
  if (rows.rows.size() != 1 || rows.rows[0].size() < 3 || !rows.rows[0][2]) {
    return base::Status(base::Code::kRefused, session.endpoint().Text() +
                                                  ": SHOW ENGINE INNODB STATUS tells nothing: InnoDB "
                                                  "must be enabled on the source");
  }
  const std::string& text = *rows.rows[0][2];
  auto ids = CommittingTransactions(text, false);
  if (!ids || ids->empty()) return ids;
  SL_ASSIGN(auto xa, session.Query("XA RECOVER", "list prepared XA transactions"));
  return xa.rows.empty() ? ids : CommittingTransactions(text, true);
}

// One step of the proof under way. True when it is complete.
base::Result<bool> Advance(Session& session, Session::Impl::VisibilityProof* proof, bool is_new) {
  SL_ASSIGN(auto now, ReadCommitting(session));
  if (!now) {
    if (is_new) proof->candidate.reset();  // unknown: nothing to wait for, begin anew
    return false;
  }
  if (is_new) {
    proof->committing = std::move(*now);
  } else {
    std::erase_if(proof->committing, [&](std::uint64_t id) { return !now->contains(id); });
  }
  return proof->committing.empty();
}

}  // namespace

std::optional<std::set<std::uint64_t>> CommittingTransactions(std::string_view status, bool xa) {
  constexpr std::string_view kHead = "---TRANSACTION ";
  const std::size_t list = status.find("LIST OF TRANSACTIONS FOR EACH SESSION:");
  if (list == std::string_view::npos || status.find("... truncated...") != std::string_view::npos) return std::nullopt;
  std::set<std::uint64_t> ids;
  std::size_t at = status.find(kHead, list);
  while (at != std::string_view::npos) {
    const std::size_t next = status.find(kHead, at + kHead.size());
    std::string_view body =
        status.substr(at + kHead.size(), next == std::string_view::npos ? next : next - at - kHead.size());
    at = next;
    const std::string_view head = TakeLine(&body);
    std::uint64_t id = 0;
    const auto [end, ec] = std::from_chars(head.data(), head.data() + head.size(), id);
    if (ec != std::errc()) continue;  // "(0x7f...)": wrote nothing
    const bool prepared = head.find("(PREPARED)") != std::string_view::npos;
    const bool committed = head.find("COMMITTED IN MEMORY") != std::string_view::npos;
    if (!prepared && !committed) continue;
    if (xa && prepared && !HasRunningStatement(body)) continue;
    ids.insert(id);
  }
  return ids;
}

base::Result<SourcePosition> ProveVisiblePosition(Session& session, Session::Impl* impl) {
  Session::Impl::VisibilityProof& proof = impl->visibility;
  const auto deadline = Clock::now() + (proof.proven ? Clock::duration(kProofWait) : Clock::duration(kFirstProofWait));
  // A proof left unfinished by an earlier call is finished first, or a busy server would never let one end; then one
  // more is begun, because the caller wants to know about now.
  bool resumed = proof.candidate.has_value();
  for (auto pause = std::chrono::milliseconds(1);; pause = std::min(pause * 2, kPollMax)) {
    const bool is_new = !proof.candidate.has_value();
    if (is_new) {
      SL_ASSIGN(auto written, ReadUpperBound(session));
      proof.candidate = written.file();
    }
    SL_ASSIGN(const bool done, Advance(session, &proof, is_new));
    if (done) {
      proof.proven = std::move(proof.candidate);
      proof.candidate.reset();
      if (!resumed) break;
      resumed = false;
      continue;
    }
    if (Clock::now() >= deadline) break;
    std::this_thread::sleep_for(pause);
  }
  if (proof.proven) return SourcePosition::FromFile(*proof.proven);
  return base::Status(
      base::Code::kEnvironment,
      fmt::format("{}: {} transactions are prepared and not committed after {} s, so what readers see cannot "
                  "be told: commits hang (semi-sync without an answering replica?)",
                  session.endpoint().Text(), proof.committing.size(), kFirstProofWait.count()));
}

}  // namespace shardlift::mysql
