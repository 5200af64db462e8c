#include "job/config_keys.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"

namespace shardlift::job {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

KeySpec Key(std::string_view name, KeyKind kind, std::string_view help) {
  KeySpec key;
  key.name = name;
  key.kind = kind;
  key.help = help;
  return key;
}

KeySpec Text(std::string_view name, std::string_view fallback, std::string_view help, std::string_view example = {}) {
  KeySpec key = Key(name, KeyKind::kText, help);
  key.fallback = fallback;
  key.example = example;
  return key;
}

KeySpec Number(std::string_view name, std::uint64_t fallback, std::uint64_t min, std::uint64_t max,
               std::string_view help) {
  KeySpec key = Key(name, KeyKind::kNumber, help);
  key.fallback_number = fallback;
  key.min = min;
  key.max = max;
  return key;
}

KeySpec List(std::string_view name, std::string_view help) { return Key(name, KeyKind::kTextList, help); }

KeySpec Choice(std::string_view name, std::vector<std::string_view> choices, std::string_view fallback,
               std::string_view help) {
  KeySpec key = Key(name, KeyKind::kChoice, help);
  key.fallback = fallback;
  key.choices = std::move(choices);
  return key;
}

KeySpec Nested(std::string_view name, KeyKind kind, std::string_view object, std::string_view help) {
  KeySpec key = Key(name, kind, help);
  key.object = object;
  return key;
}

KeySpec Required(KeySpec key) {
  key.required = true;
  return key;
}

KeySpec Otherwise(KeySpec key, std::string_view fallback_words) {
  key.fallback_words = fallback_words;
  return key;
}

std::vector<KeySpec> Connection() {
  return {
      Text("host", "127.0.0.1", "Name or address of the server.", "db1.example"),
      Number("port", 3306, 1, 65535, "TCP port."),
      Text("socket", "", "Path of a unix socket; wins over host and port."),
      Required(Text("user", "", "Account to log in with.", "shardlift")),
      Text("password_file", "",
           "File whose first line is the password, relative to the file that names it. Passwords never stand in a job "
           "file."),
      Text("password_env", "", "Environment variable that holds the password; instead of password_file.",
           "LEGACY1_PASSWORD"),
      Choice("tls", {"disabled", "preferred", "required", "verify-ca", "verify-identity"}, "preferred",
             "Encryption of the connection; verify-ca and verify-identity need tls_ca."),
      Text("tls_ca", "", "Certificates that the server's one is checked against."),
      Text("tls_cert", "", "Our own certificate; goes with tls_key."),
      Text("tls_key", "", "Key of tls_cert."),
  };
}

std::vector<KeySpec> Source() {
  std::vector<KeySpec> keys = {
      Required(Text("name", "", "Names the source in messages, mappings and checkpoints; never changed.", "legacy1"))};
  for (KeySpec& key : Connection()) keys.push_back(std::move(key));
  keys.push_back(Otherwise(
      Number("server_id", 0, 1, 0xFFFFFFFF, "Our id as a replica; must be unique among the replicas of this server."),
      "from the job's and the source's name"));
  keys.push_back(Nested("reader", KeyKind::kObject, "connection",
                        "A replica of this source that chunks are read from. MySQL only: on MariaDB chunks are read "
                        "where the binlog is followed."));
  return keys;
}

std::vector<KeySpec> Shard() {
  std::vector<KeySpec> keys = {Required(Text("name", "", "Names the shard in the shard map and in messages.", "s0"))};
  for (KeySpec& key : Connection()) keys.push_back(std::move(key));
  keys.push_back(
      Required(Text("database", "", "The store's database on this server; made when it is missing.", "message_0")));
  return keys;
}

constexpr std::string_view kSchemaHelp = "Where an editor finds the JSON Schema; not read.";

std::vector<KeySpec> Job() {
  return {
      Text("$schema", "", kSchemaHelp, "job.schema.json"),
      Required(Text("job", "", "Names the job in messages, logs and checkpoints.", "messages-2024")),
      List("include",
           "Files or globs (* ? []) with more keys of this object, in sorted order. Their sources, shards and mappings "
           "are added to those here; every other key may stand in one file only. An included file includes none."),
      Required(Nested("sources", KeyKind::kObjectList, "source",
                      "The legacy servers. Their binlogs are followed while their rows are copied.")),
      Required(Nested("shards", KeyKind::kObjectList, "shard",
                      "The message store. Each shard is one database; two shards may share a server.")),
      Nested("routing", KeyKind::kObject, "routing", "Which bucket a row is in, and which shard a bucket is on."),
      Nested("targets", KeyKind::kObjectList, "target",
             "Tables of the job's own that mappings fill beside the store's table message."),
      Required(Nested("mappings", KeyKind::kObjectOrFile, "mapping",
                      "One for each legacy family: the object itself, or a file or glob, relative to the file that "
                      "names it.")),
      Nested("copy", KeyKind::kObject, "copy", "How rows are read."),
      Nested("apply", KeyKind::kObject, "apply", "How shards are written."),
      Nested("spool", KeyKind::kObject, "spool",
             "Where the sources' binlogs are kept until checkpoints have passed them."),
  };
}

std::vector<KeySpec> Target() {
  return {
      Required(Text("name", "", "Name of the table on the shards; none of the store's own.", "receipt")),
      Text("ddl", "",
           "Its definition: CREATE TABLE name (...), for both kinds of server. One of ddl, ddl_file and like.",
           "CREATE TABLE receipt (id BIGINT UNSIGNED NOT NULL PRIMARY KEY, uid BIGINT UNSIGNED NOT NULL)"),
      Text("ddl_file", "", "A file with the definition, relative to the file that names it.", "receipt.sql"),
      Choice("like", {"source"}, "",
             "source: the definition of the legacy tables that are mapped to it, which must all be of one form."),
      Text("account_type", "1",
           "A column of unsigned integers with the account type of the row, or the number that is the type of all "
           "rows. With the account key it decides the bucket."),
      Required(
          Text("account_key", "", "A column with the account key: integers, text or binary strings, NOT NULL.", "uid")),
      List("key",
           "Columns of a unique key of the table, all NOT NULL, that name the legacy row: the mappings must give each "
           "row of each legacy table values of its own there, made of its key alone (docs/mapping.md#declared-keys). "
           "The tool then adds nothing to the table."),
  };
}

std::vector<KeySpec> Mapping() {
  return {
      Text("$schema", "", kSchemaHelp, "../mapping.schema.json"),
      Required(Text("name", "", "Names the family.", "im")),
      Required(Number("origin", 0, 1, 127,
                      "Number of the family in owners and message ids; different for each family, never changed.")),
      Text("target", "message", "The table that the rows go to: message, or one of the job's targets."),
      Otherwise(List("sources", "Names of the sources that are looked at."), "all"),
      Required(
          List("match", "Patterns over schema.table: {00..15} (numbers with the width of the first), {a,b}, *, ?.")),
      Required(List("key", "Columns of a unique key, in its order, all NOT NULL: integers, text or binary strings.")),
      Otherwise(Text("where", "", "A condition; rows for which it is not true are left behind and counted."),
                "all rows"),
      Required(Key("columns", KeyKind::kTextMap,
                   "Target column: expression. bucket and the owner columns are filled by the tool.")),
      List("ignore",
           "Source columns that are left out on purpose. Any other column must be used by an expression or the key."),
      Key("charsets", KeyKind::kTextMap,
          "Source column: character set that its bytes really are in. For text in a column of another character set, "
          "or "
          "of binary strings."),
      Key("bad_values", KeyKind::kTextMap,
          "Target column: expression that stands there instead of a value that does not fit, counted. It must fit for "
          "every row. on_bad_value is for all other columns."),
      Choice("on_bad_value", {"refuse", "dead_letter"}, "refuse",
             "When a value does not fit: stop, or set the row aside."),
      Choice("on_conflict", {"dead_letter", "refuse"}, "dead_letter",
             "When two rows want one target key to the end: the second stays set aside, or the run ends with exit code "
             "4."),
  };
}

std::vector<ObjectSpec> RoutingObjects() {
  return {
      {"routing",
       "routing",
       "Where rows go. All keys but map_epoch and map decide a row's bucket: they are part of the job's fingerprint "
       "and stored in each shard, and changing them later is a data move.",
       {Number("version", 1, 1, 1'000'000, "Routing version: a number for these rules."),
        Choice("strategy", {"crc32-fmix32", "xxh3", "modulo", "range", "lookup"}, "crc32-fmix32",
               "How an account's bucket is found (docs/routing.md). No SQL computes xxh3: verify computes it itself. "
               "modulo and range are for account keys that are numbers; any other is a bad value."),
        Number("buckets", 4096, 1, 65536, "Number of buckets, a power of two; the modulus of the strategy modulo."),
        Otherwise(Nested("ranges", KeyKind::kObjectList, "key_range",
                         "Of the strategy range, in ascending order: an account has the bucket of the last range that "
                         "begins at or below its number."),
                  "required by range"),
        Otherwise(Nested("lookup", KeyKind::kObjectList, "account",
                         "Of the strategy lookup: accounts with a bucket of their own; all others are hashed. At most "
                         "10000 with those of lookup_file."),
                  "required by lookup, or lookup_file"),
        Text("lookup_file", "",
             "More such accounts, one in each line: bucket, one blank, account type, colon, key (4100 1:10045). Empty "
             "lines and those that begin with # are left out.",
             "accounts.txt"),
        Nested("pins", KeyKind::kObjectList, "pin",
               "Biz tags with buckets of their own above the hashed ones, under any strategy."),
        Number("map_epoch", 1, 1, std::numeric_limits<std::int64_t>::max(),
               "Epoch of the shard map. A smaller one than a shard has stored is refused."),
        Otherwise(Nested("map", KeyKind::kObjectList, "range",
                         "Where buckets live. Buckets that move are refused once a shard holds rows."),
                  "equal ranges in the order of the shards; pinned and listed buckets above the others likewise")}},
      {"key_range",
       "routing.ranges[]",
       "Account keys from one number on.",
       {Required(Number("first", 0, 0, std::numeric_limits<std::uint64_t>::max(), "First account key.")),
        Required(Number("bucket", 0, 0, 65535, "Bucket of these accounts, below routing.buckets."))}},
      {"account",
       "routing.lookup[]",
       "An account with a bucket of its own.",
       {Required(Number("account_type", 0, 0, 255, "Account type.")),
        Required(Text("account_key", "", "Account key, as the mapping gives it.", "10045")),
        Required(Number("bucket", 0, 0, 65535, "Its bucket; may lie above the hashed ones."))}},
      {"pin",
       "routing.pins[]",
       "A large tenant: its messages lie in buckets of their own.",
       {Required(Number("biz_tag", 0, 0, 65535, "Biz tag of the messages.")),
        Required(Number("first", 0, 1, 65535, "First of its buckets, at or above routing.buckets.")),
        Number("buckets", 1, 1, 32768, "How many, a power of two; the default hash chooses among them.")}},
      {"range",
       "routing.map[]",
       "A range of buckets on one shard.",
       {Required(Number("first", 0, 0, 65535, "First bucket.")),
        Required(Number("last", 0, 0, 65535, "Last bucket, included.")),
        Required(Text("shard", "", "Name of the shard.", "s0"))}}};
}

std::vector<ObjectSpec> MakeObjects() {
  std::vector<ObjectSpec> objects = {
      {"job", "The job file", "One JSON object; // and /* */ comments are allowed.", Job()},
      {"source", "sources[]", "A legacy server.", Source()},
      {"connection", "sources[].reader", "How to reach a server.", Connection()},
      {"shard", "shards[]", "One database of the store.", Shard()},
      {"target", "targets[]",
       "A target table of the job's own: the data columns and keys as defined here, and in front of them bucket and "
       "the owner columns with their unique key, which the tool adds and fills; with \"key\" the table as it is.",
       Target()},
      {"mapping", "mappings[]", "One legacy family. The expressions: configs/mappings/README.md.", Mapping()},
      {"copy",
       "copy",
       "How rows are read.",
       {Number("chunk_rows", 10000, 1, 1'000'000, "Rows of one chunk at most."),
        Number("chunk_bytes_max", 8 * kMiB, 1024, 64 * kMiB, "A chunk is cut when its mapped rows reach this."),
        Number("readers", 2, 1, 32, "Chunk readers for each source.")}},
      {"apply",
       "apply",
       "Limits of one lane transaction, and patience.",
       {Number("batch_changes_max", 2000, 1, 1'000'000, "Changes of one transaction at most."),
        Number("batch_bytes_max", 4 * kMiB, 1024, 64 * kMiB, "Bytes of one transaction's rows at most."),
        Number("retry_seconds", 120, 0, 86'400,
               "How long a lost shard or source is waited for before the run ends with exit code 3.")}},
      {"spool",
       "spool",
       "Local files that hold the sources' binlogs, compressed, until checkpoints have passed them.",
       {Otherwise(Text("directory", "", "Where they are; a folder in it for each source.", "messages-2024.spool"),
                  "the job's name and .spool, beside the job file"),
        Number("bytes_max", 16 * 1024 * kMiB, 256 * kMiB, 1024 * 1024 * kMiB,
               "Bytes for each source at most. A spool that is full holds the stream back, and ends the run with exit "
               "code 3 when it stays so for apply.retry_seconds.")}},
  };
  const std::vector<ObjectSpec> routing = RoutingObjects();
  const auto mapping = std::find_if(objects.begin(), objects.end(), [](const auto& o) { return o.name == "mapping"; });
  objects.insert(mapping, routing.begin(), routing.end());
  return objects;
}

// Insertions, deletions, replacements and exchanges of neighbours that turn one word into the other.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), row(b.size() + 1), next(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    next[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      next[j] = std::min({row[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1), row[j] + 1, next[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        next[j] = std::min(next[j], before[j - 2] + 1);
    }
    before.swap(row);
    row.swap(next);
  }
  return row.back();
}

}  // namespace

std::span<const ObjectSpec> ConfigObjects() {
  static const std::vector<ObjectSpec> objects = MakeObjects();
  return objects;
}

const ObjectSpec& ConfigObject(std::string_view name) {
  const std::span<const ObjectSpec> objects = ConfigObjects();
  const auto found = std::find_if(objects.begin(), objects.end(), [&](const ObjectSpec& o) { return o.name == name; });
  SL_CHECK(found != objects.end());
  return *found;
}

const KeySpec* FindKey(const ObjectSpec& object, std::string_view name) {
  const auto found =
      std::find_if(object.keys.begin(), object.keys.end(), [&](const KeySpec& key) { return key.name == name; });
  return found == object.keys.end() ? nullptr : &*found;
}

std::string_view NearestKey(const ObjectSpec& object, std::string_view name) {
  const KeySpec* nearest = nullptr;
  std::size_t distance = std::max<std::size_t>(name.size(), 2) / 2 + 1;
  for (const KeySpec& key : object.keys) {
    const std::size_t to_key = EditDistance(name, key.name);
    if (to_key >= distance) continue;
    nearest = &key;
    distance = to_key;
  }
  return nearest == nullptr ? std::string_view() : nearest->name;
}

}  // namespace shardlift::job
