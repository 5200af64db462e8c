#include "binlog/dump_connection.h"

#include <fmt/format.h>
#include <signal.h>

#include "binlog/compression.h"
#include "binlog/event.h"

namespace shardlift::binlog {
namespace {

constexpr unsigned kErrorReadingBinlog = 1236;

base::Status Explain(base::Status status) {
  if (status.server_errno() != kErrorReadingBinlog) return status;
  base::Status refused(
      base::Code::kRefused,
      fmt::format(
          "{}: the server will not send its binlog from here. Either the start was purged (start a new copy, and "
          "keep binlogs longer than the copy takes), or another reader uses the same server id (give this one its "
          "own), or an event is larger than max_allowed_packet",
          status.message()));
  refused.WithServerErrno(kErrorReadingBinlog);
  return refused;
}

// "UUID:14#33:15#34": each with the sessions that own it.
base::Result<mysql::GtidSet> ParseOwned(std::string_view owned) {
  std::string gtids;
  bool session = false;
  for (const char c : owned) {
    session = c == '#' || (session && c >= '0' && c <= '9');
    if (!session) gtids += c;
  }
  return mysql::GtidSet::Parse(gtids);
}

}  // namespace

DumpConnection::DumpConnection(const DumpOptions& options, std::unique_ptr<mysql::Session> session)
    : options_(options), session_(std::move(session)), packets_(options.queue_bytes_max) {}

DumpConnection::~DumpConnection() {
  Stop();
  if (thread_.joinable()) thread_.join();
}

base::Result<std::unique_ptr<DumpConnection>> DumpConnection::Open(const DumpOptions& options) {
  mysql::SessionOptions session_options;
  session_options.read_timeout = options.silent_deadline;
  SL_ASSIGN(auto session, mysql::Session::Open(options.endpoint, session_options));
  std::unique_ptr<DumpConnection> connection(new DumpConnection(options, std::move(session)));
  SL_TRY(connection->Announce());
  return connection;
}

// What the server will do with events: checksums as they lie in the binlog, heartbeats when it is idle.
base::Status DumpConnection::Announce() {
  const bool mysql = flavour() == mysql::Flavour::kMySql;
  SL_ASSIGN(const mysql::Rows rows, session_->Query(mysql ? "SELECT @@global.binlog_checksum, @@server_uuid"
                                                          : "SELECT @@global.binlog_checksum, @@global.server_id",
                                                    "read binlog_checksum"));
  if (rows.rows.size() != 1) return Corrupt("the server's own settings are not one row");
  checksum_ = rows.rows[0][0].value_or("") != "NONE";
  server_ = rows.rows[0][1].value_or("");
  const long long heartbeat_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(options_.heartbeat).count();
  std::string sql = fmt::format("SET @master_binlog_checksum = @@global.binlog_checksum, @master_heartbeat_period = {}",
                                heartbeat_ns);
  if (mysql) {
    sql += fmt::format(", @source_binlog_checksum = @@global.binlog_checksum, @source_heartbeat_period = {}",
                       heartbeat_ns);
  } else {
    sql += ", @mariadb_slave_capability = 4";  // understands GTID events
  }
  return session_->Execute(sql, "announce the binlog reader");
}

base::Result<mysql::GtidSet> DumpConnection::Executed() {
  // The owned ones first: later they are among the executed.
  SL_ASSIGN(const auto rows, session_->Query("SELECT @@global.gtid_owned", "read gtid_owned"));
  SL_ASSIGN(const std::string owned, rows.Single());
  SL_ASSIGN(mysql::GtidSet executed, ParseOwned(owned));
  SL_ASSIGN(const mysql::SourcePosition upper, mysql::ReadUpperBound(*session_));
  executed.UnionWith(upper.gtid_set());
  return executed;
}

base::Status DumpConnection::Start(const mysql::GtidSet& executed) {
  SL_TRY(session_->StartBinlogDumpGtid(executed, options_.server_id));
  StartReading();
  return base::Ok();
}

base::Status DumpConnection::Start(const mysql::MariaGtidSet& passed) {
  SL_TRY(session_->Execute(fmt::format("SET @slave_connect_state = {}", session_->Quote(passed.ToText())),
                           "announce the binlog reader"));
  return Start(mysql::FilePosition{"", kFirstEventOffset});
}

base::Status DumpConnection::Start(const mysql::FilePosition& position) {
  SL_TRY(session_->StartBinlogDump(position, options_.server_id));
  StartReading();
  return base::Ok();
}

void DumpConnection::StartReading() {
  thread_ = std::thread([this] { ReadPackets(); });
}

void DumpConnection::ReadPackets() {
  // The TLS layer may answer the server after Stop has shut the socket; that must not end the process.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  for (;;) {
    base::Result<std::string_view> packet = session_->ReadPacket();
    if (!packet.ok()) {
      packets_.Close(Explain(packet.status()));
      return;
    }
    if (packet->size() > kEventBytesMax) {
      packets_.Close(
          {base::Code::kEnvironment, "the binlog connection was lost, or sent a packet larger than any event"});
      return;
    }
    if (!packets_.Push(std::string(*packet))) return;
  }
}

void DumpConnection::Stop() {
  packets_.Close({base::Code::kStopped, "the binlog stream was stopped"});
  session_->Shutdown();
}

}  // namespace shardlift::binlog
