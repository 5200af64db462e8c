// Encodings, hashes, JSON and identity.
#include <openssl/evp.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "mapping/encodings.h"
#include "mapping/eval.h"
#include "mapping/json_check.h"
#include "mapping/json_path.h"
#include "store/router.h"

namespace shardlift::mapping {

namespace {

constexpr std::uint64_t kComposeIdMax = (1ull << 40) - 1;
constexpr std::uint64_t kNoBizTag = 0xFFFFFFFFu;
constexpr const char* kNotJson = "text that is not JSON, or nested too deeply";

const EVP_MD* Sha2(std::uint64_t bits) {
  switch (bits) {
    case 224: return EVP_sha224();
    case 384: return EVP_sha384();
    case 512: return EVP_sha512();
    default: return EVP_sha256();
  }
}

}  // namespace

bool Evaluator::EvalEncoding(const Expr& expr, Val* out) {
  switch (expr.op) {
    case Op::kHex: return EvalHex(expr, out);
    case Op::kUnhex: return EvalUnhex(expr, out);
    case Op::kToBase64:
    case Op::kFromBase64: return EvalBase64(expr, out);
    case Op::kCrc32:
    case Op::kSha2: return EvalHash(expr, out);
    case Op::kBucket: return EvalBucket(expr, out);
    case Op::kComposeId: return EvalComposeId(expr, out);
    case Op::kJsonObject: return EvalJsonObject(expr, out);
    case Op::kJsonExtract: return EvalJsonExtract(expr, out);
    default: return EvalJsonUnquote(expr, out);
  }
}

bool Evaluator::EvalHex(const Expr& expr, Val* out) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  std::string& text = pool_.New();
  if (expr.args[0]->type.kind == Kind::kInt) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      unsigned digit = static_cast<unsigned>(a.bits >> shift) & 15u;
      if (digit != 0 || !text.empty() || shift == 0) text.push_back(kDigits[digit]);
    }
  } else {
    AppendHex(a.bytes, true, &text);
  }
  *out = Val::Bytes(text);
  return true;
}

// As the servers: anything else than digits gives NULL.
bool Evaluator::EvalUnhex(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  std::string& bytes = pool_.New();
  *out = AppendUnhexed(a.bytes, &bytes) ? Val::Bytes(bytes) : Val();
  return true;
}

bool Evaluator::EvalBase64(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  std::string& text = pool_.New();
  if (expr.op == Op::kToBase64) {
    AppendBase64(a.bytes, &text);
  } else if (!AppendFromBase64(a.bytes, &text)) {
    return *out = Val(), true;
  }
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalHash(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  const auto* bytes = reinterpret_cast<const unsigned char*>(a.bytes.data());
  if (expr.op == Op::kCrc32) {
    *out = Val::Bits(crc32_z(0, bytes, a.bytes.size()));
    return true;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(bytes, a.bytes.size(), digest.data(), &size, Sha2(expr.number), nullptr) != 1) {
    return Bad("the digest could not be computed");
  }
  std::string& text = pool_.New();
  AppendHex({reinterpret_cast<const char*>(digest.data()), size}, false, &text);
  *out = Val::Bytes(text);
  return true;
}

bool Evaluator::EvalBucket(const Expr& expr, Val* out) {
  Val type;
  Val key;
  if (!Eval(*expr.args[0], &type) || !Eval(*expr.args[1], &key)) return false;
  Val tag = Val::Bits(kNoBizTag);
  if (expr.args.size() == 3 && !Eval(*expr.args[2], &tag)) return false;
  if (type.null || key.null || tag.null) return *out = Val(), true;
  if (type.bits > 0xFFFFFFFFu) return Bad("an account type outside 0 to 2^32 - 1");
  // A negative number has its upper bits set, and no tag that large is pinned.
  const auto biz_tag = static_cast<std::uint32_t>(std::min(tag.bits, kNoBizTag));
  const std::uint32_t bucket = expr.rules->BucketOf({static_cast<std::uint32_t>(type.bits), key.bytes, biz_tag});
  *out = bucket == store::kNoBucket ? Val() : Val::Bits(bucket);
  return true;
}

bool Evaluator::EvalComposeId(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  if (a.null) return *out = a, true;
  // A negative number has its upper bits set and is refused by the same comparison.
  if (a.bits > kComposeIdMax) return Bad("an id that does not fit in 40 bits");
  *out = Val::Bits(expr.number | a.bits);
  return true;
}

bool Evaluator::EvalJsonObject(const Expr& expr, Val* out) {
  std::string& text = pool_.New();
  text.push_back('{');
  for (std::size_t i = 0; i < expr.args.size(); i += 2) {
    if (i > 0) text.append(", ");
    AppendJsonString(expr.args[i]->text, json_upper_hex_, &text);
    text.append(": ");
    const Expr& arg = *expr.args[i + 1];
    Val value;
    if (!Eval(arg, &value)) return false;
    if (value.null) {
      text.append("null");
    } else if (arg.type.kind == Kind::kInt) {
      AppendInteger(arg.type, value, &text);
    } else if (arg.type.kind == Kind::kJson) {
      text.append(value.bytes);
    } else {
      AppendJsonString(value.bytes, json_upper_hex_, &text);
    }
  }
  *out = Val::Bytes(text.append("}"));
  return true;
}

bool Evaluator::EvalJsonExtract(const Expr& expr, Val* out) {
  Val json;
  if (!Eval(*expr.args[0], &json)) return false;
  if (json.null) return *out = json, true;
  if (expr.args[0]->type.kind == Kind::kText && !IsJson(json.bytes)) return Bad(kNotJson);
  std::string_view found;
  switch (FindInJson(json.bytes, std::span(expr.args).subspan(1), &found)) {
    case JsonStep::kFound: *out = Val::Bytes(found); return true;
    case JsonStep::kAbsent: *out = Val(); return true;
    case JsonStep::kNotAnArray: return Bad("an element of JSON that is no array");
    case JsonStep::kDuplicate: return Bad("a name that is twice in one JSON object");
  }
  return true;
}

bool Evaluator::EvalJsonUnquote(const Expr& expr, Val* out) {
  Val a;
  if (!Eval(*expr.args[0], &a)) return false;
  *out = a;
  if (a.null) return true;
  if (expr.args[0]->type.kind == Kind::kText && !IsJson(a.bytes)) return Bad(kNotJson);
  if (!a.bytes.starts_with('"')) return true;
  std::string& text = pool_.New();
  if (!AppendUnquoted(a.bytes, &text)) return Bad("a JSON string that is no text");
  *out = Val::Bytes(text);
  return true;
}

}  // namespace shardlift::mapping
