// ConflictReader: reads rows that lost a clash on a target key again, on a thread of its own, one pass at a time.
//
// Two owners may want one target key for a moment only: a key exchange inside a large transaction, or a row that
// another source has not given up yet. So a clash is not final: the loser is read again as a named-key chunk
// (design 5.2, 5.3) and written if its place is free.
#pragma once

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "job/catalog.h"
#include "migrate/chunk_reader.h"

namespace shardlift::migrate {

class ConflictReader {
 public:
  // What the context points to, and the catalog, must outlive the reader.
  ConflictReader(const ReaderContext& context, const job::Catalog& catalog) : context_(context), catalog_(catalog) {}
  ~ConflictReader() { Join(); }

  bool running() const { return running_.load(); }
  // Starts a pass over these owners of the context's source; not while one runs. A failure goes to the run's state.
  void Start(const std::vector<std::string>& owner_ids);
  void Join();

 private:
  const ReaderContext context_;
  const job::Catalog& catalog_;
  std::thread thread_;
  std::atomic<bool> running_{false};
};

}  // namespace shardlift::migrate
