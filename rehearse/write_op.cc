#include "rehearse/write_op.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace shardlift::rehearse {
namespace {

constexpr std::uint64_t kHotKeys = 8;

// Weights of 100.
constexpr std::array<std::pair<WriteKind, std::uint64_t>, 11> kWeights = {{{WriteKind::kInsert, 16},
                                                                           {WriteKind::kUpdate, 30},
                                                                           {WriteKind::kDelete, 9},
                                                                           {WriteKind::kReinsert, 8},
                                                                           {WriteKind::kKeyChange, 6},
                                                                           {WriteKind::kKeySwap, 4},
                                                                           {WriteKind::kMove, 10},
                                                                           {WriteKind::kFlipWhere, 5},
                                                                           {WriteKind::kHot, 5},
                                                                           {WriteKind::kRollback, 4},
                                                                           {WriteKind::kSavepoint, 3}}};

WriteKind DrawKind(Random& random) {
  std::uint64_t at = random.Below(100);
  for (const auto& [kind, weight] : kWeights) {
    if (at < weight) return kind;
    at -= weight;
  }
  return WriteKind::kUpdate;
}

}  // namespace

std::string_view WriteKindName(WriteKind kind) {
  constexpr std::array<std::string_view, kWriteKinds> kNames = {"insert",     "update",   "delete",    "reinsert",
                                                                "key_change", "key_swap", "move",      "flip_where",
                                                                "hot",        "rollback", "savepoint", "xa"};
  return kNames[static_cast<std::size_t>(kind)];
}

WriteOpMaker::WriteOpMaker(std::vector<TableState*> tables, bool mariadb, bool xa, Random random)
    : tables_(std::move(tables)), mariadb_(mariadb), xa_(xa), random_(random) {}

// Families in equal parts where the source has two, not tables: a family of one table must not starve beside one of 64.
TableState* WriteOpMaker::DrawTable() {
  std::vector<TableState*> others;
  for (TableState* table : tables_) {
    if (table->table.family != Family::kIm) others.push_back(table);
  }
  if (!others.empty() && random_.OneIn(2)) return others[random_.Below(others.size())];
  return tables_[random_.Below(tables_.size())];
}

Key WriteOpMaker::DrawKey(const TableState& table) {
  if (table.table.family == Family::kNotice) {
    const std::uint64_t region = random_.Between(1, kNoticeRegions);
    return {region, 1 + random_.Below(table.last[region])};
  }
  return {0, 1 + random_.Below(table.last[0])};
}

Key WriteOpMaker::FreeKey(const TableState& table, const Key& near) {
  Key key = random_.OneIn(2) ? near : DrawKey(table);
  key.minor = std::max<std::uint64_t>(1, key.minor / kKeyGap) * kKeyGap;
  return key;
}

std::string WriteOpMaker::InsertNew(TableState& table, WriteOp* op) {
  std::string sql;
  if (table.table.family == Family::kNotice) {
    const std::uint64_t region = random_.Between(1, kNoticeRegions);
    sql = InsertHead(table.table, true);
    AppendRow(table.table, {region, ++table.last[region]}, random_, &sql);
    return sql;
  }
  op->numbered_by_server = true;
  sql = InsertHead(table.table, false);
  const std::uint64_t rows = random_.OneIn(4) ? random_.Between(2, 8) : 1;
  for (std::uint64_t i = 0; i < rows; ++i) {
    if (i > 0) sql.push_back(',');
    AppendRow(table.table, {0, 0}, random_, &sql);
  }
  return sql;
}

std::string WriteOpMaker::InsertAt(const TableState& table, const Key& key) {
  std::string sql = InsertHead(table.table, true);
  AppendRow(table.table, key, random_, &sql);
  return sql;
}

std::string WriteOpMaker::Update(const TableState& table, const Key& key, const std::string& set) {
  return fmt::format("UPDATE {} SET {} WHERE {}", table.table.Text(), set, WhereKey(table.table.family, key));
}

std::string WriteOpMaker::Delete(const TableState& table, const Key& key) {
  return fmt::format("DELETE FROM {} WHERE {}", table.table.Text(), WhereKey(table.table.family, key));
}

void WriteOpMaker::AppendSwap(const TableState& table, const Key& a, const Key& b, std::vector<std::string>* out) {
  const Key spare = FreeKey(table, b);
  if (a == b || spare == a || spare == b) {
    out->push_back(Update(table, a, UpdateList(table.table, random_)));
    return;
  }
  const Family family = table.table.family;
  out->push_back(Update(table, a, SetKey(family, spare)));
  out->push_back(Update(table, b, SetKey(family, a)));
  out->push_back(Update(table, spare, SetKey(family, b)));
}

void WriteOpMaker::FillUndone(const Key& key, WriteOp* op) {
  TableState& table = *op->table;
  std::vector<std::string>& out = op->statements;
  if (op->kind == WriteKind::kRollback) {
    op->ending = Ending::kRollback;
    // On MariaDB a temporary table dropped in the transaction makes the server log the rows before the ROLLBACK.
    const bool logged = mariadb_ && random_.OneIn(2);
    if (logged) out.push_back("CREATE TEMPORARY TABLE IF NOT EXISTS test_tmp.t (a INT) ENGINE=InnoDB");
    out.push_back(Update(table, key, UpdateList(table.table, random_)));
    out.push_back(Delete(table, DrawKey(table)));
    if (logged) out.push_back("DROP TEMPORARY TABLE test_tmp.t");
    op->counted.assign(out.size(), false);
    return;
  }
  out.push_back(Update(table, key, UpdateList(table.table, random_)));
  out.push_back("SAVEPOINT s1");
  out.push_back(Delete(table, key));
  out.push_back(InsertAt(table, key));
  out.push_back("ROLLBACK TO SAVEPOINT s1");
  op->counted = {true, false, false, false, false};
  if (random_.OneIn(2)) out.push_back(Update(table, DrawKey(table), MoveList(table.table, random_)));
}

void WriteOpMaker::FillStatements(const Key& key, WriteOp* op) {
  TableState& table = *op->table;
  const Family family = table.table.family;
  std::vector<std::string>& out = op->statements;
  switch (op->kind) {
    case WriteKind::kInsert: out.push_back(InsertNew(table, op)); break;
    case WriteKind::kUpdate:
      out.push_back(Update(table, key, UpdateList(table.table, random_)));
      if (random_.OneIn(3)) out.push_back(Update(table, DrawKey(table), UpdateList(table.table, random_)));
      break;
    case WriteKind::kDelete: out.push_back(Delete(table, key)); break;
    case WriteKind::kReinsert:
      out.push_back(Delete(table, key));
      if (random_.OneIn(2)) out.emplace_back();
      out.push_back(InsertAt(table, key));
      break;
    case WriteKind::kKeyChange: out.push_back(Update(table, key, SetKey(family, FreeKey(table, key)))); break;
    case WriteKind::kKeySwap: AppendSwap(table, key, DrawKey(table), &out); break;
    case WriteKind::kMove: out.push_back(Update(table, key, MoveList(table.table, random_))); break;
    case WriteKind::kFlipWhere: out.push_back(Update(table, key, FlipWhereList(table.table, random_))); break;
    case WriteKind::kHot: {
      const std::uint64_t hot = 1 + random_.Below(kHotKeys);
      const Key hot_key{family == Family::kNotice ? 1ULL : 0ULL, hot};
      for (int i = 0; i < 3; ++i) out.push_back(Update(table, hot_key, UpdateList(table.table, random_)));
      out.push_back(Update(table, hot_key, MoveList(table.table, random_)));
      break;
    }
    case WriteKind::kXa:
      op->ending = random_.OneIn(4) ? Ending::kXaRollback : Ending::kXaCommit;
      out.push_back(Update(table, key, UpdateList(table.table, random_)));
      out.push_back(Update(table, DrawKey(table), MoveList(table.table, random_)));
      op->counted.assign(out.size(), op->ending == Ending::kXaCommit);
      break;
    case WriteKind::kRollback:
    case WriteKind::kSavepoint: FillUndone(key, op); break;
  }
}

WriteOp WriteOpMaker::Next(const ChunkAim& aim) {
  WriteOp op;
  op.kind = xa_ && random_.OneIn(12) ? WriteKind::kXa : DrawKind(random_);
  op.aimed = aim.table != nullptr && random_.OneIn(3);
  Key key;
  if (op.aimed) {
    op.table = aim.table;
    key = aim.after;
    key.minor += 1 + random_.Below(aim.rows + aim.rows / kKeyGap + 1);
    // An insert cannot choose a key in the middle; a re-insert can.
    if (op.kind == WriteKind::kInsert || op.kind == WriteKind::kHot) op.kind = WriteKind::kReinsert;
  } else {
    op.table = DrawTable();
    key = DrawKey(*op.table);
  }
  FillStatements(key, &op);
  op.counted.resize(op.statements.size(), true);
  return op;
}

}  // namespace shardlift::rehearse
