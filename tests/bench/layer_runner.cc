// Runs layers for somebody who measures: one command a line on standard input,
// one JSON object a line on standard output. Values, paths too, have no spaces.
//
//   info
//     {"cpu": ..., "isa": ..., "dtypes": ["f32", "bf16" where the CPU has it]}
//   load model=PATH inputs=PATH [attn_weights=none|average|per_head]
//       [causal=0|1] [threads=N] [dtype=f32|bf16]
//     {}. dtype is what is computed in. The model is a state dict of
//     torch.nn.MultiheadAttention. The inputs are a safetensors file:
//       queries    f32 [tokens, embed_dim], all sequences
//       q_lengths  i64 [sequences]
//       keys       f32 [kv_tokens, embed_dim], also the values; without it
//                  there is self-attention
//       kv_lengths i64 [sequences], beside `keys`
//   run seconds=S [requests=N]
//     {"seconds": [...], "elapsed": S}: how long each run took, until S have
//     passed, with N requests in the engine at once; at least one run each.
//   write path=PATH
//     {}: the last run's contexts [tokens, embed_dim] and attn_weights (flat,
//     each sequence's [heads, queries, keys]) as a safetensors file.
//   peak threads=N [dtype=f32|bf16]
//     {"gflops": G}, the most that N threads can do now.
//
// Whatever goes wrong is answered with {"error": MESSAGE}. The end of the input
// ends the program. $ATTENTION_BENCH_MAX_ISA limits the instructions.
#include <chrono>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/attention/isa.h"
#include "core/base/cpu.h"
#include "core/base/status_macros.h"
#include "core/engine/engine.h"
#include "core/model/model_loader.h"
#include "core/tensor/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/bench/fma_peak.h"
#include "tests/bench/layer_workload.h"
#include "tests/bench/max_isa.h"

namespace attention {
namespace {

using Answer = absl::StatusOr<nlohmann::json>;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// A command and its key=value words.
class Command {
 public:
  explicit Command(const std::string& line) {
    for (const absl::string_view word :
         absl::StrSplit(line, ' ', absl::SkipEmpty())) {
      if (name_.empty()) {
        name_ = std::string(word);
      } else {
        const std::pair<std::string, std::string> key_value =
            absl::StrSplit(word, absl::MaxSplits('=', 1));
        values_.insert(key_value);
      }
    }
  }

  const std::string& name() const { return name_; }

  absl::StatusOr<std::string> Get(const std::string& key) const {
    const auto found = values_.find(key);
    if (found != values_.end()) return found->second;
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": ", key, "= is missing"));
  }

  std::string Get(const std::string& key, const std::string& otherwise) const {
    const auto found = values_.find(key);
    return found == values_.end() ? otherwise : found->second;
  }

  absl::StatusOr<int> Count(const std::string& key) const {
    int count = 0;
    if (absl::SimpleAtoi(Get(key, "1"), &count) && count > 0) return count;
    return absl::InvalidArgumentError(
        absl::StrCat(name_, ": ", key, "= takes a positive number"));
  }

  absl::StatusOr<int> Threads() const { return Count("threads"); }

  absl::StatusOr<DType> ComputeDType() const {
    const auto dtype = ParseComputeDType(Get("dtype", "f32"));
    if (dtype == DType::kF32 || (dtype && HasBf16Products())) return *dtype;
    return absl::InvalidArgumentError(absl::StrCat(
        name_, ": dtype= takes ", HasBf16Products() ? "f32 and bf16" : "f32"));
  }

 private:
  std::string name_;
  std::map<std::string, std::string> values_;
};

template <typename T>
absl::StatusOr<std::vector<T>> ReadTensor(const Safetensors& file,
                                          const std::string& name,
                                          DType dtype) {
  ATTENTION_ASSIGN_OR_RETURN(const TensorView view, file.Get(name));
  ATTENTION_ASSIGN_OR_RETURN(const std::int64_t count,
                             view.shape.ElementCount());
  if (view.dtype != dtype) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " is not ", DTypeName(dtype)));
  }
  std::vector<T> values(static_cast<std::size_t>(count));
  std::memcpy(values.data(), view.data, values.size() * sizeof(T));
  return values;
}

absl::StatusOr<BatchInputs> ReadBatch(const std::string& path) {
  ATTENTION_ASSIGN_OR_RETURN(const Safetensors file, Safetensors::Open(path));
  BatchInputs batch;
  ATTENTION_ASSIGN_OR_RETURN(batch.queries,
                             ReadTensor<float>(file, "queries", DType::kF32));
  ATTENTION_ASSIGN_OR_RETURN(
      const std::vector<std::int64_t> q_lengths,
      ReadTensor<std::int64_t>(file, "q_lengths", DType::kI64));
  std::vector<std::int64_t> kv_lengths = q_lengths;
  if (file.tensors().contains("keys")) {
    ATTENTION_ASSIGN_OR_RETURN(batch.keys,
                               ReadTensor<float>(file, "keys", DType::kF32));
    ATTENTION_ASSIGN_OR_RETURN(
        kv_lengths, ReadTensor<std::int64_t>(file, "kv_lengths", DType::kI64));
  }
  if (q_lengths.size() != kv_lengths.size()) {
    return absl::InvalidArgumentError(
        "q_lengths and kv_lengths are not equally many");
  }
  for (std::size_t i = 0; i < q_lengths.size(); ++i) {
    batch.lengths.push_back({.queries = q_lengths[i], .keys = kv_lengths[i]});
  }
  return batch;
}

absl::Status CheckSizes(const BatchInputs& batch, std::int64_t embed_dim) {
  std::int64_t queries = 0;
  std::int64_t keys = 0;
  for (const auto& length : batch.lengths) {
    queries += length.queries;
    keys += length.keys;
  }
  const auto holds = [embed_dim](const std::vector<float>& rows,
                                 std::int64_t tokens) {
    return static_cast<std::int64_t>(rows.size()) == tokens * embed_dim;
  };
  if (holds(batch.queries, queries) &&
      (batch.keys.empty() || holds(batch.keys, keys))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "queries or keys do not have the rows that the lengths say");
}

class Runner {
 public:
  Answer Execute(const Command& command) {
    if (command.name() == "info") return Info();
    if (command.name() == "load") return Load(command);
    if (command.name() == "run") return Run(command);
    if (command.name() == "write") return Write(command);
    if (command.name() == "peak") return Peak(command);
    return absl::InvalidArgumentError(
        absl::StrCat("there is no command '", command.name(),
                     "', there are info, load, run, write and peak"));
  }

 private:
  static Answer Info() {
    return nlohmann::json{
        {"cpu", ReadCpuTopology().model_name},
        {"isa", IsaInUse()},
        {"dtypes",
         HasBf16Products() ? std::vector{"f32", "bf16"} : std::vector{"f32"}}};
  }

  static Answer Peak(const Command& command) {
    ATTENTION_ASSIGN_OR_RETURN(const DType dtype, command.ComputeDType());
    ATTENTION_ASSIGN_OR_RETURN(const int threads, command.Threads());
    return nlohmann::json{{"gflops", MeasureFmaPeak(threads, dtype)}};
  }

  Answer Load(const Command& command) {
    ATTENTION_ASSIGN_OR_RETURN(const DType dtype, command.ComputeDType());
    ATTENTION_ASSIGN_OR_RETURN(const std::string model, command.Get("model"));
    ATTENTION_ASSIGN_OR_RETURN(const auto models,
                               LoadModels("layer", model, dtype));
    ATTENTION_ASSIGN_OR_RETURN(const std::string inputs, command.Get("inputs"));
    ATTENTION_ASSIGN_OR_RETURN(BatchInputs batch, ReadBatch(inputs));
    ATTENTION_RETURN_IF_ERROR(CheckSizes(batch, models[0]->embed_dim()));
    const std::map<std::string, AttnWeights> kinds = {
        {"none", AttnWeights::kNone},
        {"average", AttnWeights::kHeadAverage},
        {"per_head", AttnWeights::kPerHead}};
    const auto kind = kinds.find(command.Get("attn_weights", "none"));
    if (kind == kinds.end()) {
      return absl::InvalidArgumentError(
          "load: attn_weights= takes none, average and per_head");
    }
    batch.attn_weights = kind->second;
    batch.is_causal = command.Get("causal", "0") == "1";
    EngineOptions options;
    ATTENTION_ASSIGN_OR_RETURN(options.num_workers, command.Threads());
    ATTENTION_ASSIGN_OR_RETURN(engine_, Engine::Create(options));
    workload_.emplace(models[0], std::move(batch));
    return nlohmann::json::object();
  }

  Answer Run(const Command& command) {
    if (!workload_.has_value()) {
      return absl::FailedPreconditionError("run: nothing is loaded");
    }
    double seconds = 0;
    if (!absl::SimpleAtod(command.Get("seconds", ""), &seconds)) {
      return absl::InvalidArgumentError("run: seconds= takes a number");
    }
    ATTENTION_ASSIGN_OR_RETURN(const int requests, command.Count("requests"));
    // The first is answered into what `write` writes.
    std::vector<LayerWorkload> others(static_cast<std::size_t>(requests - 1),
                                      *workload_);
    std::vector<std::vector<double>> runs(others.size() + 1);
    const auto start = Clock::now();
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < others.size(); ++i) {
        threads.emplace_back(
            [&, i] { runs[i + 1] = RunFrom(start, seconds, others[i]); });
      }
      runs[0] = RunFrom(start, seconds, *workload_);
    }
    const double elapsed = Seconds(Clock::now() - start).count();
    std::vector<double> all;
    for (const std::vector<double>& some : runs) {
      all.insert(all.end(), some.begin(), some.end());
    }
    return nlohmann::json{{"seconds", all}, {"elapsed", elapsed}};
  }

  // How long each run took, one after another until `seconds` after `start`.
  std::vector<double> RunFrom(Clock::time_point start, double seconds,
                              LayerWorkload& workload) {
    std::vector<double> runs;
    auto ended = Clock::now();
    do {
      const auto begin = ended;
      workload.Run(*engine_);
      ended = Clock::now();
      runs.push_back(Seconds(ended - begin).count());
    } while (Seconds(ended - start).count() < seconds);
    return runs;
  }

  Answer Write(const Command& command) {
    if (!workload_.has_value()) {
      return absl::FailedPreconditionError("write: nothing is loaded");
    }
    ATTENTION_ASSIGN_OR_RETURN(const std::string path, command.Get("path"));
    const auto view = [](const std::vector<float>& values, Shape shape) {
      return TensorView{
          .shape = std::move(shape),
          .data = reinterpret_cast<const std::byte*>(values.data())};
    };
    const std::vector<float>& contexts = workload_->contexts();
    const std::vector<float>& attn_weights = workload_->attn_weights();
    const std::int64_t embed_dim = workload_->model()->embed_dim();
    std::map<std::string, TensorView, std::less<>> tensors;
    tensors["contexts"] = view(
        contexts,
        {static_cast<std::int64_t>(contexts.size()) / embed_dim, embed_dim});
    if (!attn_weights.empty()) {
      tensors["attn_weights"] =
          view(attn_weights, {static_cast<std::int64_t>(attn_weights.size())});
    }
    std::ofstream file(path, std::ios::binary);
    file << SerializeSafetensors(tensors, {});
    file.close();
    if (!file) {
      return absl::InternalError(
          absl::StrCat("write: ", path, " cannot be written"));
    }
    return nlohmann::json::object();
  }

  std::unique_ptr<Engine> engine_;
  std::optional<LayerWorkload> workload_;
};

}  // namespace
}  // namespace attention

int main() {
  attention::LimitIsaByEnvironment();
  attention::Runner runner;
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto answer = runner.Execute(attention::Command(line));
    std::cout << (answer.ok()
                      ? *answer
                      : nlohmann::json{{"error", answer.status().ToString()}})
              << '\n'
              << std::flush;
  }
}
