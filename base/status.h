// Status and Result: how every fallible function of shardlift reports its outcome.
//
// Use them for anything that can fail for a reason outside the program (servers, files, user input).
// Use SL_CHECK (base/check.h) for broken invariants of our own. No function of ours throws; a library that
// throws is wrapped in one source file that turns its exceptions into a Status.
//
// A Status carries three things:
//   code     what kind of failure it is; decides the exit code of a command (ExitCodeOf).
//   effect   whether the failed operation took effect on the server. Only kNotApplied may be retried blindly;
//            kUnknown (connection lost in COMMIT) is settled by reading the lane's checkpoint, nowhere else.
//   message  one sentence that names the place and the remedy, never user data.
// Context frames are added on the way up, outermost last: "shard s1: lane 0: COMMIT: ...".
//
// Thread rules: values, no shared state; safe to move between threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "base/check.h"

namespace shardlift::base {

enum class Code : std::uint8_t {
  kOk,
  kFindings,     // the work is done and found differences, conflicts or dead letters: exit 1
  kUsage,        // bad flags or bad configuration: exit 2
  kEnvironment,  // a server, the network or the disk failed; a retry may help: exit 3
  kRefused,      // going on would not be safe: exit 4
  kStopped,      // asked to stop (signal, end of the window) with work left: exit 5
  kDuplicate,    // a unique key clashed (server error 1062); handled by the lane, never an exit by itself
  kBadValue,     // one row's value cannot be represented in the target
  kCorrupt,      // bytes that cannot be what they claim to be: exit 1 for files, 4 in a running job
  kInternal,     // a broken promise of our own: exit 70
};

enum class Effect : std::uint8_t { kNotApplied, kApplied, kUnknown };

class [[nodiscard]] Status {
 public:
  Status() = default;  // ok
  Status(Code code, std::string message, Effect effect = Effect::kNotApplied)
      : code_(code), effect_(effect), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  Effect effect() const { return effect_; }
  const std::string& message() const { return message_; }
  // The server's error number, 0 if the failure did not come from a server.
  unsigned server_errno() const { return server_errno_; }

  Status& WithServerErrno(unsigned number) {
    server_errno_ = number;
    return *this;
  }
  Status& WithEffect(Effect effect) {
    effect_ = effect;
    return *this;
  }
  // Puts "frame: " in front of the message. A no-op on ok.
  Status& WithContext(std::string_view frame);

 private:
  Code code_ = Code::kOk;
  Effect effect_ = Effect::kNotApplied;
  unsigned server_errno_ = 0;
  std::string message_;
};

inline Status Ok() { return {}; }

// The documented exit code of a command that ends with this status (the table in docs/runbook.md).
int ExitCodeOf(const Status& status);
std::string_view CodeName(Code code);

// Either a T or a failed Status. Shaped like std::expected<T, Status>.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}        // NOLINT(google-explicit-constructor)
  Result(Status status) : v_(std::in_place_index<1>, std::move(status)) {  // NOLINT(google-explicit-constructor)
    SL_CHECK(!std::get<1>(v_).ok());
  }
  bool ok() const { return v_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() & {
    SL_CHECK(ok());
    return std::get<0>(v_);
  }
  const T& value() const& {
    SL_CHECK(ok());
    return std::get<0>(v_);
  }
  T&& value() && {
    SL_CHECK(ok());
    return std::get<0>(std::move(v_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  Status status() const { return ok() ? Status() : std::get<1>(v_); }

 private:
  std::variant<T, Status> v_;
};

}  // namespace shardlift::base

#define SL_CONCAT_INNER(a, b) a##b
#define SL_CONCAT(a, b) SL_CONCAT_INNER(a, b)

// Returns from the calling function when `expr` (a Status) is not ok.
#define SL_TRY(expr)                                                                     \
  do {                                                                                   \
    if (::shardlift::base::Status sl_status = (expr); !sl_status.ok()) return sl_status; \
  } while (false)

// SL_ASSIGN(auto rows, session.Query(...)): declares, or returns the failed status.
#define SL_ASSIGN(decl, expr) SL_ASSIGN_INNER(SL_CONCAT(sl_result_, __LINE__), decl, expr)
#define SL_ASSIGN_INNER(tmp, decl, expr) \
  auto tmp = (expr);                     \
  if (!tmp.ok()) return tmp.status();    \
  decl = std::move(tmp).value()
