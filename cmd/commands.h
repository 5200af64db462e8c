// The subcommands of `shardlift`. Each Add* declares one with its flags; when it is the one that was called, its
// callback runs the work and stores the exit code (0 done and clean, 1 findings, 2 usage or configuration,
// 3 environment, 4 refused, 5 stopped with work left, 70 internal).
#pragma once

namespace CLI {
class App;
}

namespace shardlift::cmd {

void AddConfig(CLI::App& app, int* exit_code);
void AddPlan(CLI::App& app, int* exit_code);
void AddSchema(CLI::App& app, int* exit_code);
void AddStore(CLI::App& app, int* exit_code);
void AddMigrate(CLI::App& app, int* exit_code);
void AddVerify(CLI::App& app, int* exit_code);
void AddCertificate(CLI::App& app, int* exit_code);
void AddRepair(CLI::App& app, int* exit_code);
void AddDeadLetter(CLI::App& app, int* exit_code);
void AddBinlog(CLI::App& app, int* exit_code);
void AddRoute(CLI::App& app, int* exit_code);
void AddRehearse(CLI::App& app, int* exit_code);

}  // namespace shardlift::cmd
