// Loopback ports of throw-away servers.
#pragma once

#include <cstdint>

#include "base/status.h"

namespace shardlift::rehearse {

// A port nobody listens on now, outside the range the system gives to outgoing connections, so that a killed server's
// port stays free. Another process may take it before it is used: retry with another one then.
base::Result<std::uint16_t> FreePort();

// True once a server greets on the port: its init file has run by then, and logins work.
bool Greets(std::uint16_t port);

}  // namespace shardlift::rehearse
