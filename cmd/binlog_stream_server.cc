// `shardlift binlog stream --source NAME`: follows a live server.
#include <fmt/format.h>

#include <cstdio>
#include <random>
#include <thread>

#include "binlog/stream.h"
#include "cmd/binlog_stream.h"

namespace shardlift::cmd {

using base::Code;
using base::Result;
using base::Status;
using namespace std::chrono_literals;

namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kFlushEvery = 10ms;    // what a quiet server writes is shown after this time at most
constexpr auto kQuietFor = 2500ms;    // more than two heartbeats
constexpr auto kPositionEvery = 10s;  // while nothing that is shown is committed

// Streams may run side by side, and beside other readers of the job: each is a replica of its own.
std::uint32_t RandomServerId() { return 0x40000000u | (std::random_device()() & 0x3fffffffu); }

class ServerStream {
 public:
  ServerStream(const NamedSource& source, const StreamRequest& request, LineWriter& out)
      : source_(source), request_(request), out_(out), writer_(request, out) {}

  Status Run() {
    SL_TRY(LookAtServer());
    SL_TRY(Open());
    Status status = Follow();
    // What was read before a failure is a whole number of transactions, unless writing failed itself.
    if (status.ok() || status.code() == Code::kStopped) SL_TRY(WritePosition());
    return status;
  }

 private:
  Status LookAtServer();
  Status Open();
  Status Stopped() const;
  Status Follow();
  Status Group(const binlog::CommitGroup& group);
  Status Inside(const Status& why) const;
  Status WritePosition();
  void SayConnection();
  bool HasReachedGoal();
  std::string Position() const;
  Result<const mysql::TableSchema*> FindSchema(const binlog::TableMapName& name, const mysql::FilePosition& place,
                                               bool has_names);
  Status ReadStatements(const mysql::FilePosition& from);
  binlog::StreamOptions Options() const;

  const NamedSource& source_;
  const StreamRequest& request_;
  LineWriter& out_;
  TransactionWriter writer_;
  std::unique_ptr<LiveSchemas> schemas_;
  bool statements_read_ = false;
  mysql::Flavour flavour_ = mysql::Flavour::kMySql;
  mysql::FilePosition end_at_start_;
  std::optional<mysql::GtidSet> executed_at_start_;  // MySQL with GTIDs
  bool by_gtid_ = false;                             // positions are GTID sets
  std::unique_ptr<binlog::GroupStream> stream_;
  std::optional<Clock::time_point> quiet_since_;
  bool first_group_ = true;
  bool lost_ = false;
};

// Where the server stands now, and whether the position to begin at can be one of it.
Status ServerStream::LookAtServer() {
  SL_ASSIGN(schemas_, LiveSchemas::Open(source_));
  mysql::Session& session = schemas_->session();
  flavour_ = session.flavour();
  const std::string where = source_.config.endpoint.Text();
  SL_ASSIGN(end_at_start_, ReadWritePosition(session));
  if (const auto* place = std::get_if<StreamPlace>(&request_.from); place && end_at_start_ < place->after) {
    return {
        Code::kRefused,
        fmt::format("--from: {}:{} lies behind the end of the binlog of {}, {}:{}: it is a place of another server, "
                    "or this one has lost transactions",
                    place->after.file, place->after.offset, where, end_at_start_.file, end_at_start_.offset)};
  }
  const auto wrong = [&](std::string_view what) {
    return Status(Code::kUsage,
                  fmt::format("--from: these are GTIDs of {}, {} is {}", what, where, mysql::FlavourName(flavour_)));
  };
  if (flavour_ == mysql::Flavour::kMariaDb) {
    return std::holds_alternative<mysql::GtidSet>(request_.from) ? wrong("MySQL") : base::Ok();
  }
  if (std::holds_alternative<mysql::MariaGtidSet>(request_.from)) return wrong("MariaDB");
  SL_ASSIGN(const mysql::Rows mode, session.Query("SELECT @@GLOBAL.gtid_mode", "read gtid_mode"));
  SL_ASSIGN(const std::string gtid_mode, mode.Single());
  if (gtid_mode == "ON") {
    SL_ASSIGN(const mysql::SourcePosition executed, mysql::ReadUpperBound(session));
    executed_at_start_ = executed.gtid_set();
  }
  const auto* const seen = std::get_if<mysql::GtidSet>(&request_.from);
  if (seen == nullptr) return base::Ok();
  if (!executed_at_start_) {
    return {Code::kUsage, fmt::format("--from: gtid_mode is {} on {}; write FILE:OFFSET", gtid_mode, where)};
  }
  mysql::GtidSet unknown = *seen;
  unknown.Subtract(*executed_at_start_);
  if (unknown.empty()) return base::Ok();
  return {Code::kRefused, fmt::format("--from: {} has not executed {}: it is another server, or has lost transactions",
                                      where, unknown.ToText())};
}

binlog::StreamOptions ServerStream::Options() const {
  binlog::StreamOptions options;
  options.endpoint = source_.config.endpoint;
  options.server_id = RandomServerId();
  options.reconnect_for = source_.patience;
  return options;
}

Status ServerStream::Open() {
  binlog::StreamOptions options = Options();
  options.describe = [this](std::string_view schema, std::string_view table) {
    return request_.tables.Match(schema, table);
  };
  options.known_schema = [this](const binlog::TableMapName& name, const mysql::FilePosition& place, bool has_names) {
    return FindSchema(name, place, has_names);
  };
  options.on_described = [this](const binlog::DescribedTable& table) { schemas_->Report(table); };
  if (const auto* place = std::get_if<StreamPlace>(&request_.from)) {
    options.start = place->since;
  } else if (const auto* seen = std::get_if<mysql::MariaGtidSet>(&request_.from)) {
    options.start = *seen;
  } else if (const auto* set = std::get_if<mysql::GtidSet>(&request_.from)) {
    options.start = mysql::SourcePosition::FromGtidSet(*set);
    by_gtid_ = true;
  } else if (executed_at_start_) {
    options.start = mysql::SourcePosition::FromGtidSet(*executed_at_start_);
    by_gtid_ = true;
  } else {
    options.start = end_at_start_;
  }
  SL_ASSIGN(stream_, binlog::GroupStream::Open(options));
  return base::Ok();
}

// Without a goal there is nothing left to do.
Status ServerStream::Stopped() const {
  if (!request_.until_now) return base::Ok();
  return {Code::kStopped, "stopped before the place where the server's binlog ended at the start"};
}

Status ServerStream::Follow() {
  auto flushed_at = Clock::now();
  auto position_at = flushed_at + kPositionEvery;
  for (;;) {
    if (request_.MustStop()) return Stopped();
    if (request_.until_now && HasReachedGoal()) return base::Ok();
    const Result<binlog::StreamItem> item = stream_->Next(kFlushEvery);
    if (!item.ok() && item.status().code() == Code::kStopped && request_.MustStop()) return Stopped();
    if (!item.ok() && item.status().code() == Code::kCorrupt && first_group_) return Inside(item.status());
    if (!item.ok()) return item.status();
    SayConnection();
    if (item->group) SL_TRY(Group(*item->group));
    const auto now = Clock::now();
    if (now >= position_at) {
      SL_TRY(WritePosition());
      position_at = now + kPositionEvery;
    }
    if (item->group && now - flushed_at < kFlushEvery) continue;
    SL_TRY(out_.Flush());
    if (LineWriter::ReaderIsGone()) return {Code::kEnvironment, "nobody reads standard output any more"};
    flushed_at = now;
  }
}

// `why`: what cannot be read there.
Status ServerStream::Inside(const Status& why) const {
  const auto* const place = std::get_if<StreamPlace>(&request_.from);
  if (place == nullptr) return why;
  return {Code::kUsage, fmt::format("--from {} lies inside a transaction; write the place between two{}{}",
                                    place->after == place->since ? StreamPlaceText(place->after, {})
                                                                 : StreamPlaceText(place->after, place->since),
                                    why.ok() ? "" : ": ", why.message())};
}

Status ServerStream::Group(const binlog::CommitGroup& group) {
  const auto* const place = std::get_if<StreamPlace>(&request_.from);
  // Servers begin each transaction with an event of its GTID, also of an anonymous one.
  if (place != nullptr && first_group_ && !group.has_gtid_event) return Inside(base::Ok());
  first_group_ = false;
  if (place == nullptr || place->after < group.end) {
    if (place != nullptr && group.begin < place->after) return Inside(base::Ok());
    SL_TRY(writer_.Group(group));
    SL_TRY(writer_.Position(group, Position()));
  }
  return schemas_->Passed(group).WithContext(fmt::format("{}:{}", group.begin.file, group.begin.offset));
}

Status ServerStream::WritePosition() {
  // Before the first event MySQL tells no file, and MariaDB none before the first transaction behind GTIDs.
  if (!by_gtid_ && stream_->file_position().file.empty()) return base::Ok();
  return writer_.Position(stream_->file_position(), Position());
}

std::string ServerStream::Position() const {
  if (!request_.positions) return {};
  if (by_gtid_) return stream_->SafePosition().gtid_set().ToText();
  return StreamPlaceText(stream_->file_position(), stream_->OldestPrepareBegin());
}

// A server that has nothing more to send for a while is at its end too. One heartbeat does not say that: MySQL sends
// one behind transactions that it passes over.
bool ServerStream::HasReachedGoal() {
  const auto now = Clock::now();
  if (!stream_->at_end()) {
    quiet_since_.reset();
  } else if (!quiet_since_) {
    quiet_since_ = now;
  } else if (now - *quiet_since_ >= kQuietFor) {
    return true;
  }
  if (by_gtid_) return stream_->position().gtid_set().Contains(*executed_at_start_);
  const mysql::FilePosition& place = stream_->file_position();
  return !place.file.empty() && !(place < end_at_start_);
}

void ServerStream::SayConnection() {
  const Status lost = stream_->lost();
  if (lost.ok() != lost_) return;
  lost_ = !lost_;
  const std::string& name = source_.config.endpoint.name;
  if (lost_) {
    fmt::print(stderr, "shardlift: source {} is lost, trying again for {} s: {}\n", name, source_.patience.count(),
               lost.message());
  } else {
    fmt::print(stderr, "shardlift: source {} is back\n", name);
  }
}

// What an event names itself is asked of MariaDB only, for its types that look like BINARY.
Result<const mysql::TableSchema*> ServerStream::FindSchema(const binlog::TableMapName& name,
                                                           const mysql::FilePosition& place, bool has_names) {
  if (has_names && flavour_ == mysql::Flavour::kMySql) return nullptr;
  if (!has_names) {
    schemas_->DependOn(name.schema, name.table);
    if (!statements_read_) SL_TRY(ReadStatements(place));
    statements_read_ = true;
  }
  const auto until = Clock::now() + source_.patience;
  for (;;) {
    auto found = schemas_->Find(name.schema, name.table, place.file_number(), place.offset);
    if (found.ok() || found.status().code() != Code::kEnvironment) return found;
    if (request_.MustStop() || Clock::now() >= until) return found;
    std::this_thread::sleep_for(200ms);
  }
}

// DDL between the first rows that need the server's schema and the end of its binlog: the schema is not theirs then.
Status ServerStream::ReadStatements(const mysql::FilePosition& from) {
  if (!(from < end_at_start_)) return base::Ok();
  binlog::StreamOptions options = Options();
  options.start = from;
  options.describe = [](std::string_view, std::string_view) { return false; };
  SL_ASSIGN(const auto stream, binlog::GroupStream::Open(options));
  while (stream->file_position() < end_at_start_ && !stream->at_end()) {
    if (request_.MustStop()) return {Code::kStopped, "stopped"};
    SL_ASSIGN(const binlog::StreamItem item, stream->Next(50ms));
    if (!item.group) continue;
    for (const binlog::Statement& statement : item.group->statements) {
      schemas_->AddStatement(item.group->begin.file_number(), item.group->begin.offset, statement.default_schema,
                             statement.sql);
    }
  }
  return base::Ok();
}

}  // namespace

Status StreamServer(const NamedSource& source, const StreamRequest& request, LineWriter& out) {
  return ServerStream(source, request, out).Run();
}

}  // namespace shardlift::cmd
