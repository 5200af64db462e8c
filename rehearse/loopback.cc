#include "rehearse/loopback.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <random>

namespace shardlift::rehearse {

base::Result<std::uint16_t> FreePort() {
  static std::mt19937 random(std::random_device{}());
  for (int attempt = 0; attempt < 200; ++attempt) {
    const auto port = static_cast<std::uint16_t>(std::uniform_int_distribution<int>(15000, 32000)(random));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) break;
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int rc = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    close(fd);
    if (rc == 0) return port;
  }
  return base::Status(base::Code::kEnvironment, "no free loopback port between 15000 and 32000");
}

bool Greets(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const timeval timeout{0, 200000};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool greeted = false;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    std::array<unsigned char, 5> head{};
    // Length 3, sequence 1, then protocol version 10; 0xFF is an error packet.
    greeted = recv(fd, head.data(), head.size(), MSG_WAITALL) == 5 && head[4] == 10;
  }
  close(fd);
  return greeted;
}

}  // namespace shardlift::rehearse
