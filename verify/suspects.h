// What becomes of rows that looked wrong in a live pass: they are collected while rows are compared, then settled by
// the prober, batch by batch. Memory is constant: many suspects go to a temporary file.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "verify/prober.h"
#include "verify/table_check.h"

namespace shardlift::verify {

// Owner keys, first in first out. All are added before the first is taken. One thread.
class SuspectList {
 public:
  explicit SuspectList(std::size_t bytes_max = 4u << 20) : bytes_max_(bytes_max) {}
  base::Status Add(std::string_view owner_key);
  // The next ones, at most `count`; none at the end.
  base::Result<std::vector<std::string>> Take(std::size_t count);
  std::uint64_t size() const { return size_; }

 private:
  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  base::Status Spill();
  const std::size_t bytes_max_;
  std::uint64_t size_ = 0;  // added
  std::string bytes_;       // each key behind its length
  std::size_t taken_ = 0;   // bytes of bytes_
  std::unique_ptr<std::FILE, CloseFile> file_;
  bool reading_ = false;
};

// Makes `result`, that of a comparison in which the suspects were all that looked wrong, one of verdicts.
base::Status SettleSuspects(const CheckContext& context, const job::CatalogTable& table, SuspectList* suspects,
                            TableResult* result);

}  // namespace shardlift::verify
