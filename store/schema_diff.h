// How the tables of a shard differ from the wanted ones, and the statements that would make them equal.
//
// Compared: tables, engine, columns (type, NULL, default, collation), keys. Not compared: the order of columns (all
// statements name them), triggers, partitions, constraints. Tables that are not the store's are nobody's business here.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "store/target_table.h"

namespace shardlift::mysql {
class Session;
}

namespace shardlift::store {

// What it takes to make the table the wanted one.
enum class Remedy {
  kCreate,  // a table that is missing
  kAdd,     // a column with a default, or a key, that is missing: rows stay as they are; the server may need a while
  kChange,  // another type, NULL rule, default, collation, engine or key: values may not fit, and time passes
  kDrop,    // a column or unique key that the store does not have
  kNone,    // a further plain key: it costs time on each write, and is left alone
};
std::string_view RemedyName(Remedy remedy);  // "create", "add", "change", "drop", "none"

struct Difference {
  std::string table;
  std::string name;  // of the column or key; empty: the table itself
  std::string what;  // "its type is longblob, wanted is mediumblob"
  Remedy remedy = Remedy::kNone;
  std::string clause;  // of ALTER TABLE; the whole statement for kCreate; what would remove it for kNone
};

// In the order of the wanted tables, `own` (the job's) last. Writes nothing.
base::Result<std::vector<Difference>> CompareSchema(mysql::Session& session, std::string_view database,
                                                    std::span<const CustomTable> own = {});

// One statement for each table and remedy, without kNone.
std::vector<std::string> StatementsFor(std::string_view database, std::span<const Difference> differences);

// kRefused, naming the first, when any needs more than kCreate and kAdd. `shard` stands in the message.
base::Status CheckOnlyMissing(std::string_view shard, std::string_view database,
                              std::span<const Difference> differences);
// Runs those of kCreate and kAdd, making the database if it is missing; CheckOnlyMissing runs first.
base::Status AddMissing(mysql::Session& session, std::string_view database, std::span<const Difference> differences);

}  // namespace shardlift::store
