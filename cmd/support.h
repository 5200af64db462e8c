// What the subcommands share: errors and results on their streams, durations, signals.
//
// Results go to standard output, one document; everything else to standard error. Thread rules: main thread only, but
// for the stop flag.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace CLI {
class App;
}

namespace shardlift::cmd {

// Prints "shardlift: error: ..." and returns the exit code. With `json_command` ("migrate") a document
// {"schema": "shardlift.migrate/1", "error": {...}} goes to standard output besides.
int Fail(const base::Status& status, std::string_view json_command = {});

// Writes a result to standard output; `exit_code`, or 3 when it cannot be written (a full disk, a closed pipe).
int Finish(std::string_view text, int exit_code);

// "90s", "10m", "2h", "1d"; kUsage otherwise.
base::Result<std::chrono::seconds> ParseDuration(std::string_view text);

// From now to the next "HH:MM" of this machine's clock; kUsage when the text is none.
base::Result<std::chrono::seconds> SecondsUntil(std::string_view time_of_day);

// SIGINT and SIGTERM set the returned flag: a gentle stop. A second one ends the process at once. Idempotent.
const std::atomic<bool>* InstallStopSignals();

// What a rehearsal or another program follows a long command by.
struct EventFlags {
  int events_fd = -1;
  std::vector<std::string> pauses;
};
// Declares --events-fd and --pause-at; `flags` must outlive the parsing.
void AddEventFlags(CLI::App* sub, EventFlags* flags);
// Opens the descriptor and installs the pauses; before threads run.
base::Status UseEventFlags(const EventFlags& flags);

}  // namespace shardlift::cmd
