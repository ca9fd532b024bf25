// The command line of attention-client.
#include "client/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <map>

#include "absl/strings/str_cat.h"

namespace attention {
namespace {

constexpr char kFooter[] = R"(
Exit codes:
  0  done
  1  a check failed (selftest)
  2  wrong usage, or a file that cannot be read or written
  3  the server cannot be reached
  4  the server refused the request, or is not serving (health)
  5  no answer before the deadline

Examples:
  attention-client info
  attention-client attend --text "it was too tired" --weights average
  attention-client attend --input queries.npy --output contexts.npy)";

constexpr char kAttendFooter[] = R"(
Files:
  .safetensors  tensors queries [keys values attn_mask q_lengths kv_lengths];
                written: contexts [attn_weights]
  .npy          queries; written: contexts

Examples:
  attention-client attend --text "the cup was full" --text "hello" --head 3
  attention-client attend --random 8x128x384 --packed
  attention-client attend --input batch.safetensors --output out.safetensors)";

const std::map<std::string, ElementType> kElementTypes = {
    {"f32", ElementType::kF32},
    {"f16", ElementType::kF16},
    {"bf16", ElementType::kBF16}};
const std::map<std::string, ElementType> kComputeTypes = {
    {"f32", ElementType::kF32}, {"bf16", ElementType::kBF16}};
const std::map<std::string, ReturnWeights> kReturnWeights = {
    {"none", ReturnWeights::kNone},
    {"average", ReturnWeights::kHeadAverage},
    {"per-head", ReturnWeights::kPerHead}};
const std::map<std::string, ColorMode> kColorModes = {
    {"auto", ColorMode::kAuto},
    {"always", ColorMode::kAlways},
    {"never", ColorMode::kNever}};

// An option whose value is one of the names in `values`.
template <typename Value, typename Target>
CLI::Option* AddChoice(CLI::App* app, const std::string& name, Target& target,
                       const std::map<std::string, Value>& values,
                       const std::string& description) {
  std::vector<std::string> names;
  names.reserve(values.size());
  for (const auto& [value_name, value] : values) {
    names.push_back(value_name);
  }
  return app
      ->add_option_function<std::string>(
          name,
          [&target, &values](const std::string& text) {
            target = values.at(text);
          },
          description)
      ->check(CLI::IsMember(names))
      ->option_text(absl::StrCat(CLI::detail::join(names, "|")));
}

void AddInputFlags(CLI::App* attend, AttendFlags& flags) {
  const std::string group = "What to attend over (one of the first three)";
  attend
      ->add_option(
          "--text", flags.texts,
          "A sentence, as embeddings of the demo model: what its first "
          "layer, minilm/0, reads; repeat it for a batch")
      ->allow_extra_args(false)
      ->option_text("SENTENCE")
      ->group(group);
  attend->add_option("--input", flags.input, "A .safetensors or .npy file")
      ->option_text("FILE")
      ->group(group);
  attend
      ->add_option("--random", flags.random,
                   "Normal random numbers: BATCHxLENxEMBED, for sdpa "
                   "BATCHxLENxHEADSxHEAD_DIM")
      ->option_text("SHAPE")
      ->group(group);
  attend->add_option("--seed", flags.seed, "Seed of --random")
      ->capture_default_str()
      ->group(group);
  attend
      ->add_flag("--packed", flags.packed,
                 "Send [tokens, embed_dim] without padding")
      ->group(group);
  AddChoice(attend, "--dtype", flags.dtype, kElementTypes,
            "Type to send embeddings in; default: as they are")
      ->group(group);
}

void AddComputationFlags(CLI::App* attend, AttendFlags& flags) {
  const std::string group = "What to compute";
  attend->add_option("--model", flags.model, "Name of the model")
      ->capture_default_str()
      ->group(group);
  AddChoice(attend, "--weights", flags.weights, kReturnWeights,
            "Attention weights to return and to show")
      ->group(group);
  attend->add_flag("--causal", flags.is_causal, "Only look back")->group(group);
  attend
      ->add_option("--scale", flags.scale,
                   "What scores are multiplied with; default: "
                   "1 / sqrt(head_dim)")
      ->option_text("NUMBER")
      ->group(group);
  attend->add_flag("--residual", flags.residual, "Add queries to contexts")
      ->group(group);
  AddChoice(attend, "--output-dtype", flags.output_dtype, kElementTypes,
            "Type of the answer; default: that of the queries")
      ->group(group);
  AddChoice(attend, "--compute-dtype", flags.compute_dtype, kComputeTypes,
            "Type to compute in; default: the model's, for sdpa f32")
      ->group(group);
  attend
      ->add_option("--priority", flags.priority,
                   "1 goes before 2 where requests wait, to priority_levels "
                   "of info; default: the server's")
      ->option_text("N")
      ->group(group);
}

void AddOutputFlags(CLI::App* attend, AttendFlags& flags) {
  const std::string group = "What to do with the answer";
  attend
      ->add_option("--output", flags.output,
                   "Write it to a .safetensors or .npy file")
      ->option_text("FILE")
      ->group(group);
  attend
      ->add_option("--head", flags.heads,
                   "Show this head (from 0) instead of the average; "
                   "repeatable; implies --weights per-head")
      ->allow_extra_args(false)
      ->check(CLI::NonNegativeNumber)
      ->option_text("N")
      ->group(group);
  AddChoice(attend, "--color", flags.color, kColorModes,
            "Colour of the heat map; auto: on a terminal, unless NO_COLOR is "
            "set")
      ->group(group);
}

// What the parser of single flags cannot see; empty when all is well.
std::string CheckAttend(AttendFlags& flags) {
  const int inputs = static_cast<int>(!flags.input.empty()) +
                     static_cast<int>(!flags.texts.empty()) +
                     static_cast<int>(!flags.random.empty());
  if (inputs != 1) {
    return absl::StrCat("attend takes exactly one of --text, --input and ",
                        "--random, got ", inputs);
  }
  if (!flags.heads.empty()) {
    if (flags.weights == ReturnWeights::kHeadAverage) {
      return "--head shows one head; use it with --weights per-head";
    }
    flags.weights = ReturnWeights::kPerHead;
  }
  return "";
}

ExitCode Usage(const std::string& message) {
  return Fail(ExitCode::kUsage, absl::InvalidArgumentError(absl::StrCat(
                                    message, "; see attention-client --help")));
}

}  // namespace

std::variant<CommandLine, ExitCode> ParseCommandLine(int argc,
                                                     const char* const* argv) {
  CommandLine line;
  CLI::App app("Sends embeddings to an Attention Server and shows the answer.",
               "attention-client");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.footer(kFooter);
  app.add_option("--server", line.server,
                 "Address of the server; also from ATTENTION_SERVER")
      ->envname("ATTENTION_SERVER")
      ->option_text("HOST:PORT [127.0.0.1:8001]");
  app.add_option("--timeout", line.timeout_s, "Deadline of a call in seconds")
      ->check(CLI::Range(0.001, 86400.0))
      ->option_text("SECONDS [30]");
  app.add_subcommand("info", "Shows what server it is and its limits");
  app.add_subcommand("health",
                     "Exits with 0 if the server takes requests, with 4 while "
                     "it warms up or stops");
  app.add_subcommand("models", "Lists the models of the server");
  CLI::App* attend =
      app.add_subcommand("attend", "Sends one batch of sequences");
  AddInputFlags(attend, line.attend);
  AddComputationFlags(attend, line.attend);
  AddOutputFlags(attend, line.attend);
  attend->footer(kAttendFooter);
  app.add_subcommand("selftest",
                     "Checks the kernel on this CPU against the "
                     "double-precision reference; needs no server");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      app.exit(error);
      return ExitCode::kOk;
    }
    return Usage(error.what());
  }
  const std::map<std::string, Command> commands = {
      {"info", Command::kInfo},
      {"health", Command::kHealth},
      {"models", Command::kModels},
      {"attend", Command::kAttend},
      {"selftest", Command::kSelftest}};
  if (app.get_subcommands().empty()) {
    return Usage(
        "a command is missing: info, health, models, attend or selftest");
  }
  line.command = commands.at(app.get_subcommands().front()->get_name());
  if (line.command == Command::kAttend) {
    const std::string wrong = CheckAttend(line.attend);
    if (!wrong.empty()) {
      return Usage(wrong);
    }
  }
  return line;
}

}  // namespace attention
