#include "mysql/session.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <mysqld_error.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

constexpr unsigned long kPacketBytesMax = 1ul << 30;  // the protocol's own limit
constexpr unsigned kNoSuchThread = 1094;

void InitLibraryOnce() {
  static std::once_flag once;
  std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
}

const char* OrNull(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

void SetOption(MYSQL* handle, mysql_option option, unsigned value) { mysql_options(handle, option, &value); }
void SetFlag(MYSQL* handle, mysql_option option, bool on) {
  const my_bool value = on ? 1 : 0;
  mysql_options(handle, option, &value);
}

// Length of the UTF-8 sequence at the start of `s`, 0 if it is not a valid one (overlong forms and surrogates
// included).
std::size_t Utf8Length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto follows = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2) || (first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

bool IsUtf8(std::string_view s) {
  while (!s.empty()) {
    const std::size_t n = Utf8Length(s);
    if (n == 0) return false;
    s.remove_prefix(n);
  }
  return true;
}

// With a CA the client library checks the certificate's chain, with VERIFY_SERVER_CERT the host name too; so the CA is
// handed over only in the modes that promise a check.
void ConfigureTls(MYSQL* handle, const Endpoint& endpoint, bool tls) {
  if (tls) {
    const bool verify = endpoint.tls == TlsMode::kVerifyCa || endpoint.tls == TlsMode::kVerifyIdentity;
    mysql_ssl_set(handle, OrNull(endpoint.tls_key), OrNull(endpoint.tls_cert),
                  verify ? OrNull(endpoint.tls_ca) : nullptr, nullptr, nullptr);
  }
  SetFlag(handle, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, tls && endpoint.tls == TlsMode::kVerifyIdentity);
  SetFlag(handle, MYSQL_OPT_SSL_ENFORCE, tls);
}

}  // namespace

std::string Endpoint::Text() const {
  return socket.empty() ? fmt::format("{} ({}:{})", name, host, port) : fmt::format("{} ({})", name, socket);
}

Session::Impl::~Impl() {
  // A lost or abandoned connection must not block in the goodbye.
  if (!alive) ShutdownSocket();
  if (handle != nullptr) mysql_close(handle);
  if (socket_copy >= 0) {
    ShutdownSocket();
    close(socket_copy);
  }
}

void Session::Impl::ShutdownSocket() {
  if (socket_copy >= 0) shutdown(socket_copy, SHUT_RDWR);
}

base::Status Session::Impl::Connect(bool tls) {
  handle = mysql_init(nullptr);
  SL_CHECK(handle != nullptr);
  SetOption(handle, MYSQL_OPT_CONNECT_TIMEOUT, static_cast<unsigned>(options.connect_timeout.count()));
  if (options.read_timeout.count() > 0) {
    SetOption(handle, MYSQL_OPT_READ_TIMEOUT, static_cast<unsigned>(options.read_timeout.count()));
    SetOption(handle, MYSQL_OPT_WRITE_TIMEOUT, static_cast<unsigned>(options.read_timeout.count()));
  }
  SetOption(handle, MYSQL_OPT_LOCAL_INFILE, options.local_infile ? 1u : 0u);
  SetOption(handle, MYSQL_OPT_PROTOCOL, endpoint.socket.empty() ? MYSQL_PROTOCOL_TCP : MYSQL_PROTOCOL_SOCKET);
  mysql_options(handle, MYSQL_SET_CHARSET_NAME, "utf8mb4");
  mysql_options(handle, MYSQL_OPT_MAX_ALLOWED_PACKET, &kPacketBytesMax);
  mysql_optionsv(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", "shardlift");
  ConfigureTls(handle, endpoint, tls);
  mysql_set_local_infile_handler(handle, LoadInit, LoadRead, LoadEnd, LoadError, this);

  const bool tcp = endpoint.socket.empty();
  if (mysql_real_connect(handle, tcp ? endpoint.host.c_str() : "localhost", endpoint.user.c_str(),
                         endpoint.password.c_str(), OrNull(options.database), tcp ? endpoint.port : 0,
                         tcp ? nullptr : endpoint.socket.c_str(), 0) == nullptr) {
    base::Status status = Failure("connect", false);
    mysql_close(handle);
    handle = nullptr;
    return status;
  }
  // A server without TLS is accepted silently by the client library; never by us.
  if (tls && mysql_get_ssl_cipher(handle) == nullptr) {
    mysql_close(handle);
    handle = nullptr;
    return ErrorStatus(endpoint, "connect", CR_SSL_CONNECTION_ERROR, "the server does not support TLS", false);
  }
  socket_copy = fcntl(mysql_get_socket(handle), F_DUPFD_CLOEXEC, 0);
  if (socket_copy < 0) {
    mysql_close(handle);
    handle = nullptr;
    return {base::Code::kEnvironment, endpoint.Text() + ": connect: no file descriptor left (raise ulimit -n)"};
  }
  alive = true;
  return base::Ok();
}

base::Status Session::Impl::Failure(std::string_view what, bool sent) {
  const unsigned number = mysql_errno(handle);
  base::Status status = ErrorStatus(endpoint, what, number, mysql_error(handle), sent);
  if (IsConnectionLost(number)) {
    alive = false;
    ShutdownSocket();
  }
  return status;
}

base::Status Session::Impl::Gone(std::string_view what) const {
  return base::Status(base::Code::kEnvironment,
                      fmt::format("{}: {}: the connection was lost before this step", endpoint.Text(), what))
      .WithServerErrno(CR_SERVER_GONE_ERROR);
}

base::Status Session::Impl::Send(std::string_view sql, std::string_view what) {
  if (!alive) return Gone(what);
  if (mysql_real_query(handle, sql.data(), sql.size()) != 0) return Failure(what, true);
  return base::Ok();
}

base::Status Session::Impl::FinishResults(std::string_view what) {
  while (mysql_more_results(handle)) {
    const int next = mysql_next_result(handle);
    if (next > 0) return Failure(what, true);
    if (next < 0) break;
    if (MYSQL_RES* result = mysql_use_result(handle); result != nullptr) mysql_free_result(result);
  }
  return base::Ok();
}

base::Result<std::unique_ptr<Session>> Session::Open(const Endpoint& endpoint, const SessionOptions& options) {
  InitLibraryOnce();
  auto impl = std::make_unique<Impl>();
  impl->endpoint = endpoint;
  impl->options = options;
  // A unix socket never leaves the machine: "preferred" does not ask for TLS there.
  const bool try_tls =
      endpoint.tls != TlsMode::kDisabled && (endpoint.tls != TlsMode::kPreferred || endpoint.socket.empty());
  if ((endpoint.tls == TlsMode::kVerifyCa || endpoint.tls == TlsMode::kVerifyIdentity) && endpoint.tls_ca.empty()) {
    return base::Status(base::Code::kUsage, endpoint.Text() + ": tls verify-ca and verify-identity need tls_ca");
  }
  base::Status status = impl->Connect(try_tls);
  if (!status.ok() && try_tls && endpoint.tls == TlsMode::kPreferred &&
      status.server_errno() == CR_SSL_CONNECTION_ERROR) {
    status = impl->Connect(false);
  }
  SL_TRY(status);
  std::unique_ptr<Session> session(new Session(std::move(impl)));
  SL_TRY(PinSettings(*session, session->impl_.get()));
  return session;
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

Flavour Session::flavour() const { return impl_->flavour; }
const std::string& Session::server_version() const { return impl_->server_version; }
std::uint64_t Session::connection_id() const { return impl_->connection_id; }
const Endpoint& Session::endpoint() const { return impl_->endpoint; }
bool Session::alive() const { return impl_->alive; }

base::Status Session::Execute(std::string_view sql, std::string_view what) { return ExecuteCount(sql, what).status(); }

base::Result<std::uint64_t> Session::ExecuteCount(std::string_view sql, std::string_view what) {
  SL_TRY(impl_->Send(sql, what));
  std::uint64_t count = mysql_affected_rows(impl_->handle);
  if (mysql_field_count(impl_->handle) > 0) {
    MYSQL_RES* result = mysql_store_result(impl_->handle);
    if (result == nullptr) return impl_->Failure(what, true);
    count = 0;
    mysql_free_result(result);
  }
  SL_TRY(impl_->FinishResults(what));
  return count;
}

base::Result<Rows> Session::Query(std::string_view sql, std::string_view what) {
  SL_TRY(impl_->Send(sql, what));
  MYSQL_RES* result = mysql_store_result(impl_->handle);
  Rows out;
  if (result == nullptr) {
    if (mysql_field_count(impl_->handle) > 0) return impl_->Failure(what, true);
    return out;
  }
  const unsigned fields = mysql_num_fields(result);
  for (unsigned i = 0; i < fields; ++i) out.columns.emplace_back(mysql_fetch_fields(result)[i].name);
  while (MYSQL_ROW row = mysql_fetch_row(result)) {
    const unsigned long* lengths = mysql_fetch_lengths(result);
    auto& copy = out.rows.emplace_back(fields);
    for (unsigned i = 0; i < fields; ++i) {
      if (row[i] != nullptr) copy[i].emplace(row[i], lengths[i]);
    }
  }
  mysql_free_result(result);
  SL_TRY(impl_->FinishResults(what));
  return out;
}

base::Result<std::string> Rows::Single() const {
  if (rows.size() != 1 || rows[0].size() != 1 || !rows[0][0]) {
    return base::Status(base::Code::kInternal,
                        fmt::format("expected one value, the server sent {} rows of {} columns{}", rows.size(),
                                    columns.size(), rows.size() == 1 && rows[0].size() == 1 ? " (NULL)" : ""));
  }
  return *rows[0][0];
}

base::Status Session::Kill(std::uint64_t connection_id) {
  base::Status status =
      Execute(fmt::format("KILL {}", connection_id), fmt::format("kill connection {}", connection_id));
  return status.server_errno() == kNoSuchThread ? base::Ok() : status;
}

void Session::Shutdown() { impl_->ShutdownSocket(); }

std::string Session::Quote(std::string_view text) const {
  // No byte of a multi-byte utf8mb4 character is one of those escaped here, so bytes can be taken one by one. Bytes
  // that are not UTF-8 are sent as a binary string: the server would refuse or alter them in a utf8mb4 literal.
  std::string out = IsUtf8(text) ? "'" : "_binary'";
  out.reserve(text.size() + text.size() / 8 + 10);
  for (const char c : text) {
    switch (c) {
      case '\0': out += "\\0"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\x1a': out += "\\Z"; break;
      case '\\': out += "\\\\"; break;
      case '\'': out += "\\'"; break;
      case '"': out += "\\\""; break;
      default: out.push_back(c);
    }
  }
  out.push_back('\'');
  return out;
}

std::string HexLiteral(std::string_view bytes) {
  if (bytes.empty()) return "''";
  std::string out = "0x";
  out.reserve(2 + bytes.size() * 2);
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    out.push_back("0123456789abcdef"[b >> 4]);
    out.push_back("0123456789abcdef"[b & 15]);
  }
  return out;
}

}  // namespace shardlift::mysql
