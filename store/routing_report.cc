#include "store/routing_report.h"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <fstream>
#include <functional>
#include <optional>
#include <random>

#include "store/distribution.h"
#include "store/key_hashes.h"
#include "store/router.h"

namespace shardlift::store {

using base::Code;
using base::Status;

namespace {

constexpr std::uint32_t kBucketBits = 12;
constexpr std::uint32_t kBuckets = 1u << kBucketBits;
constexpr std::size_t kAvalancheKeys = 4096;
constexpr std::size_t kOpenIdBytes = 28;
constexpr Layout kBefore{8, 32};
constexpr Layout kAfter{16, 32};

struct Key {
  std::string text;  // the account key; its account type is 1
  std::optional<std::uint64_t> number;
};

// A way from a key to one of `cells` places, a power of two. Nothing: not made for such keys.
struct Function {
  const char* name;
  std::function<std::optional<std::uint32_t>(const Key&, std::uint32_t cells)> place;
  bool by_bucket = true;  // through a bucket and a map; else straight to the cell
};

std::string Bytes(const Key& key) { return "1:" + key.text; }

std::vector<Function> Functions() {
  using Place = std::optional<std::uint32_t>;
  return {
      {"crc32-fmix32", [](const Key& k, std::uint32_t n) -> Place { return RoutingHash(1, k.text) & (n - 1); }},
      {"xxh3",
       [](const Key& k, std::uint32_t n) -> Place {
         return static_cast<std::uint32_t>(RoutingXxh3(1, k.text)) & (n - 1);
       }},
      {"murmur3", [](const Key& k, std::uint32_t n) -> Place { return Murmur3(Bytes(k)) & (n - 1); }},
      {"crc32 alone", [](const Key& k, std::uint32_t n) -> Place { return Crc32(0, Bytes(k)) & (n - 1); }},
      {"jump hash",
       [](const Key& k, std::uint32_t n) -> Place { return JumpHash(k.number.value_or(RoutingXxh3(1, k.text)), n); },
       false},
      {"Fibonacci",
       [](const Key& k, std::uint32_t n) -> Place {
         if (!k.number) return std::nullopt;
         return Fibonacci(*k.number, static_cast<unsigned>(std::countr_zero(n)));
       }},
      {"modulo",
       [](const Key& k, std::uint32_t n) -> Place {
         if (!k.number) return std::nullopt;
         return static_cast<std::uint32_t>(*k.number) & (n - 1);
       }},
  };
}

Key NumberKey(std::uint64_t number) { return {std::to_string(number), number}; }

// As messengers name an account to a third party: 28 characters of base64's URL alphabet.
std::string OpenId(std::mt19937_64& random) {
  constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string id;
  while (id.size() < kOpenIdBytes) id += kLetters[random() % kLetters.size()];
  return id;
}

struct KeySet {
  const char* title;
  std::vector<Key> keys;
};

std::vector<KeySet> KeySets(const std::vector<std::string>& words) {
  std::mt19937_64 random(20240101);
  KeySet sequential{"Sequential ids: 1 to 100,000", {}};
  KeySet stepped{"Ids in steps of 64, as one of 64 old shards hands them out: 64, 128, ...", {}};
  KeySet numbers{"Random ids of 64 bits", {}};
  KeySet open_ids{"Open ids: 28 random characters", {}};
  KeySet dictionary{"Words: the first 100,000 of Debian's american-english", {}};
  for (std::size_t i = 1; i <= kReportedKeys; ++i) {
    sequential.keys.push_back(NumberKey(i));
    stepped.keys.push_back(NumberKey(i * 64));
    numbers.keys.push_back(NumberKey(random()));
    open_ids.keys.push_back({OpenId(random), std::nullopt});
    dictionary.keys.push_back({words[i - 1], std::nullopt});
  }
  return {std::move(dictionary), std::move(sequential), std::move(stepped), std::move(numbers), std::move(open_ids)};
}

// --- avalanche: how often one bit of the input turns each bit of the bucket, which should be half of the time ---

struct Bias {
  std::array<double, kBucketBits> mean{};  // over the input bits
  double mean_of_all = 0;
  double max_of_all = 0;
};

using Flips = std::vector<std::array<std::uint32_t, kBucketBits>>;  // of each input bit

Bias BiasOf(const Flips& flips) {
  Bias bias;
  for (const auto& of_input : flips) {
    for (std::size_t bit = 0; bit < kBucketBits; ++bit) {
      const double b = std::fabs(2.0 * of_input[bit] / kAvalancheKeys - 1);
      bias.mean[bit] += b / static_cast<double>(flips.size());
      bias.max_of_all = std::max(bias.max_of_all, b);
    }
  }
  for (const double mean : bias.mean) bias.mean_of_all += mean / kBucketBits;
  return bias;
}

void Count(std::uint32_t changed, std::array<std::uint32_t, kBucketBits>* counts) {
  for (std::size_t bit = 0; bit < kBucketBits; ++bit) (*counts)[bit] += (changed >> bit) & 1;
}

Bias Avalanche(const Function& function, const std::vector<Key>& keys, std::size_t bits,
               const std::function<Key(const Key&, std::size_t bit)>& flipped) {
  Flips flips(bits);
  for (const Key& key : keys) {
    const std::uint32_t before = *function.place(key, kBuckets);
    for (std::size_t bit = 0; bit < bits; ++bit)
      Count(before ^ *function.place(flipped(key, bit), kBuckets), &flips[bit]);
  }
  return BiasOf(flips);
}

// What dice would give with so many keys: the least that can be expected.
Bias AvalancheOfDice(std::size_t bits) {
  std::mt19937_64 random(7);
  Flips flips(bits);
  for (std::size_t key = 0; key < kAvalancheKeys; ++key) {
    for (auto& counts : flips) Count(static_cast<std::uint32_t>(random()), &counts);
  }
  return BiasOf(flips);
}

std::string AvalancheRow(const char* name, const Bias& bias) {
  std::string row = fmt::format("| {} |", name);
  for (const double mean : bias.mean) row += fmt::format(" {:.1f} |", 100 * mean);
  return row + fmt::format(" {:.1f} | {:.1f} |\n", 100 * bias.mean_of_all, 100 * bias.max_of_all);
}

std::string AvalancheTable(const std::vector<Key>& keys, std::size_t bits,
                           const std::function<Key(const Key&, std::size_t bit)>& flipped) {
  std::string table = "| Bias in % of bucket bit |";
  for (std::uint32_t bit = 0; bit < kBucketBits; ++bit) table += fmt::format(" {} |", bit);
  table += " mean | max |\n|---|";
  for (std::uint32_t column = 0; column < kBucketBits + 2; ++column) table += "---:|";
  table += "\n";
  for (const Function& function : Functions()) {
    if (!function.place(keys.front(), kBuckets)) continue;
    table += AvalancheRow(function.name, Avalanche(function, keys, bits, flipped));
  }
  return table + AvalancheRow("(dice)", AvalancheOfDice(bits));
}

std::string AvalancheSection() {
  std::mt19937_64 random(1);
  std::vector<Key> numbers;
  std::vector<Key> open_ids;
  for (std::size_t i = 0; i < kAvalancheKeys; ++i) {
    numbers.push_back(NumberKey(random()));
    open_ids.push_back({OpenId(random), std::nullopt});
  }
  const auto flip_number = [](const Key& key, std::size_t bit) { return NumberKey(*key.number ^ (1ull << bit)); };
  const auto flip_byte = [](const Key& key, std::size_t bit) {
    Key flipped = key;
    flipped.text[bit / 8] = static_cast<char>(flipped.text[bit / 8] ^ (1 << (bit % 8)));
    return flipped;
  };
  return "### One bit of a 64-bit id\n\n" + AvalancheTable(numbers, 64, flip_number) +
         "\n### One bit of an open id's bytes\n\n" + AvalancheTable(open_ids, 8 * kOpenIdBytes, flip_byte);
}

// --- uniformity ---

struct Placed {
  Distribution cells;
  std::vector<std::uint32_t> database;  // of each key
};

Placed Place(const Function& function, const std::vector<Key>& keys, const Layout& layout, const Router& router) {
  Placed placed;
  std::vector<std::uint32_t> cells(std::size_t{layout.databases} * layout.tables);
  for (const Key& key : keys) {
    std::uint32_t database = 0;
    std::uint32_t table = 0;
    if (function.by_bucket) {
      const std::uint32_t bucket = *function.place(key, kBuckets);
      database = router.ShardOf(bucket);
      table = bucket % layout.tables;
    } else {
      const std::uint32_t cell = *function.place(key, layout.databases * layout.tables);
      database = cell / layout.tables;
      table = cell % layout.tables;
    }
    placed.database.push_back(database);
    ++cells[std::size_t{database} * layout.tables + table];
  }
  placed.cells = Measure(cells);
  return placed;
}

std::string Cells(const Distribution& d) {
  return fmt::format(" {:.1f} | {:.0f} | {:+.1f} | {}-{} |", d.deviation, d.chi_square, d.chi_square_z, d.least,
                     d.most);
}

std::string UniformityTable(const KeySet& set, const Router& before, const Router& after) {
  std::string table = fmt::format(
      "### {}\n\n| | {}: sd | chi² | z | keys | {}: sd | chi² | z | keys | moved "
      "|\n|---|---:|---:|---:|---|---:|---:|---:|---|"
      "---:|\n",
      set.title, kBefore.Text(), kAfter.Text());
  Distribution chance_before;
  Distribution chance_after;
  for (const Function& function : Functions()) {
    if (!function.place(set.keys.front(), kBuckets)) continue;
    const Placed first = Place(function, set.keys, kBefore, before);
    const Placed second = Place(function, set.keys, kAfter, after);
    std::size_t moved = 0;
    for (std::size_t i = 0; i < set.keys.size(); ++i) moved += first.database[i] != second.database[i] ? 1u : 0u;
    table += fmt::format("| {} |{}{} {:.1f}% |\n", function.name, Cells(first.cells), Cells(second.cells),
                         100.0 * static_cast<double>(moved) / static_cast<double>(set.keys.size()));
    chance_before = first.cells;
    chance_after = second.cells;
  }
  return table + fmt::format("| (dice) | {:.1f} | {} | 0 | | {:.1f} | {} | 0 | | 50% |\n",
                             chance_before.chance_deviation, chance_before.cells - 1, chance_after.chance_deviation,
                             chance_after.cells - 1);
}

std::string UniformitySection(const std::vector<std::string>& words) {
  const Router before = Router::Create(kBuckets, Router::EqualRanges(kBuckets, kBefore.databases)).value();
  const Router after = before.WithMap(2, before.Resized(kAfter.databases)).value();
  std::string text;
  for (const KeySet& set : KeySets(words)) text += (text.empty() ? "" : "\n") + UniformityTable(set, before, after);
  return text;
}

// --- golden vectors ---

std::string GoldenSection() {
  std::string table =
      "| Key bytes | CRC32 | crc32-fmix32 | bucket | XXH3 | bucket | modulo |\n|---|---|---|---:|---|---:|---:|\n";
  RoutingRules modulo;
  modulo.strategy = Strategy::kModulo;
  const BucketRules by_modulo = BucketRules::Create(modulo).value();
  for (const char* key : {"0", "1", "10045", "10086", "18446744073709551615", "ou_7f3c9a", "zhangsan", "张三",
                          "oLVPpjqs9BhvzwPj5A-vTYAX3GLc"}) {
    const std::uint32_t hash = RoutingHash(1, key);
    const std::uint64_t xxh3 = RoutingXxh3(1, key);
    const std::uint32_t number = by_modulo.BucketOf({1, key, 0});
    table += fmt::format("| `1:{}` | `{:08x}` | `{:08x}` | {} | `{:016x}` | {} | {} |\n", key,
                         Crc32(Crc32OfType(1), key), hash, hash % kBuckets, xxh3, xxh3 % kBuckets,
                         number == kNoBucket ? "none" : std::to_string(number));
  }
  return table;
}

constexpr std::string_view kBegin = "<!-- tables: begin -->\n";
constexpr std::string_view kEnd = "<!-- tables: end -->\n";

}  // namespace

base::Result<std::vector<std::string>> ReadWords(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> words;
  for (std::string word; words.size() < kReportedKeys && std::getline(file, word);) words.push_back(word);
  if (words.size() == kReportedKeys) return words;
  return Status(Code::kEnvironment, fmt::format("{} has {} words of {}: install Debian's package wamerican "
                                                "(scripts/deps.sh does)",
                                                path, words.size(), kReportedKeys));
}

std::string RoutingReport(const std::vector<std::string>& words) {
  return "## Golden vectors\n\n" + GoldenSection() + "\n## Avalanche\n\n" + AvalancheSection() + "\n## Uniformity\n\n" +
         UniformitySection(words);
}

base::Result<std::string> WithReport(std::string_view document, std::string_view report) {
  const std::size_t begin = document.find(kBegin);
  const std::size_t end = document.find(kEnd);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) {
    return Status(Code::kUsage, fmt::format("the document has no lines {} and {}", kBegin.substr(0, kBegin.size() - 1),
                                            kEnd.substr(0, kEnd.size() - 1)));
  }
  return fmt::format("{}\n{}\n{}", document.substr(0, begin + kBegin.size()), report, document.substr(end));
}

}  // namespace shardlift::store
