#include "tests/bench/phases.h"

#include <benchmark/benchmark.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "core/attention/layer_batch.h"
#include "core/attention/worker_scratch.h"
#include "core/base/aligned_buffer.h"
#include "tests/bench/fma_peak.h"

namespace attention {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

struct Phase {
  TileKind kind = TileKind::kQueries;
  const char* name = "";
  double flops = 0;
};

std::array<Phase, 6> PhasesOf(const LayerShape& shape) {
  const auto b = static_cast<double>(shape.batch);
  const auto s = static_cast<double>(shape.length);
  const auto e = static_cast<double>(shape.embed_dim);
  const double pairs = shape.is_causal ? s * (s + 1) / 2 : s * s;
  const double projection = 2 * b * s * e * e;
  return {{{TileKind::kGather, "", 0},
           {TileKind::kQueries, "queries%", projection},
           {TileKind::kKeys, "keys%", projection},
           {TileKind::kValues, "values%", projection},
           {TileKind::kAttend, "attend%", 4 * b * pairs * e},
           {TileKind::kContexts, "contexts%", projection}}};
}

// The tiles in an order that the graph allows.
std::vector<int> Order(const TileGraph& graph) {
  std::vector<int> pending;
  for (const TileGraph::Gate& gate : graph.gates) {
    pending.push_back(gate.pending);
  }
  std::vector<int> order = graph.initial;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& tile = graph.tiles[static_cast<std::size_t>(order[i])];
    for (const int signal : tile.signals) {
      const auto gate = static_cast<std::size_t>(signal);
      if (--pending[gate] > 0) continue;
      const std::vector<int>& opened = graph.gates[gate].tiles;
      order.insert(order.end(), opened.begin(), opened.end());
    }
  }
  return order;
}

void RunPhases(benchmark::State& state, const LayerShape& shape) {
  LayerWorkload workload(shape);
  AlignedBuffer arena;
  WorkerScratch scratch;
  LayerBatch batch(workload.model()->spec(), &workload.model()->layer(),
                   workload.Request().sequences, 1, arena);
  const std::vector<int> order = Order(batch.plan().graph);
  const std::array<Phase, 6> phases = PhasesOf(shape);
  std::array<Seconds, 6> spent{};
  const auto run = [&] {
    for (const int tile : order) {
      const auto start = Clock::now();
      if (!batch.RunTile(tile, scratch).ok()) state.SkipWithError("failed");
      const auto kind = batch.plan().tiles[static_cast<std::size_t>(tile)].kind;
      spent[static_cast<std::size_t>(kind)] += Clock::now() - start;
    }
  };
  run();
  spent = {};
  double peak = 0;
  for (auto _ : state) {
    peak += MeasureFmaPeak(1, shape.compute_dtype);
    const auto start = Clock::now();
    run();
    state.SetIterationTime(Seconds(Clock::now() - start).count());
  }
  const auto runs = static_cast<double>(state.iterations());
  Seconds all(0);
  for (const Phase& phase : phases) {
    const Seconds time = spent[static_cast<std::size_t>(phase.kind)];
    all += time;
    if (phase.flops == 0) continue;
    state.counters[phase.name] =
        100 * phase.flops * runs / 1e9 / time.count() / (peak / runs);
  }
  state.counters["peak%"] =
      100 * workload.Flops() * runs / 1e9 / all.count() / (peak / runs);
}

}  // namespace

void RegisterPhases(const LayerShape& shape) {
  benchmark::RegisterBenchmark(
      ("Phases/" + ShapeName(shape)).c_str(),
      [shape](benchmark::State& state) { RunPhases(state, shape); })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond);
}

}  // namespace attention
