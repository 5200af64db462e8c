// What the files of this folder share about a session. Private: nothing outside mysql/ includes it.
#pragma once

#include <errmsg.h>
#include <mysql.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "base/status.h"
#include "mysql/session.h"

namespace shardlift::mysql {

struct Session::Impl {
  Endpoint endpoint;
  SessionOptions options;
  MYSQL* handle = nullptr;
  // A duplicate of the connection's descriptor: shutting it down from another thread can never hit a descriptor that
  // the client library has closed and the process has reused.
  int socket_copy = -1;
  bool alive = false;
  Flavour flavour = Flavour::kMySql;
  std::string server_version;
  std::uint64_t connection_id = 0;
  // The "file" of the LOAD DATA in progress; nullptr refuses any file the server may ask for.
  const std::string_view* load_data = nullptr;
  std::size_t load_offset = 0;

  // MariaDB only: what ReadVisibleLowerBound has proven so far and what it is waiting for (visible_position.cc).
  struct VisibilityProof {
    std::optional<FilePosition> proven;
    std::optional<FilePosition> candidate;
    std::set<std::uint64_t> committing;  // transaction ids
  } visibility;

  ~Impl();
  // One attempt, with or without TLS. On failure the handle is freed.
  base::Status Connect(bool tls);
  void ShutdownSocket();
  // Sends one statement and reads its first answer; on failure the status is already mapped.
  base::Status Send(std::string_view sql, std::string_view what);
  // Reads and drops what a statement may still have to say (results of CALL).
  base::Status FinishResults(std::string_view what);
  // The failed state of the handle as a Status. `sent`: a statement may have reached the server.
  base::Status Failure(std::string_view what, bool sent);
  base::Status Gone(std::string_view what) const;
};

// Sets and reads back everything that results depend on (session.h).
base::Status PinSettings(Session& session, Session::Impl* impl);

// Callbacks of the client library for LOAD DATA LOCAL; `userdata` is the Session::Impl. They serve Impl::load_data and
// refuse everything else, so that no server can ask for a file of this machine.
int LoadInit(void** context, const char* file, void* userdata);
int LoadRead(void* context, char* buffer, unsigned int size);
void LoadEnd(void* context);
int LoadError(void* context, char* text, unsigned int size);

// The ids of transactions that are between prepare and the end of their engine commit, from the text of SHOW ENGINE
// INNODB STATUS. `xa`: XA RECOVER is not empty, so a prepared transaction without a running statement is an XA
// transaction at rest and left out. nullopt: the text is cut short and does not tell.
std::optional<std::set<std::uint64_t>> CommittingTransactions(std::string_view status, bool xa);
base::Result<SourcePosition> ProveVisiblePosition(Session& session, Session::Impl* impl);

// Maps a server or client error. `sent` decides the effect of a lost connection.
base::Status ErrorStatus(const Endpoint& endpoint, std::string_view what, unsigned number, std::string_view server_text,
                         bool sent);
// True for errors after which the connection is useless.
bool IsConnectionLost(unsigned number);

}  // namespace shardlift::mysql
