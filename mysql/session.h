// Session: one authenticated connection to a MySQL or MariaDB server, with pinned and verified settings.
//
// Every session pins sql_mode, time_zone '+00:00', isolation, autocommit and lock_wait_timeout, sets
// character_set_results = NULL (column bytes arrive unconverted) and reads all of them back: digests and snapshots
// depend on them. Transport and login come from libmariadb, which speaks to both servers.
//
// Errors: kEnvironment for lost or refused connections (effect kUnknown when a statement was in flight), kDuplicate
// for error 1062, kUsage for access-denied and unknown database, kRefused/kInternal for other server errors. Messages
// carry the endpoint and the server's error number, never a statement's values: pass a `what` that names the step.
// A session never reconnects by itself. Thread rules: one thread at a time; Kill() of another session's id is how a
// stuck one is ended.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "mysql/position.h"

namespace shardlift::mysql {

enum class TlsMode : std::uint8_t { kDisabled, kPreferred, kRequired, kVerifyCa, kVerifyIdentity };

struct Endpoint {
  std::string name;  // the job file's name for it; used in messages
  std::string host = "127.0.0.1";
  std::uint16_t port = 3306;
  std::string socket;  // a path; wins over host and port when not empty
  std::string user;
  std::string password;  // never printed
  // A TLS session takes 0.1 s longer to open: the client library parses the machine's CA bundle each time.
  TlsMode tls = TlsMode::kPreferred;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  // "legacy1 (127.0.0.1:3307)"
  std::string Text() const;
};

enum class Isolation : std::uint8_t { kReadCommitted, kRepeatableRead };

struct SessionOptions {
  std::string database;  // default schema; empty: none
  Isolation isolation = Isolation::kReadCommitted;
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds read_timeout{0};  // 0: none; a silent server fails the statement with kEnvironment
  std::chrono::seconds lock_wait_timeout{50};
  bool local_infile = false;  // allow LoadData
};

// One row of the text protocol. nullopt is SQL NULL. Views live until the next row is fetched.
using TextRow = std::vector<std::optional<std::string_view>>;

// A whole small result, owned.
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  // The only value of a result of one row and one column; fails otherwise (also on NULL).
  base::Result<std::string> Single() const;
};

struct LoadDataResult {
  std::uint64_t records = 0;
  std::uint64_t skipped = 0;
  std::uint64_t warnings = 0;
  std::uint64_t affected_rows = 0;
};

class RowStream;

class Session {
 public:
  static base::Result<std::unique_ptr<Session>> Open(const Endpoint& endpoint, const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Flavour flavour() const;
  const std::string& server_version() const;  // as the server prints it
  std::uint64_t connection_id() const;
  const Endpoint& endpoint() const;
  bool alive() const;  // false once the connection was lost

  // `what` names the step in error messages ("fence", "read chunk of im_0.msg_03").
  base::Status Execute(std::string_view sql, std::string_view what);
  // Rows affected (found rows are not counted: CLIENT_FOUND_ROWS is off).
  base::Result<std::uint64_t> ExecuteCount(std::string_view sql, std::string_view what);
  base::Result<Rows> Query(std::string_view sql, std::string_view what);
  // Streams without buffering the result on the client. The stream borrows the session until it is destroyed or
  // drained.
  base::Result<std::unique_ptr<RowStream>> OpenStream(std::string_view sql, std::string_view what);
  // LOAD DATA LOCAL INFILE with `data` as the file. `sql` must name any file. Needs options.local_infile.
  base::Result<LoadDataResult> LoadData(std::string_view sql, std::string_view data, std::string_view what);

  // Ends another connection of the same server (KILL id). OK if it is gone already.
  base::Status Kill(std::uint64_t connection_id);
  // 'text' quoted and escaped for this connection (always as bytes safe for utf8mb4 and binary strings).
  std::string Quote(std::string_view text) const;

  // The raw replication stream. After StartBinlogDump* only ReadPacket and Shutdown may be called.
  base::Status StartBinlogDump(const FilePosition& start, std::uint32_t server_id);    // COM_BINLOG_DUMP
  base::Status StartBinlogDumpGtid(const GtidSet& executed, std::uint32_t server_id);  // COM_BINLOG_DUMP_GTID
  // One packet without its header; first byte 0x00 means an event follows. The view lives until the next call.
  // An EOF or error packet is a failed Status with the server's error number.
  base::Result<std::string_view> ReadPacket();
  // Makes a blocked ReadPacket or query of another thread return with an error. The one call that is thread-safe.
  void Shutdown();

  struct Impl;  // of this folder only

 private:
  friend class RowStream;
  friend base::Result<SourcePosition> ReadVisibleLowerBound(Session& session);
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

class RowStream {
 public:
  ~RowStream();
  // False at the end. The views of the row live until the next call.
  base::Result<bool> Next();
  std::span<const std::optional<std::string_view>> row() const { return row_; }
  std::size_t columns() const;

 private:
  friend class Session;
  RowStream() = default;
  Session* session_ = nullptr;
  void* result_ = nullptr;  // MYSQL_RES
  std::string what_;
  TextRow row_;
};

// "0x6162" for bytes, "''" for empty: a literal that is safe in any sql_mode and character set.
std::string HexLiteral(std::string_view bytes);

}  // namespace shardlift::mysql
