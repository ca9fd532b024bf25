// The command line of attention-client.
#ifndef CLIENT_CLI_COMMAND_LINE_H_
#define CLIENT_CLI_COMMAND_LINE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/cli/exit_code.h"
#include "client/cpp/attention_client.h"

namespace attention {

enum class ColorMode : std::uint8_t { kAuto, kAlways, kNever };

// Flags of `attend`.
struct AttendFlags {
  std::string model = "minilm/0";
  // Exactly one of these three says what to attend over.
  std::string input{};
  std::vector<std::string> texts{};
  std::string random{};
  std::uint64_t seed = 1;
  bool packed = false;
  std::optional<ElementType> dtype{};
  ReturnWeights weights = ReturnWeights::kNone;
  // Heads to show; empty: their average.
  std::vector<int> heads{};
  bool is_causal = false;
  std::optional<float> scale{};
  bool residual = false;
  std::optional<ElementType> output_dtype{};
  std::optional<ElementType> compute_dtype{};
  std::uint32_t priority = 0;
  std::string output{};
  ColorMode color = ColorMode::kAuto;
};

enum class Command : std::uint8_t {
  kInfo,
  kHealth,
  kModels,
  kAttend,
  kSelftest
};

struct CommandLine {
  Command command = Command::kInfo;
  std::string server = "127.0.0.1:8001";
  double timeout_s = 30;
  AttendFlags attend{};
};

// The command to run, or how to leave at once: after --help, or with kUsage
// when one line on stderr has said what is wrong.
std::variant<CommandLine, ExitCode> ParseCommandLine(int argc,
                                                     const char* const* argv);

}  // namespace attention

#endif  // CLIENT_CLI_COMMAND_LINE_H_
