// DumpConnection: one connection that receives a server's binlog, with the thread that reads it.
// Thread rules: Open and the queue's Pop on one thread; Stop from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "base/status.h"
#include "binlog/packet_queue.h"
#include "mysql/maria_gtid.h"
#include "mysql/position.h"
#include "mysql/session.h"

namespace shardlift::binlog {

struct DumpOptions {
  mysql::Endpoint endpoint;
  std::uint32_t server_id = 0;  // of this reader as a replica; must be unique among the source's replicas
  std::chrono::milliseconds heartbeat{1000};
  std::chrono::seconds silent_deadline{30};  // nothing heard, no heartbeat either: the connection is lost
  std::uint64_t queue_bytes_max = 16ull << 20;
};

class DumpConnection {
 public:
  // Logs in and learns whose binlog it would be; nothing is sent yet. kEnvironment: the server cannot be reached now.
  static base::Result<std::unique_ptr<DumpConnection>> Open(const DumpOptions& options);
  ~DumpConnection();

  mysql::Flavour flavour() const { return session_->flavour(); }
  // MySQL: server_uuid. MariaDB: server_id; it has nothing better in 10.11.
  const std::string& server() const { return server_; }
  // Events before the first format description carry a checksum.
  bool checksum() const { return checksum_; }
  // The transactions the server has executed, or is about to: their events may be sent before they count as executed.
  // MySQL only.
  base::Result<mysql::GtidSet> Executed();

  // Asks for the binlog; from here on packets come. What is not in the set: MySQL only. What follows the transactions:
  // MariaDB only; it tells file and offset itself.
  base::Status Start(const mysql::GtidSet& executed);
  base::Status Start(const mysql::MariaGtidSet& passed);
  base::Status Start(const mysql::FilePosition& position);
  // Closed with the reason when the connection ends. kRefused: the server will not send this.
  PacketQueue& packets() { return packets_; }
  void Stop();

 private:
  DumpConnection(const DumpOptions& options, std::unique_ptr<mysql::Session> session);
  base::Status Announce();
  void StartReading();
  void ReadPackets();

  const DumpOptions options_;
  std::unique_ptr<mysql::Session> session_;
  std::string server_;
  bool checksum_ = false;
  PacketQueue packets_;
  std::thread thread_;
};

}  // namespace shardlift::binlog
