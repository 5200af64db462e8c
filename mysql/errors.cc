// Server and client error numbers -> Status. The only place that decides their class.
//
// Server texts may quote values ("Duplicate entry '...'"), so a text is kept only for errors known to name nothing but
// users, hosts, schemas, tables, columns, settings and positions.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

constexpr unsigned kClientFirst = 2000;  // errors of the client library itself: 2000..2999 and 5000..5999
constexpr unsigned kClientLast = 2999;

constexpr unsigned kSafeText[] = {
    1007, 1008, 1040, 1044, 1045, 1046, 1048, 1049, 1050, 1051, 1053, 1054, 1060, 1061, 1072, 1091, 1115,
    1128, 1129, 1130, 1136, 1141, 1142, 1143, 1146, 1148, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1193,
    1203, 1205, 1213, 1226, 1227, 1236, 1251, 1273, 1286, 1290, 1317, 1364, 1381, 1396, 1410, 1419, 1524,
    1698, 1794, 1820, 1836, 1862, 1927, 3024, 3118, 3159, 3169, 3948, 3955, 4031, 4166, 4151,
};

constexpr std::pair<unsigned, std::string_view> kNames[] = {
    {1021, "ER_DISK_FULL"},
    {1022, "ER_DUP_KEY"},
    {1030, "ER_GET_ERRNO"},
    {1062, "ER_DUP_ENTRY"},
    {1064, "ER_PARSE_ERROR"},
    {1114, "ER_RECORD_FILE_FULL"},
    {1180, "ER_ERROR_DURING_COMMIT"},
    {1231, "ER_WRONG_VALUE_FOR_VAR"},
    {1264, "ER_WARN_DATA_OUT_OF_RANGE"},
    {1265, "WARN_DATA_TRUNCATED"},
    {1292, "ER_TRUNCATED_WRONG_VALUE"},
    {1300, "ER_INVALID_CHARACTER_STRING"},
    {1305, "ER_SP_DOES_NOT_EXIST"},
    {1365, "ER_DIVISION_BY_ZERO"},
    {1366, "ER_TRUNCATED_WRONG_VALUE_FOR_FIELD"},
    {1406, "ER_DATA_TOO_LONG"},
    {1411, "ER_WRONG_VALUE_FOR_TYPE"},
    {1451, "ER_ROW_IS_REFERENCED_2"},
    {1452, "ER_NO_REFERENCED_ROW_2"},
    {1526, "ER_NO_PARTITION_FOR_GIVEN_VALUE"},
    {1586, "ER_DUP_ENTRY_WITH_KEY_NAME"},
    {1690, "ER_DATA_OUT_OF_RANGE"},
    {3140, "ER_INVALID_JSON_TEXT"},
    {3819, "ER_CHECK_CONSTRAINT_VIOLATED"},
    {3854, "ER_CANNOT_CONVERT_STRING"},
    {4025, "ER_CONSTRAINT_FAILED"},
};

bool IsClientError(unsigned number) { return (number >= kClientFirst && number <= kClientLast) || number >= 5000; }

template <std::size_t N>
bool IsOneOf(unsigned number, const unsigned (&list)[N]) {
  return std::find(std::begin(list), std::end(list), number) != std::end(list);
}

bool IsTransient(unsigned number) {
  // Nothing was done: too many connections, blocked host, lock wait, deadlock, killed or timed-out statement.
  constexpr unsigned kTransient[] = {1040, 1129, 1203, 1205, 1213, 1226, 1317, 1969, 3024};
  return IsOneOf(number, kTransient);
}

bool IsUsage(unsigned number) {
  // Access denied in its forms, unknown database, no matching or loadable authentication plugin, TLS demanded.
  constexpr unsigned kUsageErrors[] = {1044, 1045, 1049, 1130, 1142, 1143, 1227, 1251, 1524,
                                       1698, 1820, 1862, 2058, 2059, 3118, 3159, 3955, 4151};
  return IsOneOf(number, kUsageErrors);
}

// Certificate problems and missing TLS support do not heal by themselves; other TLS failures may.
bool IsTlsConfiguration(unsigned number, std::string_view text) {
  if (number != 2026) return false;
  return text.find("certificate") != std::string_view::npos || text.find("support") != std::string_view::npos ||
         text.find("required") != std::string_view::npos;
}

std::string_view Remedy(unsigned number) {
  switch (number) {
    case 1045:
    case 1698: return " (check user and password_file / password_env of this connection)";
    case 1049: return " (check the database name, or create it)";
    case 1148:
    case 3948:
    case 4166: return " (LOAD DATA LOCAL is off on the server: SET GLOBAL local_infile = ON)";
    case 1153:
    case 2020: return " (raise max_allowed_packet on the server, or lower the batch size)";
    case 2002:
    case 2003: return " (check that the server runs and that host, port or socket are right)";
    case 2026: return " (check tls, tls_ca, tls_cert and tls_key of this connection)";
    default: return "";
  }
}

}  // namespace

bool IsConnectionLost(unsigned number) {
  constexpr unsigned kLost[] = {1053, 1152, 1153, 1154, 1155, 1156, 1157, 1158, 1159, 1160, 1161,
                                1184, 1927, 2006, 2013, 2014, 2020, 2026, 2027, 2055, 3169, 4031};
  return IsOneOf(number, kLost);
}

base::Status ErrorStatus(const Endpoint& endpoint, std::string_view what, unsigned number, std::string_view server_text,
                         bool sent) {
  const bool client = IsClientError(number);
  std::string detail;
  if (client || IsOneOf(number, kSafeText)) {
    detail = fmt::format(": {}", server_text);
  } else {
    const auto* name =
        std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& n) { return n.first == number; });
    if (name != std::end(kNames)) detail = fmt::format(" ({})", name->second);
  }
  std::string message = fmt::format("{}: {}: {} error {}{}{}", endpoint.Text(), what, client ? "client" : "server",
                                    number, detail, Remedy(number));
  base::Code code = base::Code::kRefused;
  base::Effect effect = base::Effect::kNotApplied;
  if (number == 1062 || number == 1586) {
    code = base::Code::kDuplicate;
  } else if (number == 1153 || number == 2020) {
    code = base::Code::kRefused;  // the packet is too large today and tomorrow
  } else if (IsUsage(number) || IsTlsConfiguration(number, server_text)) {
    code = base::Code::kUsage;
  } else if (IsConnectionLost(number)) {
    code = base::Code::kEnvironment;
    if (sent) effect = base::Effect::kUnknown;
  } else if (IsTransient(number) || (client && !sent)) {
    code = base::Code::kEnvironment;
  } else if (client) {
    code = base::Code::kEnvironment;
    effect = base::Effect::kUnknown;
  } else if (number == 1180) {
    effect = base::Effect::kUnknown;
  }
  return base::Status(code, std::move(message), effect).WithServerErrno(number);
}

}  // namespace shardlift::mysql
