// The `shardlift` program: its command line, and the one place where failures become exit codes.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <exception>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "cmd/commands.h"
#include "cmd/support.h"

namespace shardlift::cmd {
namespace {

constexpr const char* kDescription =
    "Moves the messages of many legacy MySQL/MariaDB tables into one sharded store while applications keep writing, "
    "and "
    "proves that nothing was lost, doubled, altered or misplaced.";
constexpr const char* kFooter =
    "Exit codes: 0 done and clean, 1 findings, 2 usage or configuration, 3 environment (a retry may help), 4 refused "
    "for safety,\n5 stopped with work left, 70 internal error.";

struct GlobalFlags {
  std::string log_level = "info";
  std::string log_format = "text";
};

void AddGlobalFlags(CLI::App& app, GlobalFlags* flags) {
  app.set_version_flag("--version", std::string("shardlift ") + SHARDLIFT_VERSION);
  app.add_option("--log-level", flags->log_level, "Log lines from this level on, to standard error")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  app.add_option("--log-format", flags->log_format, "Log lines for people or for collectors")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void ConfigureLogging(const GlobalFlags& flags) {
  using base::LogLevel;
  const LogLevel level = flags.log_level == "debug"     ? LogLevel::kDebug
                         : flags.log_level == "warning" ? LogLevel::kWarning
                         : flags.log_level == "error"   ? LogLevel::kError
                         : flags.log_level == "off"     ? LogLevel::kOff
                                                        : LogLevel::kInfo;
  base::ConfigureLog(level, flags.log_format == "json" ? base::LogFormat::kJson : base::LogFormat::kText);
}

// Help and version are successes; everything else that the parser refuses is a usage error, whatever code it has.
int ParserEnded(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  return Fail(base::Status(base::Code::kUsage, std::string(error.what()) + "; run shardlift --help, or --help after a "
                                                                           "command, for what it takes"));
}

int Run(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);  // a closed reader is an error of the write, not the end of a migration
  CLI::App app(kDescription, "shardlift");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  GlobalFlags flags;
  AddGlobalFlags(app, &flags);
  app.parse_complete_callback([&flags] { ConfigureLogging(flags); });
  int exit_code = 0;
  AddConfig(app, &exit_code);
  AddPlan(app, &exit_code);
  AddSchema(app, &exit_code);
  AddStore(app, &exit_code);
  AddMigrate(app, &exit_code);
  AddVerify(app, &exit_code);
  AddCertificate(app, &exit_code);
  AddRepair(app, &exit_code);
  AddDeadLetter(app, &exit_code);
  AddRoute(app, &exit_code);
  AddBinlog(app, &exit_code);
#ifdef SHARDLIFT_WITH_REHEARSE
  AddRehearse(app, &exit_code);
#endif
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ParserEnded(app, error);
  }
  return exit_code;
}

}  // namespace
}  // namespace shardlift::cmd

int main(int argc, char** argv) {
  try {
    return shardlift::cmd::Run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, or a library that throws where it never should
    return shardlift::cmd::Fail(shardlift::base::Status(
        shardlift::base::Code::kInternal, fmt::format("unexpected failure: {}; please report it", error.what())));
  }
}
