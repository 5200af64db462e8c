// Character sets of legacy columns, to UTF-8, with the servers' own tables.
//
// utf8mb4, utf8mb3 (utf8) and ascii pass as they are; latin1 is the servers' variant of cp1252 (the five bytes that
// cp1252 leaves undefined map to U+0081, U+008D, U+008F, U+0090, U+009D); gbk has the servers' table, which is glibc's
// GBK without the single byte 0x80 (all codes compared with both servers by a test). Thread rules: all functions may
// run anywhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace shardlift::mapping {

enum class Charset : std::uint8_t { kUnsupported, kUtf8, kAscii, kLatin1, kGbk };

// By the server's name ("gbk"); kUnsupported for any other.
Charset FindCharset(std::string_view name);

// Bytes that converting one byte can give at most.
std::uint64_t Utf8Expansion(Charset charset);

// True if the stored bytes are UTF-8 already (no copy needed).
inline bool IsPassThrough(Charset charset) { return charset == Charset::kUtf8; }

// Appends to `out`. False for bytes the character set does not have; `out` then holds a part.
// For kUtf8 the bytes are checked.
bool AppendUtf8(Charset charset, std::string_view bytes, std::string* out);

// Valid UTF-8 as the servers' utf8mb4 takes it: no surrogates, nothing above U+10FFFF, shortest form.
bool IsUtf8(std::string_view bytes);
// Characters of valid UTF-8.
std::size_t CountCharacters(std::string_view utf8);
// Byte offset of character `n` of valid UTF-8; size() if it has fewer.
std::size_t CharacterOffset(std::string_view utf8, std::uint64_t n);
// Appends the UTF-8 of a code point.
void AppendCharacter(std::uint32_t code_point, std::string* out);
// True if the text has a non-ASCII character that has, or may get, a case: LOWER and UPPER of such text differ
// between servers and versions.
bool HasCasedNonAscii(std::string_view utf8);

// 0..15, or -1.
int HexDigit(char c);

}  // namespace shardlift::mapping
