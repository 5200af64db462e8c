#include "binlog/json_difference.h"

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <vector>

#include "binlog/cursor.h"
#include "binlog/event.h"

namespace shardlift::binlog {
namespace {

enum : std::uint8_t { kReplace = 0, kInsert = 1, kRemove = 2 };
constexpr std::size_t kLegsMax = 100;

// A value of the document. Containers are opened only where a path leads into them.
struct Node {
  JsonItem item;
  bool opened = false;
  std::vector<std::unique_ptr<Node>> children = {};

  bool is_object() const { return IsJsonObject(item.type); }
  bool is_array() const { return IsJsonArray(item.type); }
};

struct Leg {
  bool member = false;
  std::string key;
  std::uint64_t index = 0;
  bool from_end = false;  // [last-index]
};

base::Status Misfit() { return Corrupt("partial JSON update: a difference does not fit its value"); }

// "$", then ".name", '."quoted"' (JSON escapes) or "[n]", "[last]", "[last-n]".
class PathReader {
 public:
  explicit PathReader(std::string_view text) : rest_(text) {}

  std::optional<std::vector<Leg>> Read() {
    std::vector<Leg> legs;
    if (!Take("$")) return std::nullopt;
    while (!rest_.empty()) {
      Leg leg;
      if (legs.size() >= kLegsMax || !(Take(".") ? Member(leg) : Take("[") && Cell(leg))) return std::nullopt;
      legs.push_back(std::move(leg));
    }
    return legs;
  }

 private:
  bool Take(std::string_view prefix) {
    if (!rest_.starts_with(prefix)) return false;
    rest_.remove_prefix(prefix.size());
    return true;
  }

  bool Member(Leg& leg) {
    leg.member = true;
    if (Take("\"")) return Quoted(leg.key);
    const std::size_t end = std::min(rest_.find_first_of(".["), rest_.size());
    leg.key = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return !leg.key.empty();
  }

  bool Number(std::uint64_t& value) {
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return true;
  }

  bool Cell(Leg& leg) {
    leg.from_end = Take("last");
    if ((!leg.from_end || Take("-")) && !Number(leg.index)) return false;
    return Take("]");
  }

  bool Quoted(std::string& key) {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c != '\\') {
        key += c;
      } else if (!Escape(key)) {
        return false;
      }
    }
    return false;
  }

  bool Escape(std::string& key) {
    static constexpr std::string_view kCodes = "\"\\/bfnrt";
    static constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (const std::size_t at = kCodes.find(c); at != std::string_view::npos) {
      key += kMeanings[at];
      return true;
    }
    unsigned code = 0;  // the server escapes control characters so, and nothing else
    if (c != 'u' || rest_.size() < 4) return false;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + 4, code, 16);
    if (error != std::errc() || end != rest_.data() + 4 || code > 0x7f) return false;
    rest_.remove_prefix(4);
    key += static_cast<char>(code);
    return true;
  }

  std::string_view rest_;
};

class Document {
 public:
  Document(const JsonItem& root, std::size_t bytes) : bytes_(bytes) { root_.item = root; }

  base::Status Apply(std::uint8_t operation, const std::vector<Leg>& legs, const JsonItem& value) {
    if (legs.empty()) {
      if (operation != kReplace) return Misfit();
      root_ = Node{value};
      return base::Ok();
    }
    Node* parent = &root_;
    for (std::size_t i = 0; i + 1 < legs.size(); ++i) {
      SL_TRY(Open(*parent));
      const std::optional<std::size_t> at = Find(*parent, legs[i]);
      if (!at) return Misfit();
      parent = parent->children[*at].get();
    }
    SL_TRY(Open(*parent));
    const std::optional<std::size_t> at = Find(*parent, legs.back());
    if (operation == kInsert) return Insert(*parent, legs.back(), at, value);
    if (!at) return Misfit();
    if (operation == kRemove) {
      parent->children.erase(parent->children.begin() + static_cast<std::ptrdiff_t>(*at));
      return base::Ok();
    }
    Node& old = *parent->children[*at];
    const std::string_view key = old.item.key;
    old = Node{value};
    old.item.key = key;
    return base::Ok();
  }

  base::Status Print(JsonForm form, std::string& out) const {
    out += JsonRootOpening(root_.item.type, form);
    SL_TRY(Print(root_, {0, out.size() + JsonTextBytesMax(bytes_), form}, out));
    out += JsonRootClosing(root_.item.type, form);
    return base::Ok();
  }

 private:
  // Offsets that point at each other could make few bytes look like many values; an honest value has no more than this.
  base::Status Open(Node& node) {
    if (!node.is_object() && !node.is_array()) return Misfit();
    if (node.opened) return base::Ok();
    SL_TRY(ReadJsonItems(node.item, items_));
    opened_ += items_.size();
    if (opened_ > bytes_) return Corrupt("JSON value: offsets repeat the same bytes");
    node.children.reserve(items_.size());
    for (const JsonItem& item : items_) node.children.push_back(std::make_unique<Node>(Node{item}));
    node.opened = true;
    return base::Ok();
  }

  static std::optional<std::size_t> Find(const Node& parent, const Leg& leg) {
    if (leg.member != parent.is_object()) return std::nullopt;
    if (leg.member) {
      for (std::size_t i = 0; i < parent.children.size(); ++i) {
        if (parent.children[i]->item.key == leg.key) return i;
      }
      return std::nullopt;
    }
    const std::size_t count = parent.children.size();
    if (leg.index >= count) return std::nullopt;
    return leg.from_end ? count - 1 - static_cast<std::size_t>(leg.index) : static_cast<std::size_t>(leg.index);
  }

  // Members are sorted by length, then by bytes. A cell moves those behind it.
  base::Status Insert(Node& parent, const Leg& leg, std::optional<std::size_t> at, const JsonItem& value) {
    auto node = std::make_unique<Node>(Node{value});
    auto place = parent.children.end();
    if (leg.member) {
      if (at || !parent.is_object()) return Misfit();
      keys_.push_back(std::make_unique<std::string>(leg.key));
      const std::string_view key = *keys_.back();
      node->item.key = key;
      const auto before = [](const std::unique_ptr<Node>& a, std::string_view b) {
        return a->item.key.size() != b.size() ? a->item.key.size() < b.size() : a->item.key < b;
      };
      place = std::lower_bound(parent.children.begin(), parent.children.end(), key, before);
    } else {
      if (!parent.is_array()) return Misfit();
      if (at) place = parent.children.begin() + static_cast<std::ptrdiff_t>(*at);
    }
    parent.children.insert(place, std::move(node));
    return base::Ok();
  }

  static base::Status Print(const Node& node, JsonPrint how, std::string& out) {
    if (!node.opened) return AppendJsonItem(node.item, how, out);
    out += JsonOpening(node.is_object(), how.form);
    const JsonPrint inside{how.depth + 1, how.text_bytes_max, how.form};
    for (std::size_t i = 0; i < node.children.size(); ++i) {
      if (i > 0) out += ", ";
      if (node.is_object()) AppendJsonKey(node.children[i]->item.key, how.form, out);
      SL_TRY(Print(*node.children[i], inside, out));
    }
    out += JsonClosing(node.is_object(), how.form);
    return base::Ok();
  }

  Node root_;
  const std::size_t bytes_;
  std::size_t opened_ = 0;
  std::vector<JsonItem> items_;
  std::vector<std::unique_ptr<std::string>> keys_;  // of inserted members
};

}  // namespace

base::Status AppendJsonAfterDifferences(std::string_view before, std::string_view differences, JsonForm form,
                                        std::string& out) {
  if (before.empty()) return Misfit();
  Document document({{}, static_cast<std::uint8_t>(before[0]), before.substr(1)}, before.size() + differences.size());
  Cursor in(differences);
  while (in.remaining() > 0) {
    const std::uint8_t operation = in.U8();
    const std::string_view path = in.Bytes(in.Packed());
    std::string_view value;
    if (operation != kRemove) value = in.Bytes(in.Packed());
    if (!in.ok() || operation > kRemove || (operation != kRemove && value.empty())) {
      return Corrupt("partial JSON update cut short");
    }
    const auto legs = PathReader(path).Read();
    if (!legs) return Corrupt("partial JSON update with a path that is none");
    JsonItem item;
    if (!value.empty()) item = {{}, static_cast<std::uint8_t>(value[0]), value.substr(1)};
    SL_TRY(document.Apply(operation, *legs, item));
  }
  return document.Print(form, out);
}

}  // namespace shardlift::binlog
