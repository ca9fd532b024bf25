#include "server/flags.h"

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "server/base/version.h"

namespace attention {
namespace {

constexpr int kExitBadFlags = 2;

// Renders --help. CLI11's own formatter changes from version to version; this
// text is the same wherever the server is built.
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* app, std::string,
                        CLI::AppFormatMode) const override {
    std::string help = absl::StrCat(app->get_description(), "\n");
    for (const std::string& group : app->get_groups()) {
      absl::StrAppend(&help, "\n", group, ":\n");
      for (const CLI::Option* option : app->get_options(
               [&](const CLI::Option* o) { return o->get_group() == group; })) {
        AppendOption(*option, help);
      }
    }
    return help;
  }

 private:
  static void AppendOption(const CLI::Option& option, std::string& help) {
    absl::StrAppend(&help, "  ", option.get_name());
    if (!option.get_type_name().empty()) {
      absl::StrAppend(&help, " ", option.get_type_name());
    }
    if (!option.get_default_str().empty()) {
      absl::StrAppend(&help, " (", option.get_default_str(), ")");
    }
    absl::StrAppend(&help, "\n");
    const std::vector<std::string> lines =
        absl::StrSplit(option.get_description(), '\n');
    for (const std::string& line : lines) {
      absl::StrAppend(&help, "      ", line, "\n");
    }
  }
};

// "--grpc-port" -> "ATTENTION_GRPC_PORT".
std::string VariableName(const CLI::Option& option) {
  const std::string name = absl::StrReplaceAll(
      absl::StripPrefix(option.get_name(), "--"), {{"-", "_"}});
  return absl::StrCat("ATTENTION_", absl::AsciiStrToUpper(name));
}

bool IsGiven(const CLI::Option& option, const std::vector<std::string>& args) {
  const std::string name = option.get_name();
  for (const std::string& arg : args) {
    if (arg == name || absl::StartsWith(arg, name + "=")) return true;
  }
  return false;
}

// A value that an environment variable gives.
struct Variable {
  std::string flag;
  std::string name;
  std::string value;
};

// The variables whose flag is not given.
std::vector<Variable> ReadEnvironment(const CLI::App& app,
                                      const std::vector<std::string>& args) {
  std::vector<Variable> variables;
  for (const CLI::Option* option : app.get_options()) {
    const std::string flag = option->get_name();
    const bool is_action = !option->get_configurable() && flag != "--config";
    if (is_action || IsGiven(*option, args)) continue;
    const std::string name = VariableName(*option);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): there are no threads yet.
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || *value == '\0') continue;
    // What Kubernetes says of a service named `attention-grpc`.
    const bool is_port = absl::EndsWith(flag, "-port");
    if (is_port && absl::StartsWith(value, "tcp://")) continue;
    variables.push_back({flag, name, value});
  }
  return variables;
}

// Models with commas between them, and one before each type of their own.
std::vector<std::string> SplitModels(absl::string_view text) {
  std::vector<std::string> models;
  for (const absl::string_view part :
       absl::StrSplit(text, ',', absl::SkipEmpty())) {
    if (absl::StartsWith(part, "compute_dtype=") && !models.empty()) {
      absl::StrAppend(&models.back(), ",", part);
    } else {
      models.emplace_back(part);
    }
  }
  return models;
}

// Makes flags of them. CLI11 can read variables too, but lets the file of
// --config win over them.
void AddArgs(const CLI::App& app, const std::vector<Variable>& variables,
             std::vector<std::string>& args) {
  for (const Variable& variable : variables) {
    std::vector<std::string> items = {variable.value};
    if (app.get_option(variable.flag)->get_items_expected_max() > 1) {
      items = SplitModels(variable.value);
    }
    for (const std::string& item : items) {
      args.push_back(absl::StrCat(variable.flag, "=", item));
    }
  }
}

// A complaint about a flag that nobody wrote helps nobody: names the variable.
std::string NameVariables(std::string text,
                          const std::vector<Variable>& variables) {
  for (const Variable& variable : variables) {
    // With what follows, as a flag may begin with another's name.
    for (const char* end : {" ", ":"}) {
      text = absl::StrReplaceAll(
          text, {{absl::StrCat(variable.flag, end),
                  absl::StrCat(variable.flag, " (", variable.name, "=",
                               variable.value, ")", end)}});
    }
  }
  return text;
}

// Defines flags, group by group.
class Definer {
 public:
  explicit Definer(CLI::App& app) : app_(app) {}

  void Group(const std::string& name) { group_ = name; }

  template <typename T>
  void Value(const std::string& flag, const std::string& type, T& value,
             const std::string& description) {
    app_.add_option(flag, value, description)
        ->capture_default_str()
        ->type_name(type)
        ->group(group_);
  }

  // May be given several times; there is no default to show.
  void List(const std::string& flag, const std::string& type,
            std::vector<std::string>& values, const std::string& description) {
    app_.add_option(flag, values, description)->type_name(type)->group(group_);
  }

  void Switch(const std::string& flag, bool& value,
              const std::string& description) {
    app_.add_flag(flag, value, description)->group(group_);
  }

  // Makes the process say something and leave.
  void Action(const std::string& flag, bool& value,
              const std::string& description) {
    app_.add_flag(flag, value, description)->group(group_)->configurable(false);
  }

 private:
  CLI::App& app_;
  std::string group_;
};

struct Actions {
  bool version = false;
  bool print_config = false;
  bool check_config = false;
};

void DefineServing(Definer& define, ServerOptions& options) {
  define.Group("Models");
  define.List("--model", "NAME=PATH[,compute_dtype=f32|bf16]", options.models,
              "A model to serve, repeatable: a Hugging Face directory, or a\n"
              ".safetensors file of torch.nn.MultiheadAttention");
  define.Switch("--demo-model", options.demo_model,
                "Serve MiniLM's six attention layers as minilm/0 to minilm/5");
  define.Value("--compute-dtype", "TYPE", options.compute_dtype,
               "What models without their own compute_dtype compute in: f32,\n"
               "or bf16, which is faster, rounds to 8 bits and needs "
               "AVX512_BF16");
  define.Group("Ports");
  define.Value("--host", "ADDRESS", options.host,
               "Address of all ports; 127.0.0.1 keeps them to this machine");
  define.Value("--grpc-port", "PORT", options.grpc_port,
               "Port of the gRPC services, 0 for any free one");
  define.Value("--http-port", "PORT", options.http_port,
               "Port of the Open Inference Protocol over HTTP, 0 for any free\n"
               "one, -1 for none");
  define.Value("--metrics-port", "PORT", options.metrics_port,
               "Port of the Prometheus metrics, 0 for any free one, -1 for "
               "none");
  define.Value("--port-file", "FILE", options.port_file,
               "Write the ports here once they are bound");
}

void DefineClients(Definer& define, ServerOptions& options) {
  define.Group("Clients");
  define.Value(
      "--shared-memory", "WHOSE", options.shared_memory,
      "Whose shared memory is mapped when they ask: local, of clients\n"
      "that reach the server without leaving the machine, any, or off.\n"
      "All clients of a proxy on this machine are local: then off");
  define.Value("--model-control", "WHO", options.model_control,
               "Who may load and unload models and change what is logged:\n"
               "local, any or off; off behind a proxy on this machine");
}

void DefinePerformance(Definer& define, ServerOptions& options) {
  EngineOptions& engine = options.engine;
  define.Group("Performance");
  define.Value("--workers", "COUNT", engine.num_workers,
               "Threads that compute, 0 for one a core of the cgroup's quota");
  define.Switch("--pin-workers", engine.pin_workers,
                "Bind each worker to a CPU; for a machine of its own");
  define.Value("--max-isa", "ISA", options.max_isa,
               "Widest vector instructions: any, avx2 or avx512");
  define.Value("--max-batch-tokens", "TOKENS", engine.max_batch_tokens,
               "Tokens of one batch, and so of the largest request");
  define.Value("--max-batch-requests", "COUNT", engine.max_batch_requests,
               "Requests of one batch");
  define.Value("--max-batch-bytes", "BYTES", engine.max_batch_bytes,
               "Working memory of the batches that run at once");
}

void DefineLimits(Definer& define, ServerOptions& options) {
  EngineOptions& engine = options.engine;
  define.Group("Limits");
  define.Value("--max-request-bytes", "BYTES", options.max_request_bytes,
               "Bytes of one request message");
  define.Value("--max-response-bytes", "BYTES", options.max_response_bytes,
               "Bytes of one response message");
  define.Value("--max-sequences", "COUNT", options.max_sequences,
               "Sequences of one request");
  define.Value("--max-inflight-bytes", "BYTES", options.max_inflight_bytes,
               "Bytes of requests under way and their answers; one more is "
               "refused");
  define.Value("--max-queue-requests", "COUNT", engine.max_queue_requests,
               "Requests that wait; one more is refused");
  define.Value("--max-queue-tokens", "TOKENS", engine.max_queue_tokens,
               "Tokens that wait; a request that does not fit is refused");
}

void DefineOperation(Definer& define, ServerOptions& options) {
  define.Group("Operation");
  define.Value("--drain-seconds", "SECONDS", options.drain_seconds,
               "Longest time to finish accepted requests after SIGTERM");
  define.Value("--drain-delay-seconds", "SECONDS", options.drain_delay_seconds,
               "Time to go on serving after health says NOT_SERVING");
  define.Value("--log-level", "LEVEL", options.log_level,
               "Least level to log: debug, info, warning or error");
  define.Value("--log-format", "FORMAT", options.log_format,
               "Log lines for people or machines: text or json");
}

void DefineActions(CLI::App& app, Definer& define, Actions& actions) {
  define.Group("Configuration");
  app.set_help_flag("--help", "Print this and leave")->group("Configuration");
  app.set_config("--config", "", "Read flags from this TOML or INI file")
      ->group("Configuration")
      ->type_name("FILE");
  define.Action("--print-config", actions.print_config,
                "Print the configuration in effect, as --config reads it");
  define.Action("--check-config", actions.check_config,
                "Check the configuration, models are not opened, and leave:\n"
                "0 is right, 2 is wrong");
  define.Action("--version", actions.version, "Print the version and leave");
}

Flags Leave(int exit_code, absl::string_view text) {
  Flags flags;
  flags.exit_code = exit_code;
  flags.text = std::string(text);
  return flags;
}

Flags Complain(absl::string_view what) {
  return Leave(kExitBadFlags,
               absl::StrCat("attention-server: ", what, "\nTry --help.\n"));
}

}  // namespace

Flags ParseFlags(std::vector<std::string> args) {
  CLI::App app(
      "attention-server: multi-head attention on CPUs over gRPC and HTTP.\n"
      "Every flag --some-flag is an environment variable ATTENTION_SOME_FLAG "
      "too.");
  app.formatter(std::make_shared<HelpFormatter>());
  Flags flags;
  Actions actions;
  Definer define(app);
  DefineServing(define, flags.options);
  DefineClients(define, flags.options);
  DefinePerformance(define, flags.options);
  DefineLimits(define, flags.options);
  DefineOperation(define, flags.options);
  DefineActions(app, define, actions);
  app.allow_config_extras(CLI::config_extras_mode::error);

  const std::vector<Variable> variables = ReadEnvironment(app, args);
  AddArgs(app, variables, args);
  // CLI11 takes arguments from the back.
  std::reverse(args.begin(), args.end());
  try {
    app.parse(std::move(args));
  } catch (const CLI::CallForHelp&) {
    return Leave(0, app.help());
  } catch (const CLI::ConfigError& error) {
    // CLI11 calls every file INI, and a key that no flag has unparsable.
    return Complain(absl::StrCat(
        "--config: ",
        absl::StrReplaceAll(error.what(), {{"INI was not able to parse",
                                            "there is no flag for the key"}})));
  } catch (const CLI::ParseError& error) {
    return Complain(NameVariables(error.what(), variables));
  }
  if (actions.version) {
    return Leave(0, absl::StrCat("attention-server ", kVersion, "\n"));
  }
  const absl::Status status = flags.options.Validate();
  if (!status.ok()) {
    return Complain(NameVariables(std::string(status.message()), variables));
  }
  if (actions.print_config) {
    // An empty list would be printed, and read back, as one empty model.
    if (flags.options.models.empty()) {
      app.get_option("--model")->configurable(false);
    }
    return Leave(0, app.config_to_str(true, false));
  }
  if (actions.check_config) return Leave(0, "the configuration is right\n");
  return flags;
}

}  // namespace attention
