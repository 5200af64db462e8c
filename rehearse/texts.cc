#include "rehearse/texts.h"

#include <fmt/format.h>

#include <array>

namespace shardlift::rehearse {
namespace {

// All of these exist in GBK. Several characters have 0x5C or 0x7C as their second byte there.
constexpr std::array<std::string_view, 28> kCommonPieces = {"你好，",
                                                            "今天下午三点开会。",
                                                            "请查收附件",
                                                            "誠信為本",
                                                            "乗車碼",
                                                            "價格：￥128元",
                                                            "订单已发货，",
                                                            "快递单号 SF",
                                                            "系统维护通知：",
                                                            "尊敬的用户，",
                                                            "您的验证码是 ",
                                                            "请勿泄露给他人！",
                                                            "周末一起吃饭吗？",
                                                            "收到",
                                                            "好的，谢谢",
                                                            "hello ",
                                                            "Order #",
                                                            "ok, see you ",
                                                            "It's fine; ",
                                                            "path C:\\temp\\new ",
                                                            "100% off_",
                                                            "\"quoted\" ",
                                                            "a\tb ",
                                                            "line one\nline two\r\n",
                                                            "<b>bold</b> & ",
                                                            "，。！？、",
                                                            "１２３ＡＢＣ",
                                                            "機場 "};
constexpr std::array<std::string_view, 12> kUtf8Pieces = {"😀",
                                                          "👍🏽",
                                                          "🎉🎉",
                                                          "👨‍👩‍👧 ",
                                                          "𠮷野家 ",
                                                          "naïve café ",
                                                          "Привет ",
                                                          "こんにちは ",
                                                          "안녕 ",
                                                          "\xE2\x80\xAE"
                                                          "rtl ",
                                                          "é̂ ",
                                                          "€ "};
constexpr std::array<std::string_view, 10> kJsonKeys = {"name", "amount", "订单号", "url",        "a",
                                                        "bb",   "count",  "emoji",  "nested key", "time"};
constexpr std::string_view kLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string_view Piece(Random& random, Repertoire repertoire) {
  if (repertoire == Repertoire::kUtf8mb4 && random.OneIn(4)) return kUtf8Pieces[random.Below(kUtf8Pieces.size())];
  return kCommonPieces[random.Below(kCommonPieces.size())];
}

void Fill(Random& random, Repertoire repertoire, std::size_t bytes, std::string* out) {
  while (out->size() < bytes) {
    out->append(Piece(random, repertoire));
    if (random.OneIn(3)) out->append(std::to_string(random.Below(100000)));
  }
}

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out->push_back('\\');
      out->push_back(c);
    } else if (c == '\n') {
      out->append("\\n");
    } else if (u < 0x20) {
      out->append(fmt::format("\\u{:04x}", u));
    } else {
      out->push_back(c);
    }
  }
  out->push_back('"');
}

void AppendJsonValue(Random& random, int depth, std::string* out);

void AppendJsonObject(Random& random, int depth, std::string* out) {
  out->push_back('{');
  const std::size_t members = random.Below(5);
  const std::size_t first = random.Below(kJsonKeys.size());
  for (std::size_t i = 0; i < members; ++i) {
    if (i > 0) out->append(random.OneIn(2) ? ", " : ",");
    AppendJsonString(kJsonKeys[(first + i) % kJsonKeys.size()], out);  // never the same key twice
    out->append(random.OneIn(2) ? ": " : ":");
    AppendJsonValue(random, depth + 1, out);
  }
  out->push_back('}');
}

void AppendJsonValue(Random& random, int depth, std::string* out) {
  const std::uint64_t kind = random.Below(depth < 3 ? 9 : 6);
  if (kind < 3) {
    AppendJsonString(ShortText(random, Repertoire::kUtf8mb4, 30), out);
  } else if (kind == 3) {
    out->append(std::to_string(static_cast<std::int64_t>(random.Below(2000000)) - 1000000));
  } else if (kind == 4) {
    out->append(std::to_string(random.Next() >> 1));  // up to 2^63 - 1
  } else if (kind == 5) {
    constexpr std::array<std::string_view, 4> kWords = {"true", "false", "null", "\"\""};
    out->append(kWords[random.Below(kWords.size())]);
  } else if (kind == 6) {
    out->push_back('[');
    const std::size_t items = random.Below(4);
    for (std::size_t i = 0; i < items; ++i) {
      if (i > 0) out->push_back(',');
      AppendJsonValue(random, depth + 1, out);
    }
    out->push_back(']');
  } else {
    AppendJsonObject(random, depth, out);
  }
}

}  // namespace

std::string BodyText(Random& random, Repertoire repertoire) {
  std::string out;
  const std::uint64_t kind = random.Below(100);
  if (kind < 3) return out;
  if (kind < 10) return ShortText(random, repertoire, 6);
  Fill(random, repertoire, kind < 98 ? random.Between(20, 380) : random.Between(3500, 4500), &out);
  if (random.OneIn(20)) out.append("  ");
  if (random.OneIn(50)) out.insert(0, " '\\' ");
  return out;
}

std::string ShortText(Random& random, Repertoire repertoire, std::size_t characters_max) {
  std::string out;
  Fill(random, repertoire, 1 + random.Below(characters_max), &out);
  std::size_t characters = 0;
  std::size_t at = 0;
  while (at < out.size() && (characters < characters_max || (static_cast<unsigned char>(out[at]) & 0xC0U) == 0x80U)) {
    if ((static_cast<unsigned char>(out[at]) & 0xC0U) != 0x80U) ++characters;
    ++at;
  }
  out.resize(at);
  if (characters < characters_max && random.OneIn(30)) out.push_back(' ');
  return out;
}

std::string JsonText(Random& random) {
  std::string out;
  AppendJsonObject(random, 0, &out);
  return out;
}

void AppendQuoted(std::string_view text, std::string* sql) {
  sql->push_back('\'');
  for (const char c : text) {
    if (c == '\0') {
      sql->append("\\0");
      continue;
    }
    if (c == '\'' || c == '\\') sql->push_back('\\');
    sql->push_back(c);
  }
  sql->push_back('\'');
}

std::string OpenId(Random& random) {
  std::string out = "o";
  const std::uint64_t user = random.Below(random.OneIn(3) ? 100 : 200000);
  Random name = Random::For(user, "open_id");
  if (name.OneIn(50)) out.append("用户😀");
  for (int i = 0; i < 21; ++i) out.push_back(kLetters[name.Below(kLetters.size())]);
  return out;
}

std::string UserName(Random& random) {
  constexpr std::array<std::string_view, 8> kNames = {"Alice", "bob",       "ZhangWei", "LI_NA",
                                                      "admin", "Wang.Fang", "O'Neil",   "測試員"};
  const std::uint64_t user = random.Below(random.OneIn(3) ? 100 : 100000);
  Random name = Random::For(user, "username");
  std::string out(kNames[name.Below(kNames.size())]);
  out.append(std::to_string(name.Below(100000)));
  if (name.OneIn(40)) out.append("小王");
  // The same account in another case: accounts are normalised to lower case on the way.
  if (random.OneIn(5)) {
    for (char& c : out) {
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    }
  }
  return out;
}

}  // namespace shardlift::rehearse
