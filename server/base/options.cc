#include "server/base/options.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/attention/attention_spec.h"
#include "core/attention/isa.h"

namespace attention {
namespace {

constexpr std::int64_t kMaxInt32 = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kMiB = std::int64_t{1} << 20;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;
constexpr absl::string_view kModelTypeSuffix = ",compute_dtype=";

// Collects what is wrong, so that one start shows every mistake.
class Complaints {
 public:
  template <typename T>
  void CheckRange(absl::string_view flag, T value, T low, T high) {
    if (value >= low && value <= high) return;
    lines_.push_back(absl::StrCat(flag, " is ", value, ", allowed is [", low,
                                  ", ", high, "]"));
  }

  void CheckWord(absl::string_view flag, const std::string& value,
                 const std::vector<std::string>& words) {
    for (const std::string& word : words) {
      if (value == word) return;
    }
    lines_.push_back(absl::StrCat(flag, " is '", value, "', allowed is ",
                                  absl::StrJoin(words, ", ")));
  }

  void Add(absl::string_view line) { lines_.emplace_back(line); }

  absl::Status ToStatus() const {
    if (lines_.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrJoin(lines_, "\n"));
  }

 private:
  std::vector<std::string> lines_;
};

void CheckEngine(const EngineOptions& engine, Complaints& complaints) {
  complaints.CheckRange("--workers", engine.num_workers, 0, 1024);
  complaints.CheckRange<std::int64_t>("--max-batch-tokens",
                                      engine.max_batch_tokens, 1, 1 << 20);
  complaints.CheckRange<std::int64_t>("--max-batch-requests",
                                      engine.max_batch_requests, 1, 65536);
  complaints.CheckRange<std::int64_t>("--max-queue-requests",
                                      engine.max_queue_requests, 1, 1000000);
  complaints.CheckRange<std::int64_t>("--max-queue-tokens",
                                      engine.max_queue_tokens,
                                      engine.max_batch_tokens, kMaxInt32);
  complaints.CheckRange("--max-batch-bytes", engine.max_batch_bytes, kMiB,
                        kTiB);
}

void CheckPorts(const ServerOptions& options, Complaints& complaints) {
  complaints.CheckRange("--grpc-port", options.grpc_port, 0, 65535);
  complaints.CheckRange("--http-port", options.http_port, -1, 65535);
  complaints.CheckRange("--metrics-port", options.metrics_port, -1, 65535);
  const auto check_pair = [&](absl::string_view flag, int port,
                              absl::string_view other_flag, int other_port) {
    if (port <= 0 || port != other_port) return;
    complaints.Add(absl::StrCat(flag, " and ", other_flag, " are both ", port,
                                ", they must differ"));
  };
  check_pair("--grpc-port", options.grpc_port, "--http-port",
             options.http_port);
  check_pair("--grpc-port", options.grpc_port, "--metrics-port",
             options.metrics_port);
  check_pair("--http-port", options.http_port, "--metrics-port",
             options.metrics_port);
}

void CheckLimits(const ServerOptions& options, Complaints& complaints) {
  const std::int64_t request = options.max_request_bytes;
  const std::int64_t response = options.max_response_bytes;
  complaints.CheckRange<std::int64_t>("--max-request-bytes", request, 1024,
                                      kMaxInt32);
  complaints.CheckRange<std::int64_t>("--max-response-bytes", response, 4096,
                                      kMaxInt32);
  complaints.CheckRange<std::int64_t>("--max-sequences", options.max_sequences,
                                      1, 65536);
  // One request of the largest size must fit.
  complaints.CheckRange("--max-inflight-bytes", options.max_inflight_bytes,
                        std::max(kMiB, request + response), kTiB);
}

}  // namespace

absl::StatusOr<ModelSource> ParseModelSource(absl::string_view text) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(kModelTypeSuffix, 1));
  const std::pair<absl::string_view, absl::string_view> named =
      absl::StrSplit(parts[0], absl::MaxSplits('=', 1));
  ModelSource source{.name = std::string(named.first),
                     .path = std::string(named.second)};
  // What is left of a value that something has split at its comma.
  if (absl::StrCat(",", source.name, "=") == kModelTypeSuffix) {
    return absl::InvalidArgumentError(
        absl::StrCat("--model is '", text, "', allowed is NAME=PATH,", text,
                     " as one value, in a file in quotes"));
  }
  if (source.name.empty() || source.path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--model is '", text,
                     "', allowed is NAME=PATH, for example "
                     "bert=/models/bert-base"));
  }
  if (parts.size() == 1) return source;
  source.compute_dtype = ParseComputeDType(parts[1]);
  if (source.compute_dtype.has_value()) return source;
  return absl::InvalidArgumentError(absl::StrCat(
      "--model is '", text, "', allowed as its compute_dtype is f32, bf16"));
}

absl::Status ServerOptions::Validate() const {
  Complaints complaints;
  for (const std::string& model : models) {
    const auto source = ParseModelSource(model);
    if (!source.ok()) complaints.Add(source.status().message());
  }
  complaints.CheckWord("--compute-dtype", compute_dtype, {"f32", "bf16"});
  if (host.empty()) {
    complaints.Add(
        "--host is empty, allowed is an address such as 0.0.0.0 or 127.0.0.1");
  }
  CheckPorts(*this, complaints);
  const std::vector<std::string> clients = {"local", "any", "off"};
  complaints.CheckWord("--shared-memory", shared_memory, clients);
  complaints.CheckWord("--model-control", model_control, clients);
  CheckEngine(engine, complaints);
  if (!ParseMaxIsa(max_isa).has_value()) {
    complaints.CheckWord("--max-isa", max_isa, {"any", "avx2", "avx512"});
  }
  CheckLimits(*this, complaints);
  complaints.CheckRange("--drain-seconds", drain_seconds, 0.0, 3600.0);
  complaints.CheckRange("--drain-delay-seconds", drain_delay_seconds, 0.0,
                        3600.0);
  complaints.CheckWord("--log-level", log_level,
                       {"debug", "info", "warning", "error"});
  complaints.CheckWord("--log-format", log_format, {"text", "json"});
  return complaints.ToStatus();
}

}  // namespace attention
