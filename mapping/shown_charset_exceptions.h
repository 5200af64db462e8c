// Codes that mean another character, or none, on a server than in the C library. Found by the test that compares them.
#pragma once

#include <cstdint>
#include <string_view>

namespace shardlift::mapping {

struct ShownCharsetException {
  std::string_view charset;
  std::uint32_t first;  // of the codes, bytes in big-endian order
  std::uint32_t last;
};

inline constexpr ShownCharsetException kShownCharsetExceptions[] = {
    {"armscii8", 0xA2, 0xA2},    {"armscii8", 0xAD, 0xAD},    {"armscii8", 0xFE, 0xFE},    {"big5", 0xA145, 0xA145},
    {"big5", 0xA14E, 0xA14E},    {"big5", 0xA15A, 0xA15A},    {"big5", 0xA1C2, 0xA1C3},    {"big5", 0xA1C5, 0xA1C5},
    {"big5", 0xA1E3, 0xA1E3},    {"big5", 0xA1F2, 0xA1F3},    {"big5", 0xA1FE, 0xA1FE},    {"big5", 0xA240, 0xA242},
    {"big5", 0xA244, 0xA244},    {"big5", 0xA246, 0xA247},    {"big5", 0xA2CC, 0xA2CC},    {"big5", 0xA2CE, 0xA2CE},
    {"big5", 0xA3E1, 0xA3E1},    {"big5", 0xC6A1, 0xC6FE},    {"big5", 0xC740, 0xC77E},    {"big5", 0xC7A1, 0xC7FE},
    {"big5", 0xC840, 0xC87E},    {"big5", 0xC8A1, 0xC8FE},    {"big5", 0xF9DD, 0xF9FE},    {"cp1256", 0x8A, 0x8A},
    {"cp1256", 0x8F, 0x8F},      {"cp1256", 0x98, 0x98},      {"cp1256", 0x9A, 0x9A},      {"cp1256", 0x9F, 0x9F},
    {"cp1256", 0xAA, 0xAA},      {"cp1256", 0xC0, 0xC0},      {"cp1256", 0xFF, 0xFF},      {"cp866", 0xFC, 0xFD},
    {"gb18030", 0xA6D9, 0xA6DF}, {"gb18030", 0xA6EC, 0xA6ED}, {"gb18030", 0xA6F3, 0xA6F3}, {"gb18030", 0xFE51, 0xFE53},
    {"gb18030", 0xFE59, 0xFE59}, {"gb18030", 0xFE61, 0xFE61}, {"gb18030", 0xFE66, 0xFE67}, {"gb18030", 0xFE6C, 0xFE6D},
    {"gb18030", 0xFE76, 0xFE76}, {"gb18030", 0xFE7E, 0xFE7E}, {"gb18030", 0xFE90, 0xFE91}, {"gb18030", 0xFEA0, 0xFEA0},
    {"geostd8", 0x80, 0x81},     {"geostd8", 0x83, 0x83},     {"geostd8", 0x88, 0x88},     {"geostd8", 0x8A, 0x8A},
    {"geostd8", 0x8C, 0x90},     {"geostd8", 0x98, 0x9A},     {"geostd8", 0x9C, 0x9F},     {"geostd8", 0xE6, 0xFF},
    {"greek", 0xA1, 0xA2},       {"greek", 0xA4, 0xA5},       {"greek", 0xAA, 0xAA},       {"hebrew", 0xAF, 0xAF},
    {"koi8u", 0x95, 0x95},       {"macroman", 0xC6, 0xC6},    {"macroman", 0xF0, 0xF0},    {"swe7", 0x24, 0x24},
    {"swe7", 0x40, 0x40},        {"swe7", 0x5E, 0x5E},        {"swe7", 0x60, 0x60},        {"swe7", 0x7E, 0x7F},

};

// Codes to which both servers give another character than the C library: backslash and tilde of the Japanese ones.
struct ServerCode {
  std::string_view charset;
  std::uint32_t code;
  std::uint32_t character;
};

inline constexpr ServerCode kServerCodes[] = {{"sjis", 0x5C, 0x5C},
                                              {"sjis", 0x7E, 0x7E},
                                              {"sjis", 0x815F, 0x5C},
                                              {"ujis", 0xA1C0, 0x5C},
                                              {"ujis", 0x8FA2B7, 0x7E}};

}  // namespace shardlift::mapping
