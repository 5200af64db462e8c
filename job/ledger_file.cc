#include "job/ledger_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace shardlift::job {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr int kApplicationId = 0x534C4C47;  // "SLLG"
constexpr int kVersion = 1;
constexpr int kBusyMilliseconds = 10'000;

constexpr const char* kSchema = R"(
CREATE TABLE run (id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, mode TEXT NOT NULL, scope TEXT NOT NULL,
  options TEXT NOT NULL, fingerprint TEXT NOT NULL, started INTEGER NOT NULL, ended INTEGER, exit_code INTEGER,
  complete INTEGER NOT NULL DEFAULT 0, resumable INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 1,
  totals TEXT NOT NULL DEFAULT '') STRICT;
CREATE TABLE position (run INTEGER NOT NULL, source TEXT NOT NULL, position TEXT NOT NULL, identity TEXT NOT NULL,
  PRIMARY KEY (run, source)) STRICT, WITHOUT ROWID;
CREATE TABLE table_rows (run INTEGER NOT NULL, origin INTEGER NOT NULL, table_ordinal INTEGER NOT NULL,
  rows INTEGER NOT NULL, rows_kept INTEGER NOT NULL, PRIMARY KEY (run, origin, table_ordinal)) STRICT, WITHOUT ROWID;
CREATE TABLE part (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, origin INTEGER NOT NULL,
  table_ordinal INTEGER NOT NULL, after BLOB NOT NULL, upto BLOB, rows INTEGER NOT NULL, result TEXT NOT NULL,
  seconds REAL NOT NULL, attempt INTEGER NOT NULL, settled INTEGER NOT NULL) STRICT;
CREATE INDEX part_of_run ON part (run);
CREATE TABLE finding (id INTEGER PRIMARY KEY, run INTEGER NOT NULL, part INTEGER, verdict TEXT NOT NULL,
  origin INTEGER NOT NULL, table_ordinal INTEGER NOT NULL, owner_key BLOB NOT NULL, details TEXT NOT NULL) STRICT;
CREATE INDEX finding_of_run ON finding (run, part);
)";

}  // namespace

LedgerFile::~LedgerFile() {
  sqlite3_close(db);
  if (lock_fd >= 0) close(lock_fd);
}

Status LedgerFile::Error(int error, const char* what) const {
  const int primary = error & 0xFF;
  if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB) {
    return {Code::kRefused,
            fmt::format("ledger {}: the file is damaged, or is no ledger: move it away (only the history of earlier "
                        "runs is lost), or name another one with --ledger",
                        path)};
  }
  return {Code::kEnvironment, fmt::format("ledger {}: {}: {}; see to the disk and the file's rights, or name another "
                                          "place with --ledger",
                                          path, what, sqlite3_errstr(error))};
}

Status LedgerFile::Execute(const char* sql, const char* what) {
  const int error = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  return error == SQLITE_OK ? base::Ok() : Error(error, what);
}

Status LedgerFile::Ended(const Prepared& statement, const char* what) const {
  return statement.error() == SQLITE_OK ? base::Ok() : Error(statement.error(), what);
}

Result<std::int64_t> LedgerFile::Pragma(const char* name) {
  Prepared statement(db, fmt::format("PRAGMA {}", name));
  const std::int64_t value = statement.Step() ? statement.TakeNumber() : 0;
  SL_TRY(Ended(statement, "read the file's head"));
  return value;
}

Status LedgerFile::Write(const char* what, const std::function<Status()>& fn) {
  const std::lock_guard guard(mutex);
  SL_TRY(Execute("BEGIN IMMEDIATE", what));
  Status status = fn();
  if (status.ok()) status = Execute("COMMIT", what);
  if (!status.ok()) sqlite3_exec(db, "ROLLBACK", nullptr, nullptr, nullptr);
  return status;
}

Status LedgerFile::OpenFile() {
  // Made here for its mode. It must not be opened and closed beside SQLite: closing any descriptor of a file gives up
  // the locks that the process holds on it.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) close(fd);
  if (fd < 0 && errno != EEXIST) {
    return {Code::kEnvironment,
            fmt::format("ledger {}: cannot be made: {}; name another place with --ledger", path, std::strerror(errno))};
  }
  const int opened = sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, nullptr);
  if (opened != SQLITE_OK) return Error(opened, "open");
  sqlite3_busy_timeout(db, kBusyMilliseconds);
  SL_TRY(CheckFormat());
  if (chmod(path.c_str(), 0600) != 0) {
    return {Code::kEnvironment, fmt::format("ledger {}: its mode cannot be set: {}", path, std::strerror(errno))};
  }
  // A killed process loses nothing that was committed; a machine that loses its power may lose the last parts, which
  // are then compared again.
  return Execute("PRAGMA synchronous = NORMAL", "open");
}

Status LedgerFile::Make() {
  SL_TRY(Execute("PRAGMA journal_mode = WAL", "make the file"));
  return Write("make the file", [&]() -> Status {
    SL_ASSIGN(const std::int64_t made_meanwhile, Pragma("application_id"));
    if (made_meanwhile == kApplicationId) return base::Ok();
    SL_TRY(Execute(kSchema, "make the file"));
    return Execute(
        fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}", kApplicationId, kVersion).c_str(),
        "make the file");
  });
}

Status LedgerFile::CheckFormat() {
  // Before anything is written: a foreign file stays as it is.
  SL_ASSIGN(const std::int64_t pages, Pragma("page_count"));
  if (pages == 0) return Make();
  SL_ASSIGN(const std::int64_t application, Pragma("application_id"));
  if (application != kApplicationId) return Error(SQLITE_NOTADB, "open");
  SL_ASSIGN(const std::int64_t version, Pragma("user_version"));
  if (version != kVersion) {
    return {Code::kRefused,
            fmt::format("ledger {}: its format is version {}, this program knows version {}: use the program that "
                        "wrote it, or name another ledger with --ledger",
                        path, version, kVersion)};
  }
  Prepared check(db, "PRAGMA quick_check(1)");
  const bool sound = check.Step() && check.TakeBytes() == "ok";
  SL_TRY(Ended(check, "check the file"));
  return sound ? base::Ok() : Error(SQLITE_CORRUPT, "check the file");
}

Result<bool> LedgerFile::Lock() {
  const std::lock_guard guard(mutex);
  if (lock_fd >= 0) return true;
  const std::string lock_path = path + ".lock";
  const int fd = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return Status(Code::kEnvironment, fmt::format("{}: cannot be made: {}; name another place with --ledger", lock_path,
                                                  std::strerror(errno)));
  }
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    close(fd);
    return false;
  }
  lock_fd = fd;
  return true;
}

}  // namespace shardlift::job
