// The command line of attention-load.
#ifndef CLIENT_LOAD_COMMAND_LINE_H_
#define CLIENT_LOAD_COMMAND_LINE_H_

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "client/load/deployment.h"
#include "client/load/load_exit_code.h"
#include "client/load/objectives.h"
#include "client/load/protocol.h"
#include "client/load/step.h"

namespace attention::load {

enum class Action : std::uint8_t { kRun, kSweep, kCompare };

struct CommandLine {
  Action action = Action::kRun;

  Access access{};  // with enough connections unless a flag says how many
  // kCompare: the second deployment; all else of `access` holds for it, too.
  std::vector<std::string> against{};

  const Protocol* protocol = &TypedProtocol();
  // kCompare: of the second deployment. Otherwise the same.
  const Protocol* against_protocol = &TypedProtocol();

  // A file; empty: DefaultWorkload().
  std::string workload{};
  std::uint64_t seed = 0;  // 0: the workload's

  // kRun and kCompare.
  Load load{.arrivals = Arrivals::kPoisson, .rate = 100};
  double warm_up_s = 1;
  double duration_s = 10;
  // kSweep.
  double first_rate = 10;
  double max_rate = 1e6;
  double resolution = 1.05;
  double recovery_s = 10;
  // kCompare.
  int rounds = 5;

  double connect_s = 5;
  double timeout_s = 10;
  std::int64_t max_in_flight = 10'000;
  int threads = 1;
  int streams = 0;

  double verify_share = 0;
  std::map<std::string, std::string> weights{};

  // Not for kCompare.
  std::vector<Objective> objectives{};

  // Files to write; empty: none.
  std::string json{};
  std::string csv{};
  std::string html{};
  bool is_quiet = false;
};

// What to do, or how to leave at once: after --help, or with kUsage when one
// line on stderr has said what is wrong.
std::variant<CommandLine, LoadExitCode> ParseLoadCommandLine(
    int argc, const char* const* argv);

}  // namespace attention::load

#endif  // CLIENT_LOAD_COMMAND_LINE_H_
