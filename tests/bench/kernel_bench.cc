// How close the kernel comes to what the machine can do.
//
// Every row alternates one run of the layer with a short measurement of the FMA
// peak on as many threads: `peak%` compares what ran side by side. Wall time,
// through the engine, one request at a time.
#include <benchmark/benchmark.h>

#include <chrono>
#include <fstream>
#include <string>

#include "core/attention/isa.h"
#include "core/base/cpu.h"
#include "tests/bench/fma_peak.h"
#include "tests/bench/layer_workload.h"
#include "tests/bench/max_isa.h"
#include "tests/bench/parts.h"
#include "tests/bench/phases.h"

namespace attention {
namespace {

using Seconds = std::chrono::duration<double>;

std::unique_ptr<Engine> MakeEngine(int workers) {
  EngineOptions options;
  options.num_workers = workers;
  return *Engine::Create(options);
}

// Resident memory of the process in MiB: "VmRSS" now, "VmHWM" at its highest.
double ResidentMib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind(field, 0) == 0) {
      return std::stod(line.substr(field.size() + 1)) / 1024;
    }
  }
  return 0;
}

void ResetHighestResident() { std::ofstream("/proc/self/clear_refs") << "5"; }

void RunLayer(benchmark::State& state, const LayerShape& shape, int workers) {
  const double before = ResidentMib("VmRSS");
  LayerWorkload workload(shape);
  const double loaded = ResidentMib("VmRSS");
  const auto engine = MakeEngine(workers);
  ResetHighestResident();
  workload.Run(*engine);
  const double highest = ResidentMib("VmHWM");

  double seconds = 0;
  double peak = 0;
  for (auto _ : state) {
    peak += MeasureFmaPeak(workers, shape.compute_dtype);
    const auto start = std::chrono::steady_clock::now();
    workload.Run(*engine);
    const Seconds elapsed = std::chrono::steady_clock::now() - start;
    state.SetIterationTime(elapsed.count());
    seconds += elapsed.count();
  }
  const auto runs = static_cast<double>(state.iterations());
  const double gflops = workload.Flops() * runs / seconds / 1e9;
  state.counters["GFLOP/s"] = gflops;
  state.counters["peak%"] = 100 * gflops / (peak / runs);
  state.counters["scratch_MiB"] = highest - loaded;
  state.counters["resident_MiB"] = highest - before;
}

void RegisterLayer(const LayerShape& shape) {
  for (const int workers : {1, 2}) {
    const std::string name =
        "Layer/" + ShapeName(shape) + "/workers:" + std::to_string(workers);
    benchmark::RegisterBenchmark(name.c_str(),
                                 [shape, workers](benchmark::State& state) {
                                   RunLayer(state, shape, workers);
                                 })
        ->UseManualTime()
        ->Unit(benchmark::kMillisecond);
  }
}

// The layers of one compute_dtype.
void RegisterLayers(DType compute_dtype) {
  const LayerShape shapes[] = {
      {.batch = 8, .length = 128, .embed_dim = 768, .num_heads = 12},
      {.batch = 1, .length = 128, .embed_dim = 768, .num_heads = 12},
      {.batch = 1, .length = 512, .embed_dim = 768, .num_heads = 12},
      {.batch = 4, .length = 512, .embed_dim = 1024, .num_heads = 16},
      {.batch = 1, .length = 2048, .embed_dim = 768, .num_heads = 12},
      {.batch = 16, .length = 32, .embed_dim = 384, .num_heads = 12},
      {.batch = 64, .length = 16, .embed_dim = 384, .num_heads = 12},
  };
  for (LayerShape shape : shapes) {
    shape.compute_dtype = compute_dtype;
    RegisterPhases(shape);
    RegisterLayer(shape);
    shape.attn_weights = AttnWeights::kPerHead;
    RegisterLayer(shape);
  }
  RegisterLayer({.length = 2048,
                 .embed_dim = 768,
                 .num_heads = 12,
                 .is_causal = true,
                 .compute_dtype = compute_dtype});
  for (const std::int64_t length : {8192, 32768}) {
    RegisterLayer({.length = length,
                   .embed_dim = 768,
                   .num_heads = 12,
                   .compute_dtype = compute_dtype});
  }
}

}  // namespace
}  // namespace attention

int main(int argc, char** argv) {
  attention::LimitIsaByEnvironment();
  benchmark::AddCustomContext("cpu", attention::ReadCpuTopology().model_name);
  benchmark::AddCustomContext("isa", attention::IsaInUse());
  for (const auto dtype : {attention::DType::kF32, attention::DType::kBF16}) {
    if (dtype == attention::DType::kBF16 && !attention::HasBf16Products()) {
      continue;
    }
    attention::RegisterParts(dtype);
    attention::RegisterLayers(dtype);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
