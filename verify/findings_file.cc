#include "verify/findings_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

namespace shardlift::verify {
namespace {

using base::Code;
using base::Result;
using base::Status;
using OrderedJson = nlohmann::ordered_json;

constexpr const char* kFindingsSchema = "shardlift.findings/1";

std::string Part(const std::string& path) { return path + ".part"; }

Status FileError(const std::string& path, const char* what) {
  return {Code::kEnvironment, fmt::format("{}: {}: {}", path, what, std::strerror(errno))};
}

std::string Line(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace) + "\n";
}

std::optional<std::string> FromHex(std::string_view hex) {
  const auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return hex.size() % 2 == 0 ? std::optional(bytes) : std::nullopt;
}

// A text or number of a line; nothing when it is not there or of another type.
std::string TextOf(const OrderedJson& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t NumberOf(const OrderedJson& line, const char* name) {
  const auto found = line.find(name);
  return found != line.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

std::optional<Finding> FindingOf(const OrderedJson& line) {
  Finding finding;
  const std::optional<FindingKind> kind = FindingKindNamed(TextOf(line, "verdict"));
  const std::optional<std::string> key = FromHex(TextOf(line, "owner_key"));
  if (!kind || !key || key->empty()) return std::nullopt;
  finding.kind = *kind;
  finding.owner_key = *key;
  finding.mapping = TextOf(line, "mapping");
  finding.source = TextOf(line, "source");
  finding.table = TextOf(line, "table");
  finding.origin = static_cast<std::uint32_t>(NumberOf(line, "origin"));
  finding.table_ordinal = static_cast<std::uint32_t>(NumberOf(line, "table_ordinal"));
  return finding;
}

void TakeEnd(const OrderedJson& line, FindingsFile* file) {
  file->findings_total = NumberOf(line, "findings");
  file->rows_compared = NumberOf(line, "rows_compared");
  const auto tables = line.find("not_verified");
  if (tables == line.end() || !tables->is_array()) return;
  for (const OrderedJson& table : *tables) {
    if (!table.is_object()) continue;
    file->not_verified.push_back({TextOf(table, "source"), TextOf(table, "table"), TextOf(table, "reason")});
  }
}

}  // namespace

std::optional<FindingKind> FindingKindNamed(std::string_view name) {
  for (std::size_t kind = 0; kind < kFindingKinds; ++kind) {
    if (FindingKindName(static_cast<FindingKind>(kind)) == name) return static_cast<FindingKind>(kind);
  }
  return std::nullopt;
}

std::string UpperHex(std::string_view bytes) {
  std::string hex;
  for (const char c : bytes) hex += fmt::format("{:02X}", static_cast<unsigned char>(c));
  return hex;
}

Result<std::unique_ptr<FindingsWriter>> FindingsWriter::Open(const std::string& path, const job::JobConfig& config) {
  const std::string part = Part(path);
  const int fd = open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return FileError(part, "cannot be written; name another place with --findings");
  std::FILE* const file = fchmod(fd, 0600) == 0 ? fdopen(fd, "w") : nullptr;
  if (file == nullptr) {
    close(fd);
    return FileError(part, "cannot be written");
  }
  std::unique_ptr<FindingsWriter> writer(new FindingsWriter(path, file));
  writer->WriteLine(Line({{"schema", kFindingsSchema}, {"job", config.name}, {"fingerprint", config.fingerprint}}));
  return writer;
}

FindingsWriter::~FindingsWriter() {
  if (file_ == nullptr) return;
  std::fclose(file_);
  unlink(Part(path_).c_str());
}

void FindingsWriter::WriteLine(const std::string& line) {
  failed_ |= std::fwrite(line.data(), 1, line.size(), file_) != line.size();
}

void FindingsWriter::Add(const Finding& finding) {
  OrderedJson line{{"verdict", std::string(FindingKindName(finding.kind))},
                   {"mapping", finding.mapping},
                   {"source", finding.source},
                   {"table", finding.table},
                   {"origin", finding.origin},
                   {"table_ordinal", finding.table_ordinal},
                   {"owner_key", UpperHex(finding.owner_key)}};
  const std::string text = Line(line);
  const std::lock_guard lock(mutex_);
  WriteLine(text);
  ++lines_;
}

Status FindingsWriter::Finish(const VerifyReport& report) {
  for (const Finding& finding : report.findings) {
    if (finding.table.empty()) Add(finding);
  }
  OrderedJson not_verified = OrderedJson::array();
  for (const NotVerified& table : report.not_verified) {
    not_verified.push_back({{"source", table.source}, {"table", table.table}, {"reason", table.reason}});
  }
  WriteLine(Line({{"end", true},
                  {"lines", lines_},
                  {"findings", report.findings_total()},
                  {"rows_compared", report.rows_compared},
                  {"not_verified", not_verified}}));
  const std::string part = Part(path_);
  failed_ |= std::fflush(file_) != 0 || fsync(fileno(file_)) != 0;
  failed_ |= std::fclose(file_) != 0;
  file_ = nullptr;
  if (!failed_ && std::rename(part.c_str(), path_.c_str()) == 0) return base::Ok();
  Status status = FileError(path_, "the findings could not be written");
  unlink(part.c_str());
  return status;
}

Result<FindingsFile> ReadFindings(const std::string& path, const job::JobConfig& config) {
  std::ifstream in(path);
  if (!in) return FileError(path, "cannot be read");
  FindingsFile file;
  bool whole = false;
  std::string text;
  for (std::uint64_t number = 1; std::getline(in, text); ++number) {
    const OrderedJson line = OrderedJson::parse(text, nullptr, false);
    const bool head = number == 1;
    if (whole || !line.is_object() || (head && TextOf(line, "schema") != kFindingsSchema)) {
      return Status(Code::kUsage,
                    fmt::format("{}:{}: no line of a findings file; write one with verify --findings", path, number));
    }
    if (head && TextOf(line, "fingerprint") != config.fingerprint) {
      return Status(Code::kRefused,
                    fmt::format("{} was written for other mappings or another routing than those of {}; run verify "
                                "--findings with this job file",
                                path, config.path));
    }
    if (head) continue;
    if (line.contains("end")) {
      whole = NumberOf(line, "lines") == number - 2;
      TakeEnd(line, &file);
      if (!whole) break;
      continue;
    }
    std::optional<Finding> finding = FindingOf(line);
    if (!finding) return Status(Code::kUsage, fmt::format("{}:{}: no finding", path, number));
    file.findings.push_back(std::move(*finding));
  }
  if (whole) return file;
  return Status(Code::kRefused, fmt::format("{} is not whole: lines are missing; run verify --findings again", path));
}

}  // namespace shardlift::verify
