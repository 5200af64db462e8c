// WriteOp: one transaction a writer runs against a source, made from random draws.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rehearse/families.h"
#include "rehearse/random.h"

namespace shardlift::rehearse {

enum class WriteKind : std::uint8_t {
  kInsert,
  kUpdate,
  kDelete,
  kReinsert,   // delete and insert of the same key, in one or two transactions
  kKeyChange,  // to a free key of the same table
  kKeySwap,    // two rows exchange their keys
  kMove,       // the owner of the message changes: the row may belong to another shard
  kFlipWhere,  // the row leaves or enters what is moved
  kHot,        // several updates of few rows that every writer wants
  kRollback,   // changes, then ROLLBACK
  kSavepoint,  // changes, ROLLBACK TO, other changes
  kXa,         // XA PREPARE, then XA COMMIT or XA ROLLBACK
};
inline constexpr std::size_t kWriteKinds = 12;
std::string_view WriteKindName(WriteKind kind);

// What the writers know about a table: where its keys end.
struct TableState {
  LegacyTable table;
  std::array<std::atomic<std::uint64_t>, kNoticeRegions + 1>
      last{};  // [0] for tables numbered by the server; else by region
};

// The keys a chunk reader is reading now.
struct ChunkAim {
  TableState* table = nullptr;  // nullptr: none
  Key after;
  std::uint64_t rows = 0;
};

enum class Ending : std::uint8_t { kCommit, kRollback, kXaCommit, kXaRollback };

struct WriteOp {
  WriteKind kind = WriteKind::kUpdate;
  bool aimed = false;  // at the chunk
  TableState* table = nullptr;
  bool numbered_by_server = false;  // LAST_INSERT_ID tells the new last key
  Ending ending = Ending::kCommit;
  // Statements of one transaction; an empty one ends it and begins another.
  std::vector<std::string> statements;
  std::vector<bool> counted;  // per statement: false for those whose effect is undone (ROLLBACK TO)
};

class WriteOpMaker {
 public:
  // `tables` are those of one source; they outlive the maker. `mariadb`: also writes rolled-back rows into the binlog
  // (facts).
  WriteOpMaker(std::vector<TableState*> tables, bool mariadb, bool xa, Random random);
  // Draws the next transaction; a third of them aim at the chunk if there is one.
  WriteOp Next(const ChunkAim& aim);

 private:
  TableState* DrawTable();
  Key DrawKey(const TableState& table);
  Key FreeKey(const TableState& table, const Key& near);
  std::string InsertNew(TableState& table, WriteOp* op);
  std::string InsertAt(const TableState& table, const Key& key);
  std::string Update(const TableState& table, const Key& key, const std::string& set);
  std::string Delete(const TableState& table, const Key& key);
  void AppendSwap(const TableState& table, const Key& a, const Key& b, std::vector<std::string>* out);
  void FillStatements(const Key& key, WriteOp* op);
  void FillUndone(const Key& key, WriteOp* op);

  std::vector<TableState*> tables_;
  bool mariadb_;
  bool xa_;
  Random random_;
};

}  // namespace shardlift::rehearse
