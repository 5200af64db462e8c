// Writes the golden files from real servers: build/.../binlog_golden_writer, run in the top folder of the sources. The
// .expected text is what this decoder says; look at the difference before committing it.
#include <fmt/format.h>

#include <fstream>

#include "tests/binlog/golden.h"
#include "tests/binlog/live.h"

namespace shardlift::binlog {
namespace {

constexpr std::string_view kColumns =
    "id INT PRIMARY KEY, i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, i24 MEDIUMINT, u32 INT UNSIGNED, i64 BIGINT, "
    "u64 BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(12,4), n65 DECIMAL(65,30), b1 BIT(1), b13 BIT(13), y YEAR, da "
    "DATE, "
    "t0 TIME, t3 TIME(3), dt0 DATETIME, dt6 DATETIME(6), ts0 TIMESTAMP NULL, ts2 TIMESTAMP(2) NULL, "
    "c CHAR(10) CHARACTER SET latin1, cl CHAR(255), vc VARCHAR(20) CHARACTER SET gbk, vl VARCHAR(300), bi BINARY(6), "
    "vb VARBINARY(10), te TEXT, bl BLOB, e ENUM('x','y','z'), s SET('a','b','c'), ge GEOMETRY, j JSON";
constexpr std::string_view kFullRow =
    "-128, 255, -32768, -8388608, 4294967295, -9223372036854775808, 18446744073709551615, 16777215, 0.1, "
    "-12345678.9012, "
    "12345678901234567890123456789012345.123456789012345678901234567890, 1, 5000, 2024, '2024-02-29', '-838:59:59', "
    "'-00:00:01.005', '9999-12-31 23:59:59', '1000-01-01 00:00:00.000001', '2038-01-19 03:14:07', '1970-01-01 "
    "00:00:01.25', "
    "'caf\xc3\xa9', REPEAT('\xe4\xb8\xad', 200), '\xe4\xb8\xad\xe6\x96\x87', REPEAT('v', 300), X'610062000000', "
    "X'00ff', "
    "'text', X'0001', 'z', 'a,c', ST_GeomFromText('POINT(1 2)'), "
    "'{\"b\": [1, -2.5, true, null, \"x\\\\ny\"], \"long key\": {\"u\": 18446744073709551615}}'";

class Writer : public LiveTest {};

TEST_P(Writer, Write) {
  Sql("SET SESSION sql_mode = ''");
  Sql(fmt::format("CREATE TABLE g ({})", kColumns));
  const mysql::TableSchema& schema = Watch("g");
  Sql("SET GLOBAL binlog_row_metadata = 'FULL'");
  Sql("FLUSH BINARY LOGS");
  const std::string file = One(maria() ? "SHOW MASTER STATUS" : "SHOW BINARY LOG STATUS");
  Sql(fmt::format("INSERT INTO g VALUES (1, {})", kFullRow));
  Sql("INSERT INTO g (id) VALUES (2), (3)");
  Sql("UPDATE g SET da = '0000-00-00', dt0 = '0000-00-00 00:00:00', ts0 = '0000-00-00 00:00:00', y = 0, t0 = "
      "'00:00:01' "
      "WHERE id = 2");
  Sql("START TRANSACTION");
  Sql("DELETE FROM g WHERE id = 3");
  Sql("SAVEPOINT a");
  Sql("UPDATE g SET i8 = 1");
  Sql("ROLLBACK TO a");
  Sql("COMMIT");
  Sql("SET SESSION binlog_row_image = 'MINIMAL'");
  Sql("UPDATE g SET vc = 'x' WHERE id = 1");
  Sql("SET SESSION binlog_row_image = 'FULL'");
  if (maria()) Sql("SET GLOBAL log_bin_compress = 1");
  if (!maria()) Sql("SET SESSION binlog_transaction_compression = 1");
  auto session = Connect(GetParam());
  if (!maria()) SqlOn(*session, "SET SESSION binlog_transaction_compression = 1");
  SqlOn(*session, "UPDATE db.g SET te = REPEAT('compressed ', 100) WHERE id = 1");
  if (maria()) Sql("SET GLOBAL log_bin_compress = 0");
  for (const char* end : {"COMMIT", "ROLLBACK"}) {
    SqlOn(*session, "XA START 'x'");
    SqlOn(*session, "INSERT INTO db.g (id) VALUES (10)");
    SqlOn(*session, "XA END 'x'");
    SqlOn(*session, "XA PREPARE 'x'");
    SqlOn(*session, fmt::format("XA {} 'x'", end));
    Sql("DELETE FROM g WHERE id = 10");
  }
  if (!maria()) {
    Sql("SET gtid_next = 'AUTOMATIC:golden'");
    Sql("INSERT INTO g (id) VALUES (11)");
    Sql("SET gtid_next = 'AUTOMATIC'");
  }
  Sql("ALTER TABLE g COMMENT 'the end'");
  Sql("FLUSH BINARY LOGS");
  const std::string base = std::string(kGoldenDirectory) + (maria() ? "mariadb" : "mysql");
  const std::string bytes = ReadFile(ServerOf(GetParam()).data_directory() + "/" + file);
  ASSERT_GT(bytes.size(), 1000u);
  std::ofstream(base + ".binlog", std::ios::binary) << bytes;
  std::ofstream(base + ".schema") << SchemaText(schema);
  std::ofstream(base + ".expected") << DumpText(CutEvents(bytes), schema);
}

INSTANTIATE_TEST_SUITE_P(Servers, Writer, ::testing::Values(mysql::Flavour::kMariaDb, mysql::Flavour::kMySql),
                         FlavourOf);

}  // namespace
}  // namespace shardlift::binlog
