// The command line of attention-load.
#include "client/load/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/load/invalid_argument.h"
#include "core/base/status_macros.h"

namespace attention::load {
namespace {

constexpr char kFooter[] = R"(
Exit codes:
  0  done, and all objectives held
  1  an objective was missed, or compare had a turn without an answer
  2  wrong usage, or a file that cannot be read or written
  3  a server cannot be reached, or refuses the client
  4  the client was the bottleneck: the figures cannot be trusted
  5  --verify found a wrong answer, or no answer at all

Examples:
  attention-load sweep --slo p99=50ms --html knee.html
  attention-load run --rate 200 --duration 30 --slo p99=50ms,errors=0
  attention-load run --concurrency 16 --workload ragged.json
  attention-load compare --target old:8001 --against new:8001 --rate 100
  attention-load compare --against 127.0.0.1:8001 --against-protocol oip)";

constexpr double kDay = 86'400;
// A server's gRPC takes 1,024 calls of a connection at once; others would wait
// inside the client's gRPC, where no report can see it.
constexpr std::int64_t kCallsOfConnection = 1000;

// Flags whose values are read further once all are known.
struct RawFlags {
  std::string targets = "127.0.0.1:8001";
  std::string against{};
  std::string protocol = TypedProtocol().name();
  std::string against_protocol{};
  int connections = 0;
  std::string tls_ca{};
  std::string tls_certificate{};
  std::string tls_key{};
  std::string token_file{};
  std::string arrivals = "poisson";
  std::optional<double> rate{};
  std::optional<int> concurrency{};
  std::optional<std::string> slo{};
  std::vector<std::string> weights{};
};

// CLI::Range takes nan, which is neither less than the one nor more than the
// other.
CLI::Validator Between(double lowest, double highest) {
  return {[lowest, highest](const std::string& text) -> std::string {
            double value = 0;
            const bool is_in_range = absl::SimpleAtod(text, &value) &&
                                     value >= lowest && value <= highest;
            return is_in_range ? ""
                               : absl::StrCat(text, " is not a number from ",
                                              lowest, " to ", highest);
          },
          ""};
}

void AddTargetFlags(CLI::App& app, RawFlags& raw, CommandLine& line) {
  const std::string group = "Servers";
  app.add_option("--target", raw.targets,
                 "Addresses, used in turn; also from ATTENTION_SERVER")
      ->envname("ATTENTION_SERVER")
      ->option_text("HOST:PORT[,...] [127.0.0.1:8001]")
      ->group(group);
  app.add_option(
         "--protocol", raw.protocol,
         "typed: attention.v1.AttentionService; oip: the Open Inference "
         "Protocol, inference.GRPCInferenceService")
      ->check(CLI::IsMember(ProtocolNames()))
      ->option_text("typed|oip [typed]")
      ->group(group);
  app.add_option("--connections", raw.connections,
                 "Connections to each target; 0: enough, one for each 1000 "
                 "calls that may be under way, as a server takes no more than "
                 "1024 calls of a connection at once")
      ->check(CLI::Range(0, 1000))
      ->option_text("N [0]")
      ->group(group);
  app.add_option("--connect-timeout", line.connect_s,
                 "How long to wait for all of them to serve")
      ->check(Between(0.001, 3600.0))
      ->option_text("SECONDS [5]")
      ->group(group);
  app.add_option("--streams", line.streams,
                 "Send over this many streams a thread, each of which stays "
                 "with one connection; 0: a call a request")
      ->check(CLI::Range(0, 1000))
      ->option_text("N [0]")
      ->group(group);
  app.add_flag("--tls", line.access.tls, "Encrypt")->group(group);
  app.add_option("--tls-ca", raw.tls_ca,
                 "Authorities to trust, PEM; default: the system's")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--tls-cert", raw.tls_certificate,
                 "The client's certificate, PEM")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--tls-key", raw.tls_key, "Its private key, PEM")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--tls-name", line.access.tls_name,
                 "Name in the server's certificate; default: the host")
      ->option_text("NAME")
      ->group(group);
  app.add_option("--token-file", raw.token_file,
                 "Holds a token, sent as authorization: Bearer TOKEN")
      ->option_text("FILE")
      ->group(group);
}

void AddRequestFlags(CLI::App& app, RawFlags& raw, CommandLine& line) {
  const std::string group = "Requests";
  app.add_option("--workload", line.workload,
                 "What requests are made of; default: sentences for the demo "
                 "model, one a request")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--seed", line.seed, "Default: the workload's")
      ->check(CLI::PositiveNumber)
      ->option_text("N")
      ->group(group);
  app.add_option("--timeout", line.timeout_s,
                 "Deadline of requests that the workload gives none")
      ->check(Between(0.001, kDay))
      ->option_text("SECONDS [10]")
      ->group(group);
  app.add_option("--verify", line.verify_share,
                 "Share of the answers to compare with the double-precision "
                 "reference, after each step; at most 256 of a step and thread")
      ->check(Between(0.0, 1.0))
      ->option_text("SHARE [0]")
      ->group(group);
  app.add_option("--weights", raw.weights,
                 "Parameters of a model, for --verify; as the server's --model")
      ->allow_extra_args(false)
      ->option_text("NAME=PATH")
      ->group(group);
}

void AddMeasuringFlags(CLI::App& app, RawFlags& raw, CommandLine& line) {
  const std::string group = "Measuring";
  app.add_option("--duration", line.duration_s, "Of each step")
      ->check(Between(0.1, 3600.0))
      ->option_text("SECONDS [10]")
      ->group(group);
  app.add_option("--warm-up", line.warm_up_s,
                 "Before each step, at its load; not counted")
      ->check(Between(0.0, 3600.0))
      ->option_text("SECONDS [1]")
      ->group(group);
  app.add_option("--slo", raw.slo,
                 "Objectives of run and sweep: pN=TIME (us, ms, s), "
                 "errors=PERCENT, rate=N; sweep: p99=50ms,errors=1")
      ->option_text("LIST")
      ->group(group);
  app.add_option("--threads", line.threads,
                 "Pairs of threads, one that sends and one that receives")
      ->check(CLI::Range(1, 256))
      ->option_text("N [1]")
      ->group(group);
  app.add_option("--max-in-flight", line.max_in_flight,
                 "Requests under way; an open loop drops what would exceed it, "
                 "and counts that; on streams no more than the server reads of "
                 "them, max_stream_requests each")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}))
      ->option_text("N [10000]")
      ->group(group);
}

void AddReportFlags(CLI::App& app, CommandLine& line) {
  const std::string group = "Reports";
  app.add_option("--json", line.json, "Everything, as client/load/REPORTS.md")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--csv", line.csv,
                 "A row a step, with perf_analyzer's columns")
      ->option_text("FILE")
      ->group(group);
  app.add_option("--html", line.html, "One page with charts")
      ->option_text("FILE")
      ->group(group);
  app.add_flag("--quiet", line.is_quiet, "Show no progress")->group(group);
}

CLI::Option* AddArrivals(CLI::App* command, RawFlags& raw) {
  return command
      ->add_option("--arrivals", raw.arrivals,
                   "Gaps between the requests of an open loop")
      ->check(CLI::IsMember({"poisson", "constant"}))
      ->option_text("poisson|constant [poisson]");
}

void AddLoad(CLI::App* command, RawFlags& raw) {
  auto* rate =
      command
          ->add_option("--rate", raw.rate,
                       "Open loop: requests a second, whatever the server does")
          ->check(Between(0.001, 1e7))
          ->option_text("N [100]");
  command
      ->add_option("--concurrency", raw.concurrency,
                   "Closed loop instead: that many requests in flight")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N")
      ->excludes(rate)
      ->excludes(AddArrivals(command, raw));
}

void AddCommands(CLI::App& app, RawFlags& raw, CommandLine& line) {
  AddLoad(app.add_subcommand("run", "Offers one load and measures"), raw);
  CLI::App* sweep = app.add_subcommand(
      "sweep", "Finds the knee: the highest rate that holds the objectives");
  AddArrivals(sweep, raw);
  sweep->add_option("--first-rate", line.first_rate, "Where it begins")
      ->check(Between(0.01, 1e7))
      ->option_text("N [10]");
  sweep->add_option("--max-rate", line.max_rate, "Where it ends at the latest")
      ->check(Between(0.01, 1e7))
      ->option_text("N [1000000]");
  sweep
      ->add_option("--resolution", line.resolution,
                   "Factor between the rates around the knee")
      ->check(Between(1.001, 2.0))
      ->option_text("N [1.05]");
  sweep
      ->add_option("--recovery", line.recovery_s,
                   "How long 0.8 of the knee is offered after each overload")
      ->check(Between(0.25, 600.0))
      ->option_text("SECONDS [10]");
  CLI::App* compare = app.add_subcommand(
      "compare", "Measures two deployments, A B A B, and their ratios");
  AddLoad(compare, raw);
  compare->add_option("--against", raw.against, "B; --target is A")
      ->required()
      ->option_text("HOST:PORT[,...]");
  compare
      ->add_option("--against-protocol", raw.against_protocol,
                   "Of B; default: --protocol")
      ->check(CLI::IsMember(ProtocolNames()))
      ->option_text("typed|oip");
  compare->add_option("--rounds", line.rounds, "Of A and B")
      ->check(CLI::Range(2, 1000))
      ->option_text("N [5]");
}

absl::StatusOr<std::string> ReadFile(const char* flag,
                                     const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return Invalid(flag, ": ", path, " is a directory, must be a file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return Invalid(flag, ": ", path, " cannot be read");
  std::string contents(std::istreambuf_iterator<char>(file), {});
  if (contents.empty()) return Invalid(flag, ": ", path, " is empty");
  return contents;
}

absl::Status ReadTlsFiles(const RawFlags& raw, Access& access) {
  if (!access.tls && (!raw.tls_ca.empty() || !raw.tls_certificate.empty() ||
                      !raw.tls_key.empty() || !access.tls_name.empty())) {
    return Invalid("--tls-ca, --tls-cert, --tls-key and --tls-name need --tls");
  }
  struct File {
    const char* flag;
    const std::string& path;
    std::string& contents;
  };
  for (const File& file :
       {File{"--tls-ca", raw.tls_ca, access.tls_ca},
        File{"--tls-cert", raw.tls_certificate, access.tls_certificate},
        File{"--tls-key", raw.tls_key, access.tls_key}}) {
    if (file.path.empty()) continue;
    ATTENTION_ASSIGN_OR_RETURN(file.contents, ReadFile(file.flag, file.path));
  }
  return absl::OkStatus();
}

absl::Status ReadToken(const std::string& path, Access& access) {
  if (path.empty()) return absl::OkStatus();
  ATTENTION_ASSIGN_OR_RETURN(const std::string contents,
                             ReadFile("--token-file", path));
  // A file usually ends with a line break.
  access.token = std::string(absl::StripAsciiWhitespace(contents));
  // What gRPC takes as metadata; it ends the process for anything else.
  if (access.token.empty() ||
      !std::all_of(access.token.begin(), access.token.end(), [](char c) {
        return absl::ascii_isprint(static_cast<unsigned char>(c));
      })) {
    return Invalid("--token-file: ", path,
                   " must hold one line of printable ASCII, the token");
  }
  return absl::OkStatus();
}

absl::Status FinishObjectives(const RawFlags& raw, CommandLine& line) {
  if (line.action == Action::kCompare && raw.slo.has_value()) {
    return Invalid(
        "--slo is for run and sweep; compare gives ratios and judges neither "
        "deployment");
  }
  if (line.action == Action::kRun && !raw.slo.has_value()) {
    return absl::OkStatus();
  }
  auto objectives = ParseObjectives(raw.slo.value_or("p99=50ms,errors=1"));
  if (!objectives.ok()) {
    return Invalid("--slo: ", objectives.status().message());
  }
  line.objectives = *std::move(objectives);
  return absl::OkStatus();
}

absl::Status FinishWeights(const RawFlags& raw, CommandLine& line) {
  for (const std::string& text : raw.weights) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(text, absl::MaxSplits('=', 1));
    if (parts.first.empty() || parts.second.empty()) {
      return Invalid("--weights is ", text, ", must be NAME=PATH");
    }
    if (!line.weights.insert(parts).second) {
      return Invalid("--weights names ", parts.first,
                     " twice, must name each model once");
    }
  }
  if (!line.weights.empty() && line.verify_share == 0) {
    return Invalid(
        "--weights is for --verify, which is 0; give --verify a share");
  }
  return absl::OkStatus();
}

// How many connections to a target take the calls that are under way at once.
int EnoughConnections(const CommandLine& line, std::size_t targets) {
  std::int64_t calls = line.max_in_flight;
  if (line.streams > 0) {
    calls = std::int64_t{line.streams} * line.threads;
  } else if (line.load.arrivals == Arrivals::kClosed) {
    calls = line.load.concurrency;
  }
  const auto at_once = kCallsOfConnection * static_cast<std::int64_t>(targets);
  return static_cast<int>((calls + at_once - 1) / at_once);
}

absl::Status FinishConnections(const RawFlags& raw, CommandLine& line) {
  if (line.max_in_flight < line.threads) {
    return Invalid("--max-in-flight is ", line.max_in_flight,
                   ", must be at least --threads, ", line.threads);
  }
  std::size_t fewest = line.access.targets.size();
  std::size_t most = fewest;
  if (line.action == Action::kCompare) {
    fewest = std::min(fewest, line.against.size());
    most = std::max(most, line.against.size());
  }
  line.access.connections =
      raw.connections > 0 ? raw.connections : EnoughConnections(line, fewest);
  // A stream stays with one connection, and so with one target.
  const std::int64_t streams = std::int64_t{line.streams} * line.threads;
  const std::int64_t connections =
      line.access.connections * static_cast<std::int64_t>(most);
  if (line.streams > 0 && streams < connections) {
    return Invalid("--streams times --threads is ", streams,
                   ", must be at least one for each of the ", connections,
                   " connections, --connections to each of ", most,
                   " targets; raise --streams");
  }
  return absl::OkStatus();
}

absl::Status ReadAddresses(const char* flag, const std::string& list,
                           std::vector<std::string>& addresses) {
  for (const absl::string_view part :
       absl::StrSplit(list, ',', absl::SkipWhitespace())) {
    addresses.emplace_back(absl::StripAsciiWhitespace(part));
  }
  return addresses.empty() ? Invalid(flag, " is \"", list,
                                     "\", must name a server, HOST:PORT")
                           : absl::OkStatus();
}

// What the parser of single flags cannot see.
absl::Status Finish(const RawFlags& raw, CommandLine& line) {
  ATTENTION_RETURN_IF_ERROR(
      ReadAddresses("--target", raw.targets, line.access.targets));
  if (line.action == Action::kCompare) {
    ATTENTION_RETURN_IF_ERROR(
        ReadAddresses("--against", raw.against, line.against));
  }
  // The parser has seen to it that there are such protocols.
  line.protocol = FindProtocol(raw.protocol);
  line.against_protocol = raw.against_protocol.empty()
                              ? line.protocol
                              : FindProtocol(raw.against_protocol);
  line.load.arrivals =
      raw.arrivals == "constant" ? Arrivals::kConstant : Arrivals::kPoisson;
  if (raw.rate.has_value()) line.load.rate = *raw.rate;
  if (raw.concurrency.has_value()) {
    line.load = {.arrivals = Arrivals::kClosed,
                 .concurrency = *raw.concurrency};
  }
  ATTENTION_RETURN_IF_ERROR(ReadTlsFiles(raw, line.access));
  ATTENTION_RETURN_IF_ERROR(ReadToken(raw.token_file, line.access));
  ATTENTION_RETURN_IF_ERROR(FinishObjectives(raw, line));
  ATTENTION_RETURN_IF_ERROR(FinishWeights(raw, line));
  return FinishConnections(raw, line);
}

LoadExitCode Usage(const std::string& message) {
  return Leave(LoadExitCode::kUsage,
               absl::InvalidArgumentError(
                   absl::StrCat(message, "; see attention-load --help-all")));
}

}  // namespace

std::variant<CommandLine, LoadExitCode> ParseLoadCommandLine(
    int argc, const char* const* argv) {
  CommandLine line;
  RawFlags raw;
  CLI::App app(
      "Says how much an Attention Server holds, and how it behaves beyond.",
      "attention-load");
  app.set_help_all_flag("--help-all", "Help for every command");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.footer(kFooter);
  AddTargetFlags(app, raw, line);
  AddRequestFlags(app, raw, line);
  AddMeasuringFlags(app, raw, line);
  AddReportFlags(app, line);
  AddCommands(app, raw, line);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return Usage(error.what());
    app.exit(error);
    return LoadExitCode::kOk;
  }
  if (app.get_subcommands().empty()) {
    return Usage("a command is missing: run, sweep or compare");
  }
  const std::map<std::string, Action> actions = {{"run", Action::kRun},
                                                 {"sweep", Action::kSweep},
                                                 {"compare", Action::kCompare}};
  line.action = actions.at(app.get_subcommands().front()->get_name());
  if (absl::Status status = Finish(raw, line); !status.ok()) {
    return Usage(std::string(status.message()));
  }
  return line;
}

}  // namespace attention::load
