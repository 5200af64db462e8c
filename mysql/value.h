// Value: one column value of a legacy row, in the one form that chunk reads and binlog images share.
//
// The same row read by SELECT and decoded from a row event gives equal Values (invariant I3):
//   integers, YEAR          kInt or kUInt by the column's signedness
//   BIT                     kUInt
//   ENUM                    kUInt, the ordinal (0 is the server's "empty" error value)
//   SET                     kUInt, the member bit mask
//   FLOAT / DOUBLE          kFloat / kDouble, bits kept
//   DECIMAL                 kBytes, the server's text ("-12.50")
//   DATE TIME DATETIME      kBytes, the server's text with the column's fractional digits
//   TIMESTAMP               kBytes, the server's text in UTC
//   CHAR VARCHAR TEXT       kBytes in the column's own character set (never converted on the wire)
//   BINARY                  kBytes, padded with zero bytes to the column's length
//   VARBINARY BLOB GEOMETRY kBytes
//   JSON                    kBytes, the server's text in UTF-8 (MariaDB: the text as stored)
//   UUID INET4 INET6        kBytes, the server's text
//
// An integer that was read as text has that text in `bytes`, too; one from a row image has none.
//
// Ownership: `bytes` points into memory of whoever produced the value; it lives as long as that producer says.
#pragma once

#include <cstdint>
#include <string_view>

namespace shardlift::mysql {

enum class ValueKind : std::uint8_t {
  kAbsent,  // not in this row image (minimal / noblob); never the same as NULL
  kNull,
  kInt,
  kUInt,
  kFloat,
  kDouble,
  kBytes,
};

struct Value {
  ValueKind kind = ValueKind::kNull;
  union {
    std::int64_t i = 0;
    std::uint64_t u;
    double d;  // kDouble
    float f;   // kFloat
  };
  std::string_view bytes;

  static Value Absent() { return Make(ValueKind::kAbsent); }
  static Value Null() { return Make(ValueKind::kNull); }
  static Value Int(std::int64_t v) {
    Value r = Make(ValueKind::kInt);
    r.i = v;
    return r;
  }
  static Value UInt(std::uint64_t v) {
    Value r = Make(ValueKind::kUInt);
    r.u = v;
    return r;
  }
  static Value Float(float v) {
    Value r = Make(ValueKind::kFloat);
    r.f = v;
    return r;
  }
  static Value Double(double v) {
    Value r = Make(ValueKind::kDouble);
    r.d = v;
    return r;
  }
  static Value Bytes(std::string_view v) {
    Value r = Make(ValueKind::kBytes);
    r.bytes = v;
    return r;
  }
  bool is_null() const { return kind == ValueKind::kNull; }
  bool is_absent() const { return kind == ValueKind::kAbsent; }

 private:
  static Value Make(ValueKind kind) {
    Value r;
    r.kind = kind;
    return r;
  }
};

// Same kind and same bits (floats compared bit by bit).
bool SameValue(const Value& a, const Value& b);

}  // namespace shardlift::mysql
