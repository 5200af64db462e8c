// Realistic text: Chinese, English, emoji, and what breaks careless tools (quotes, backslashes, line ends, trailing
// blanks).
#pragma once

#include <string>
#include <string_view>

#include "rehearse/random.h"

namespace shardlift::rehearse {

enum class Repertoire : std::uint8_t {
  kUtf8mb4,
  kGbk,  // UTF-8 text whose characters all exist in GBK
};

// A message body: usually 20 to 400 bytes, sometimes empty, tiny or about 4 KB.
std::string BodyText(Random& random, Repertoire repertoire);
// At most `characters_max` characters, at least one.
std::string ShortText(Random& random, Repertoire repertoire, std::size_t characters_max);
// A JSON object of strings, integers, booleans, nulls and nested objects and arrays; no floating point.
std::string JsonText(Random& random);
// Appends 'text' quoted for utf8mb4 connections with backslash escapes.
void AppendQuoted(std::string_view text, std::string* sql);
std::string OpenId(Random& random);
std::string UserName(Random& random);

}  // namespace shardlift::rehearse
