// attention-load at work: from its command line to its reports.
#include "client/load/load_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/load/comparison.h"
#include "client/load/conclusions.h"
#include "client/load/csv_report.h"
#include "client/load/deployment.h"
#include "client/load/html_report.h"
#include "client/load/json_report.h"
#include "client/load/load_run.h"
#include "client/load/sweep.h"
#include "client/load/text_report.h"
#include "client/load/workload.h"
#include "core/base/cpu.h"
#include "core/base/status_macros.h"

namespace attention::load {
namespace {

// Far more than the lanes and trials of a measurement, which take the seeds
// that follow theirs.
constexpr std::uint64_t kSeedStep = 0x9E3779B97F4A7C15;

std::chrono::milliseconds Milliseconds(double seconds) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      Seconds(seconds));
}

// What the machine and its cgroup let this process use.
double UsableCpus() {
  const CpuTopology cpu = ReadCpuTopology();
  const double cpus = cpu.affinity_cpus;
  return cpu.quota_cpus > 0 ? std::min(cpus, cpu.quota_cpus) : cpus;
}

// Shows how a run goes on stderr, over and over on one line of a terminal.
class ProgressDisplay {
 public:
  explicit ProgressDisplay(bool is_quiet)
      : shows_(!is_quiet), is_terminal_(isatty(STDERR_FILENO) == 1) {}
  ~ProgressDisplay() { Clear(); }
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void Show(const Progress& progress) {
    if (!shows_) return;
    const std::string line = ProgressLine(progress);
    std::fprintf(stderr, is_terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
  }

  void Clear() const {
    if (shows_ && is_terminal_) std::fputs("\r\033[K", stderr);
  }

 private:
  const bool shows_;
  const bool is_terminal_;
};

// A deployment with all that is sent to it.
class Bench {
 public:
  // `line` and `display` outlive it.
  static absl::StatusOr<std::unique_ptr<Bench>> Create(
      const CommandLine& line, const Access& access, const Protocol& protocol,
      const Workload& workload, ProgressDisplay& display) {
    std::unique_ptr<Bench> bench(new Bench(line, protocol, display));
    ATTENTION_ASSIGN_OR_RETURN(
        bench->deployment_,
        Deployment::Connect(access, Milliseconds(line.connect_s)));
    const auto models = bench->deployment_->ListModels();
    if (!models.ok()) {
      return absl::UnavailableError(absl::StrCat(
          "target ", access.targets.front(),
          " does not say its models: ", models.status().ToString()));
    }
    ATTENTION_ASSIGN_OR_RETURN(
        bench->requests_,
        PrepareRequests(workload, *models, kMaxPoolBytes, protocol));
    bench->info_ = bench->deployment_->GetServerInfo();
    ATTENTION_RETURN_IF_ERROR(bench->CheckConcurrency());
    if (line.verify_share > 0) {
      ATTENTION_ASSIGN_OR_RETURN(Verifier verifier,
                                 Verifier::Create(line.weights));
      for (const PreparedRequest& request : bench->requests_) {
        ATTENTION_RETURN_IF_ERROR(verifier.CanCheck(request));
      }
      bench->verifier_ = std::move(verifier);
    }
    return bench;
  }

  // Each call has other arrivals; the n-th of equal seeds has the same.
  Measure Measuring(std::uint64_t seed) {
    return [this, seed](const std::vector<Trial>& trials) mutable {
      seed += kSeedStep;
      const RunSetup setup{
          .deployment = *deployment_,
          .requests = requests_,
          .protocol = protocol_,
          .default_deadline = Milliseconds(line_.timeout_s),
          .lanes = line_.threads,
          .cpus = cpus_,
          .streams = line_.streams,
          .max_in_flight = MaxInFlight(),
          .is_limited_by_streams = MaxInFlight() < line_.max_in_flight,
          .verify_share = line_.verify_share,
          .seed = seed};
      return RunTrials(
          setup, trials, verifier_.has_value() ? &*verifier_ : nullptr,
          [this](const Progress& progress) { display_.Show(progress); });
    };
  }

  std::int64_t MaxInFlight() const {
    return std::min(line_.max_in_flight,
                    MaxOnStreams().value_or(line_.max_in_flight));
  }

  // "0.1.0, AMD EPYC, avx512_core (oneDNN 2.6.3), 2 workers"
  std::string Describe() const {
    if (!info_.ok()) return std::string(info_.status().message());
    return absl::StrCat(info_->version, ", ", info_->cpu, ", ", info_->isa,
                        ", ", info_->workers, " workers");
  }

 private:
  Bench(const CommandLine& line, const Protocol& protocol,
        ProgressDisplay& display)
      : line_(line), protocol_(protocol), display_(display) {}

  // What the server reads of all streams together and has not answered; more
  // would wait in gRPC, unseen. None without streams or such a limit.
  std::optional<std::int64_t> MaxOnStreams() const {
    constexpr std::int64_t kMany = 1'000'000;
    if (line_.streams == 0 || !info_.ok() || info_->max_stream_requests <= 0) {
      return std::nullopt;
    }
    return std::min(info_->max_stream_requests, kMany) * line_.streams *
           line_.threads;
  }

  absl::Status CheckConcurrency() const {
    const std::optional<std::int64_t> most = MaxOnStreams();
    if (line_.load.arrivals != Arrivals::kClosed || !most.has_value() ||
        line_.load.concurrency <= *most) {
      return absl::OkStatus();
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "--concurrency is ", line_.load.concurrency, ", must be at most ",
        *most, " on streams: --streams ", line_.streams, " times --threads ",
        line_.threads, " times the server's max_stream_requests, ",
        info_->max_stream_requests, "; raise --streams"));
  }

  const CommandLine& line_;
  const Protocol& protocol_;
  ProgressDisplay& display_;
  // Before the deployment, whose connections may hold on to their bytes.
  std::vector<PreparedRequest> requests_;
  std::unique_ptr<Deployment> deployment_;
  absl::StatusOr<ServerInfo> info_;
  const double cpus_ = UsableCpus();
  std::optional<Verifier> verifier_;
};

absl::StatusOr<Workload> WorkloadOf(const CommandLine& line) {
  Workload workload = DefaultWorkload();
  if (!line.workload.empty()) {
    ATTENTION_ASSIGN_OR_RETURN(workload, ReadWorkload(line.workload));
  }
  if (line.seed != 0) workload.seed = line.seed;
  return workload;
}

Trial TrialOf(const CommandLine& line) {
  return {.load = line.load,
          .warm_up = Seconds(line.warm_up_s),
          .duration = Seconds(line.duration_s)};
}

absl::Status RunOnce(const CommandLine& line, Bench& bench, std::uint64_t seed,
                     Report& report) {
  ATTENTION_ASSIGN_OR_RETURN(std::vector<Step> steps,
                             bench.Measuring(seed)({TrialOf(line)}));
  report.step = std::move(steps.front());
  return absl::OkStatus();
}

absl::Status RunASweep(const CommandLine& line, Bench& bench,
                       std::uint64_t seed, Report& report) {
  SweepOptions options{.arrivals = line.load.arrivals,
                       .first_rate = line.first_rate,
                       .max_rate = line.max_rate,
                       .warm_up = Seconds(line.warm_up_s),
                       .duration = Seconds(line.duration_s),
                       .resolution = line.resolution,
                       .objectives = line.objectives,
                       .recovery_limit = Seconds(line.recovery_s)};
  ATTENTION_ASSIGN_OR_RETURN(report.sweep,
                             RunSweep(options, bench.Measuring(seed)));
  return absl::OkStatus();
}

absl::Status RunBoth(const CommandLine& line, const Workload& workload,
                     ProgressDisplay& display, Bench& bench, Report& report) {
  Access access = line.access;
  access.targets = line.against;
  const Protocol& protocol = *line.against_protocol;
  ATTENTION_ASSIGN_OR_RETURN(
      const auto other,
      Bench::Create(line, access, protocol, workload, display));
  report.environment.emplace_back("server B", other->Describe());
  ATTENTION_ASSIGN_OR_RETURN(
      report.comparison,
      RunComparison(TrialOf(line), line.rounds, bench.Measuring(workload.seed),
                    other->Measuring(workload.seed)));
  report.comparison->a = absl::StrJoin(line.access.targets, ",");
  report.comparison->b = absl::StrJoin(line.against, ",");
  if (line.protocol != line.against_protocol) {
    absl::StrAppend(&report.comparison->a, " (", line.protocol->name(), ")");
    absl::StrAppend(&report.comparison->b, " (", protocol.name(), ")");
  }
  return absl::OkStatus();
}

Report StartReport(const CommandLine& line, const std::string& command,
                   const Workload& workload, const Bench& bench) {
  Report report{.command = command,
                .started = absl::FormatTime(absl::RFC3339_sec, absl::Now(),
                                            absl::UTCTimeZone()),
                .workload = workload.Describe(),
                .protocol = line.protocol->name()};
  if (line.protocol != line.against_protocol) {
    absl::StrAppend(&report.protocol, ", ", line.against_protocol->name());
  }
  const CpuTopology cpu = ReadCpuTopology();
  report.environment = {
      {"client",
       absl::StrCat(
           cpu.model_name, ", ", cpu.affinity_cpus, " CPUs, ", line.threads,
           " pairs of threads, ", line.access.connections,
           " connections a target",
           line.streams > 0 ? absl::StrCat(", ", line.streams, " streams") : "",
           line.load.arrivals == Arrivals::kClosed
               ? ""
               : absl::StrCat(", at most ", bench.MaxInFlight(),
                              " requests in flight"))},
      {line.action == Action::kCompare ? "server A" : "server",
       bench.Describe()}};
  return report;
}

void JudgeObjectives(const CommandLine& line, Report& report) {
  const Step* step = JudgedStep(report);
  if (step == nullptr) return;
  for (const Objective& objective : line.objectives) {
    report.objectives.push_back({.objective = objective,
                                 .value = ValueOf(objective, *step),
                                 .held = Holds(objective, *step)});
  }
}

absl::Status CannotWrite(const std::string& path) {
  return absl::PermissionDeniedError(absl::StrCat(path, " cannot be written"));
}

// Before minutes are spent on what could not be kept. What is there stays until
// there is something new.
absl::Status CreateFiles(const CommandLine& line) {
  for (const std::string& path : {line.json, line.csv, line.html}) {
    if (path.empty()) continue;
    if (!std::ofstream(path, std::ios::app)) return CannotWrite(path);
  }
  return absl::OkStatus();
}

absl::Status Write(const std::string& path, const std::string& contents) {
  if (path.empty()) return absl::OkStatus();
  std::ofstream file(path, std::ios::binary);
  file << contents;
  file.close();
  return file ? absl::OkStatus() : CannotWrite(path);
}

// All that can be written; the first error.
absl::Status WriteReports(const CommandLine& line, const Report& report) {
  absl::Status status = Write(line.json, JsonReport(report));
  status.Update(Write(line.csv, CsvReport(report)));
  status.Update(Write(line.html, HtmlReport(report)));
  return status;
}

bool HasNothingToVerify(const CommandLine& line, const Report& report) {
  return line.verify_share > 0 && VerifiedAndWrong(report).first == 0;
}

// The worst of what the report says.
LoadExitCode CodeOf(const CommandLine& line, const Report& report) {
  if (VerifiedAndWrong(report).second > 0 || HasNothingToVerify(line, report)) {
    return LoadExitCode::kWrongAnswer;
  }
  if (IsInvalid(report)) return LoadExitCode::kInvalid;
  for (const ObjectiveResult& result : report.objectives) {
    if (!result.held) return LoadExitCode::kObjectiveMissed;
  }
  const bool found_no_knee =
      line.action == Action::kSweep && MainStep(report) == nullptr;
  const bool has_no_ratio =
      report.comparison.has_value() && !SilenceText(*report.comparison).empty();
  return found_no_knee || has_no_ratio ? LoadExitCode::kObjectiveMissed
                                       : LoadExitCode::kOk;
}

absl::StatusOr<Report> MakeReport(const CommandLine& line,
                                  const std::string& command) {
  ATTENTION_RETURN_IF_ERROR(CreateFiles(line));
  ATTENTION_ASSIGN_OR_RETURN(const Workload workload, WorkloadOf(line));
  ProgressDisplay display(line.is_quiet);
  ATTENTION_ASSIGN_OR_RETURN(
      const auto bench,
      Bench::Create(line, line.access, *line.protocol, workload, display));
  Report report = StartReport(line, command, workload, *bench);
  switch (line.action) {
    case Action::kRun:
      ATTENTION_RETURN_IF_ERROR(RunOnce(line, *bench, workload.seed, report));
      break;
    case Action::kSweep:
      ATTENTION_RETURN_IF_ERROR(RunASweep(line, *bench, workload.seed, report));
      break;
    case Action::kCompare:
      ATTENTION_RETURN_IF_ERROR(
          RunBoth(line, workload, display, *bench, report));
      break;
  }
  JudgeObjectives(line, report);
  return report;
}

}  // namespace

LoadExitCode RunLoadCommand(const CommandLine& line,
                            const std::string& command) {
  const auto report = MakeReport(line, command);
  if (!report.ok()) {
    return Leave(absl::IsUnavailable(report.status())
                     ? LoadExitCode::kUnreachable
                     : LoadExitCode::kUsage,
                 report.status());
  }
  std::fputs(TextReport(*report).c_str(), stdout);
  const LoadExitCode code = CodeOf(line, *report);
  if (absl::Status status = WriteReports(line, *report); !status.ok()) {
    // A missing file does not hide what is worse.
    return Leave(std::max(code, LoadExitCode::kUsage), status);
  }
  return code;
}

}  // namespace attention::load
