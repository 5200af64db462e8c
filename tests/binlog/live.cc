#include "tests/binlog/live.h"

#include <fmt/format.h>

#include <algorithm>

namespace shardlift::binlog {
OwnedValue OwnedValue::From(const mysql::Value& v) {
  OwnedValue owned{v, {}};
  if (v.kind == mysql::ValueKind::kBytes) owned.bytes = v.bytes;
  return owned;
}

mysql::Value OwnedValue::Get() const {
  return value.kind == mysql::ValueKind::kBytes ? mysql::Value::Bytes(bytes) : value;
}

std::string Describe(const mysql::Value& value) {
  switch (value.kind) {
    case mysql::ValueKind::kAbsent: return "absent";
    case mysql::ValueKind::kNull: return "NULL";
    case mysql::ValueKind::kInt: return fmt::format("{}", value.i);
    case mysql::ValueKind::kUInt: return fmt::format("{}u", value.u);
    case mysql::ValueKind::kFloat: return fmt::format("{:a}f", value.f);
    case mysql::ValueKind::kDouble: return fmt::format("{:a}", value.d);
    case mysql::ValueKind::kBytes: break;
  }
  std::string text;
  for (const char c : value.bytes.substr(0, 400)) {
    text += c >= ' ' && c <= '~' ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return fmt::format("{} bytes '{}'", value.bytes.size(), text);
}

OwnedGroup OwnGroup(const CommitGroup& group) {
  OwnedGroup owned{group.kind, group.has_xa_rows, group.gtid, group.begin, group.end, group.statements, {}};
  const base::Status status = group.ForEachRow([&](const RowChange& change) {
    OwnedChange copy;
    copy.table = change.table->name.table;
    copy.op = change.op;
    for (const mysql::Value& value : change.before) copy.before.push_back(OwnedValue::From(value));
    for (const mysql::Value& value : change.after) copy.after.push_back(OwnedValue::From(value));
    owned.changes.push_back(std::move(copy));
    return base::Ok();
  });
  EXPECT_TRUE(status.ok()) << status.message();
  return owned;
}

std::vector<OwnedGroup> ReadFileGroups(const std::string& path, GroupReaderOptions options) {
  std::vector<OwnedGroup> groups;
  auto file = FileReader::Open(path);
  EXPECT_TRUE(file.ok()) << file.status().message();
  if (!file.ok()) return groups;
  GroupReader reader(std::move(options));
  while (const FileEvent* event = (*file)->Next()) {
    const auto group = reader.FeedFromFile(path, *event);
    EXPECT_TRUE(group.ok()) << group.status().message();
    if (!group.ok()) return groups;
    if (*group) groups.push_back(OwnGroup(**group));
  }
  EXPECT_TRUE((*file)->error().ok()) << (*file)->error().message();
  return groups;
}

void LiveTest::SetUp() {
  live::LiveTest::SetUp();
  if (HasFatalFailure()) return;
  UseFreshDatabase("db");
  Sql("CREATE TABLE marks (id INT PRIMARY KEY)");
  Watch("marks");
}

const mysql::TableSchema& LiveTest::Watch(const std::string& table) {
  auto schema = mysql::ReadTableSchema(*session_, {"db", table});
  EXPECT_TRUE(schema.ok()) << schema.status().message();
  auto& slot = watched_[table];
  slot = std::make_unique<mysql::TableSchema>(schema.ok() ? std::move(*schema) : mysql::TableSchema{});
  return *slot;
}

void LiveTest::OpenStream() {
  auto start = mysql::ReadUpperBound(*session_);
  ASSERT_TRUE(start.ok()) << start.status().message();
  OpenStreamAt(*start);
}

void LiveTest::OpenStreamAt(const StreamStart& start) {
  StreamOptions options = options_;
  if (options.endpoint.name.empty()) options.endpoint = session_->endpoint();
  options.server_id = 4711;
  options.start = start;
  options.tables = [this](std::string_view schema, std::string_view table) -> const mysql::TableSchema* {
    const auto found = watched_.find(table);
    return schema == "db" && found != watched_.end() ? found->second.get() : nullptr;
  };
  stream_.reset();
  auto stream = GroupStream::Open(options);
  ASSERT_TRUE(stream.ok()) << stream.status().message();
  stream_ = std::move(*stream);
}

std::vector<OwnedGroup> LiveTest::ReadAll() {
  const int mark = ++marks_;
  const auto other = Connect();
  live::SqlOn(*other, fmt::format("INSERT INTO db.marks VALUES ({})", mark));
  std::vector<OwnedGroup> groups;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < deadline) {
    auto item = stream_->Next(std::chrono::milliseconds(200));
    if (!item.ok()) {
      ADD_FAILURE() << item.status().message();
      return groups;
    }
    if (!item->group) continue;
    OwnedGroup owned = OwnGroup(*item->group);
    const bool marked = std::any_of(owned.changes.begin(), owned.changes.end(), [&](const OwnedChange& change) {
      return change.table == "marks" && change.after[0].value.i == mark;
    });
    if (marked) return groups;
    groups.push_back(std::move(owned));
  }
  ADD_FAILURE() << "the mark did not come";
  return groups;
}

std::vector<std::string> LiveTest::Texts(const std::vector<OwnedGroup>& groups) {
  std::vector<std::string> texts;
  const auto text = [](const std::vector<OwnedValue>& image) {
    std::string out;
    for (const OwnedValue& v : image) {
      if (!out.empty()) out += ' ';
      out += v.value.kind == mysql::ValueKind::kBytes ? v.bytes : Describe(v.value);
    }
    return out;
  };
  for (const OwnedGroup& group : groups) {
    for (const OwnedChange& change : group.changes) {
      if (change.table == "marks") continue;
      switch (change.op) {
        case RowOp::kInsert: texts.push_back("I " + text(change.after)); break;
        case RowOp::kUpdate: texts.push_back("U " + text(change.before) + " > " + text(change.after)); break;
        case RowOp::kDelete: texts.push_back("D " + text(change.before)); break;
      }
    }
  }
  return texts;
}

}  // namespace shardlift::binlog
