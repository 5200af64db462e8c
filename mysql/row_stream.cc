#include <fmt/format.h>

#include "mysql/session_impl.h"

namespace shardlift::mysql {
namespace {

// An abandoned stream reads on for this much to save the connection; beyond it, closing is cheaper.
constexpr std::size_t kDrainRowsMax = 1000;
constexpr std::size_t kDrainBytesMax = 1u << 20;

}  // namespace

base::Result<std::unique_ptr<RowStream>> Session::OpenStream(std::string_view sql, std::string_view what) {
  SL_TRY(impl_->Send(sql, what));
  MYSQL_RES* result = mysql_use_result(impl_->handle);
  if (result == nullptr) {
    if (mysql_errno(impl_->handle) != 0) return impl_->Failure(what, true);
    return base::Status(base::Code::kInternal,
                        fmt::format("{}: {}: the statement has no result", endpoint().Text(), what),
                        base::Effect::kApplied);
  }
  std::unique_ptr<RowStream> stream(new RowStream());
  stream->session_ = this;
  stream->result_ = result;
  stream->what_ = what;
  stream->row_.resize(mysql_num_fields(result));
  return stream;
}

RowStream::~RowStream() {
  auto* result = static_cast<MYSQL_RES*>(result_);
  if (result == nullptr) return;
  Session::Impl& impl = *session_->impl_;
  std::size_t rows = 0;
  std::size_t bytes = 0;
  bool more = impl.alive;
  while (more && rows < kDrainRowsMax && bytes < kDrainBytesMax) {
    more = mysql_fetch_row(result) != nullptr;
    const unsigned long* lengths = more ? mysql_fetch_lengths(result) : nullptr;
    for (std::size_t i = 0; lengths != nullptr && i < row_.size(); ++i) bytes += lengths[i];
    ++rows;
  }
  // Freeing an unfinished result reads it to its end; without a socket that end comes at once.
  if (more || mysql_errno(impl.handle) != 0) {
    impl.alive = false;
    impl.ShutdownSocket();
  }
  mysql_free_result(result);
}

base::Result<bool> RowStream::Next() {
  auto* result = static_cast<MYSQL_RES*>(result_);
  if (result == nullptr) return false;
  MYSQL_ROW row = mysql_fetch_row(result);
  if (row == nullptr) {
    Session::Impl& impl = *session_->impl_;
    base::Status status;
    if (mysql_errno(impl.handle) != 0) {
      status = impl.Failure(what_, true);
    }
    mysql_free_result(result);
    result_ = nullptr;
    if (status.ok()) status = impl.FinishResults(what_);
    SL_TRY(status);
    return false;
  }
  const unsigned long* lengths = mysql_fetch_lengths(result);
  for (std::size_t i = 0; i < row_.size(); ++i) {
    if (row[i] == nullptr) {
      row_[i].reset();
    } else {
      row_[i].emplace(row[i], lengths[i]);
    }
  }
  return true;
}

std::size_t RowStream::columns() const { return row_.size(); }

}  // namespace shardlift::mysql
