// The replication stream: the client library carries packets, the commands' bodies are ours.
// Source: MySQL internals manual, COM_BINLOG_DUMP and COM_BINLOG_DUMP_GTID.
#include <fmt/format.h>

#include <limits>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

constexpr int kComBinlogDump = 0x12;
constexpr int kComBinlogDumpGtid = 0x1e;
constexpr std::uint64_t kFlagThroughGtid = 0x04;
constexpr std::uint64_t kFirstEventOffset = 4;
constexpr unsigned char kEof = 0xfe;
constexpr unsigned long kEofBytesMax = 8;
constexpr unsigned long kPacketError = packet_error;  // the library's; an unsigned int in an unsigned long

void Put(std::string* out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out->push_back(static_cast<char>((value >> (8 * i)) & 0xFF));
}

base::Status SendCommand(MYSQL* handle, int command, const std::string& body) {
  // The last-but-one argument: do not wait for an answer; what follows is the stream.
  if (handle->methods->db_command(handle, static_cast<enum_server_command>(command), body.data(), body.size(), 1,
                                  nullptr)) {
    return {base::Code::kEnvironment, "not sent"};
  }
  return base::Ok();
}

}  // namespace

base::Status Session::StartBinlogDump(const FilePosition& start, std::uint32_t server_id) {
  constexpr std::string_view kWhat = "start the binlog stream";
  if (!impl_->alive) return impl_->Gone(kWhat);
  if (start.offset > std::numeric_limits<std::uint32_t>::max()) {
    return {base::Code::kRefused,
            fmt::format("{}: {}: offset {} of {} is beyond 4 GiB, which the protocol cannot name: "
                        "FLUSH BINARY LOGS and start at the next file",
                        endpoint().Text(), kWhat, start.offset, start.file)};
  }
  std::string body;
  Put(&body, start.offset, 4);
  Put(&body, 0, 2);  // flags: block at the end of the binlog
  Put(&body, server_id, 4);
  body += start.file;
  if (!SendCommand(impl_->handle, kComBinlogDump, body).ok()) return impl_->Failure(kWhat, false);
  return base::Ok();
}

base::Status Session::StartBinlogDumpGtid(const GtidSet& executed, std::uint32_t server_id) {
  constexpr std::string_view kWhat = "start the binlog stream";
  if (!impl_->alive) return impl_->Gone(kWhat);
  const std::string set = executed.EncodeForDump();
  std::string body;
  Put(&body, kFlagThroughGtid, 2);
  Put(&body, server_id, 4);
  Put(&body, 0, 4);  // no file name: the server finds the file by the set
  Put(&body, kFirstEventOffset, 8);
  Put(&body, set.size(), 4);
  body += set;
  if (!SendCommand(impl_->handle, kComBinlogDumpGtid, body).ok()) return impl_->Failure(kWhat, false);
  return base::Ok();
}

base::Result<std::string_view> Session::ReadPacket() {
  constexpr std::string_view kWhat = "read the binlog stream";
  if (!impl_->alive) return impl_->Gone(kWhat);
  const unsigned long size = mysql_net_read_packet(impl_->handle);
  if (size == kPacketError || size == 0) {
    base::Status status = impl_->Failure(kWhat, false);
    impl_->alive = false;
    return status;
  }
  const auto* bytes = impl_->handle->net.read_pos;
  if (bytes[0] == kEof && size < kEofBytesMax) {
    impl_->alive = false;
    return base::Status(base::Code::kEnvironment,
                        fmt::format("{}: {}: the server ended the stream", endpoint().Text(), kWhat));
  }
  return std::string_view(reinterpret_cast<const char*>(bytes), size);
}

}  // namespace shardlift::mysql
