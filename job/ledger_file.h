// LedgerFile: the ledger's SQLite database: opened and checked, written in transactions; and its prepared statements.
//
// The only header, with the sources of the ledger, that sees SQLite. Thread rules: `mutex` is for whoever uses `db`.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "base/status.h"

namespace shardlift::job {

// One prepared statement; binds in order, reads columns in order.
class Prepared {
 public:
  Prepared(sqlite3* db, const std::string& sql) {
    error_ = sqlite3_prepare_v2(db, sql.c_str(), static_cast<int>(sql.size()), &statement_, nullptr);
  }
  ~Prepared() { sqlite3_finalize(statement_); }
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;

  Prepared& Text(std::string_view value) {
    return Bound(sqlite3_bind_text(statement_, ++bound_, value.data() == nullptr ? "" : value.data(),
                                   static_cast<int>(value.size()), SQLITE_TRANSIENT));
  }
  Prepared& Blob(std::string_view value) {
    return Bound(sqlite3_bind_blob(statement_, ++bound_, value.data() == nullptr ? "" : value.data(),
                                   static_cast<int>(value.size()), SQLITE_TRANSIENT));
  }
  Prepared& Number(std::int64_t value) { return Bound(sqlite3_bind_int64(statement_, ++bound_, value)); }
  Prepared& Count(std::uint64_t value) { return Number(static_cast<std::int64_t>(value)); }
  Prepared& Real(double value) { return Bound(sqlite3_bind_double(statement_, ++bound_, value)); }
  Prepared& Null() { return Bound(sqlite3_bind_null(statement_, ++bound_)); }

  // True while there is a row.
  bool Step() {
    if (error_ != SQLITE_OK) return false;
    read_ = 0;
    const int step = sqlite3_step(statement_);
    if (step != SQLITE_ROW && step != SQLITE_DONE) error_ = step;
    return step == SQLITE_ROW;
  }
  int error() const { return error_; }

  bool NextIsNull() const { return sqlite3_column_type(statement_, read_) == SQLITE_NULL; }
  std::int64_t TakeNumber() { return sqlite3_column_int64(statement_, read_++); }
  std::uint32_t TakeId() { return static_cast<std::uint32_t>(TakeNumber()); }
  std::uint64_t TakeCount() { return static_cast<std::uint64_t>(TakeNumber()); }
  double TakeReal() { return sqlite3_column_double(statement_, read_++); }
  std::string TakeBytes() {
    const void* const bytes = sqlite3_column_blob(statement_, read_);
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, read_++));
    return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
  }

 private:
  Prepared& Bound(int error) {
    if (error_ == SQLITE_OK) error_ = error;
    return *this;
  }
  sqlite3_stmt* statement_ = nullptr;
  int error_ = SQLITE_OK;
  int bound_ = 0;
  int read_ = 0;
};

struct LedgerFile {
  std::string path;
  sqlite3* db = nullptr;
  int lock_fd = -1;
  std::mutex mutex;

  LedgerFile() = default;
  ~LedgerFile();
  LedgerFile(const LedgerFile&) = delete;
  LedgerFile& operator=(const LedgerFile&) = delete;

  // Makes the file when it is not there; checks what is.
  base::Status OpenFile();
  base::Result<bool> Lock();
  base::Status Error(int error, const char* what) const;
  base::Status Execute(const char* sql, const char* what);
  // The statement has been stepped to its end.
  base::Status Ended(const Prepared& statement, const char* what) const;
  // Runs `fn` in a transaction.
  base::Status Write(const char* what, const std::function<base::Status()>& fn);

 private:
  base::Result<std::int64_t> Pragma(const char* name);
  base::Status Make();
  base::Status CheckFormat();
};

}  // namespace shardlift::job
