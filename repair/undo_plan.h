// UndoPlan: what one run of repair wrote, by owner, as audit and images tell it.
//
// The images stay in their file; the plan knows where each is, so that its size does not depend on the rows'.
#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "job/catalog.h"
#include "job/config.h"
#include "repair/image_log.h"

namespace shardlift::repair {

// What one owner had and was left with on one shard, all writes of the run taken together.
struct OwnerOnShard {
  std::uint32_t shard = 0;
  std::string owner_id;
  std::optional<RowColumns> before;  // none: no row
  std::optional<RowColumns> after;
  bool undone = false;  // an undo has restored it, or was about to
};

struct PlannedOwner {
  std::string owner_id;
  std::string reason;                // set: it cannot be restored
  std::vector<OwnerOnShard> places;  // those where before and after differ
  std::uint64_t bytes = 0;
};

class UndoPlan {
 public:
  // `run` empty: the last one that wrote. kRefused naming file and line when the audit's chain is broken, an image is
  // not the one that the audit has, or there are none.
  static base::Result<UndoPlan> Read(const job::JobConfig& config, const job::Catalog& catalog,
                                     const std::string& audit_path, const std::string& run);

  const std::string& run() const { return run_; }
  std::uint64_t owners() const { return owners_.size(); }
  // The next owners, with at most so many and about so many bytes of images; empty at the end.
  base::Result<std::vector<PlannedOwner>> Next(std::size_t owners_max, std::uint64_t bytes_max);

 private:
  struct Write {
    std::uint64_t audit_line = 0;
    std::uint64_t offset = kNoImage;  // in the images file
    std::uint64_t image_line = 0;
    std::string before;  // digests
    std::string after;
    std::uint32_t shard = 0;
  };
  static constexpr std::uint64_t kNoImage = ~std::uint64_t{0};

  UndoPlan(const job::JobConfig& config, const job::Catalog& catalog, std::string audit_path);
  base::Status TakeAudit(const std::string& run);
  base::Status TakeAuditLine(const struct AuditLine& line, const std::string& run);
  base::Status FindImages();
  base::Status FindImage(const std::string& line, std::uint64_t number, std::uint64_t offset);
  base::Status CheckColumns(const StoredImage& image, std::uint64_t number) const;
  base::Status CheckComplete() const;
  base::Result<StoredImage> Load(const Write& write);
  base::Result<PlannedOwner> Fold(const std::string& owner_id, const std::vector<Write>& writes);
  base::Status ImageRefused(std::uint64_t line, std::string_view what) const;

  const job::JobConfig* config_;
  const job::Catalog* catalog_;
  std::string audit_path_;
  std::string images_path_;
  std::string run_;
  std::string run_without_images_;
  std::set<std::pair<std::uint32_t, std::string>> undone_;  // shard and owner id, as the audit has them
  std::set<std::string> runs_of_others_;                    // of another fingerprint
  std::map<std::string, std::uint32_t> shards_;             // index by name
  std::map<std::string, std::vector<Write>> owners_;        // by owner id; in the order of the audit
  std::map<std::string, std::uint64_t> unknown_images_;  // owner id -> line of an image that no line of the audit has
  std::map<std::string, std::vector<Write>>::const_iterator next_;
  std::ifstream images_;
};

}  // namespace shardlift::repair
