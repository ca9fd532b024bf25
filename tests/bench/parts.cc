#include "tests/bench/parts.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "core/attention/gemm.h"
#include "core/attention/layer_plan.h"
#include "core/attention/pack.h"
#include "core/attention/softmax.h"
#include "core/attention/tile_product.h"
#include "core/base/aligned_buffer.h"
#include "core/base/round_up.h"
#include "tests/bench/fma_peak.h"

namespace attention {
namespace {

using Seconds = std::chrono::duration<double>;

AlignedBuffer RandomBuffer(std::int64_t count) {
  std::mt19937 random(5);
  std::uniform_real_distribution<float> uniform(-1, 1);
  AlignedBuffer buffer;
  buffer.Reserve(static_cast<std::size_t>(count) * sizeof(float));
  std::generate_n(buffer.floats(), count, [&] { return uniform(random); });
  return buffer;
}

// An iteration runs `work` for about ten milliseconds, beside a measurement of
// the peak of one thread. Returns seconds a run.
double TimeBesidePeak(benchmark::State& state,
                      const std::function<void()>& work, double& peak,
                      DType dtype = DType::kF32) {
  work();
  const auto begin = std::chrono::steady_clock::now();
  work();
  const Seconds once = std::chrono::steady_clock::now() - begin;
  const int repeats = std::max(1, static_cast<int>(0.01 / once.count()));
  double seconds = 0;
  double peaks = 0;
  for (auto _ : state) {
    peaks += MeasureFmaPeak(1, dtype);
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < repeats; ++i) work();
    const Seconds elapsed = std::chrono::steady_clock::now() - start;
    state.SetIterationTime(elapsed.count());
    seconds += elapsed.count();
  }
  const auto iterations = static_cast<double>(state.iterations());
  peak = peaks / iterations;
  const double run = seconds / iterations / repeats;
  state.counters["us"] = run * 1e6;
  return run;
}

void ReportFlops(benchmark::State& state, double flops, double seconds,
                 double peak) {
  const double gflops = flops / seconds / 1e9;
  state.counters["GFLOP/s"] = gflops;
  state.counters["peak%"] = 100 * gflops / peak;
}

// A tile of attention as the kernel lays it out: the right-hand side in panels.
// `shape` counts elements.
void RunTileProduct(benchmark::State& state, TileShape shape, DType dtype) {
  const auto flops =
      2.0 * static_cast<double>(shape.rows * shape.columns * shape.depth);
  shape.depth /= ElementsPerLane(dtype);
  const AlignedBuffer a = RandomBuffer(shape.rows * shape.depth);
  const AlignedBuffer b = RandomBuffer(shape.depth * shape.columns);
  AlignedBuffer c = RandomBuffer(shape.rows * shape.columns);
  double peak = 0;
  const double seconds = TimeBesidePeak(
      state,
      [&] {
        ReadAhead ahead;
        for (std::int64_t n = 0; n < shape.columns; n += kPanelColumns) {
          const std::int64_t width = std::min(kPanelColumns, shape.columns - n);
          MultiplyTile(dtype, {shape.rows, width, shape.depth},
                       {a.floats(), shape.depth},
                       {b.floats() + n * shape.depth, width}, false,
                       {c.floats() + n, shape.columns}, ahead);
        }
      },
      peak, dtype);
  ReportFlops(state, flops, seconds, peak);
}

// At least `min_rows`, as many as the kernel pads them to.
void RunProjection(benchmark::State& state, std::int64_t min_rows,
                   std::int64_t n, std::int64_t k, DType dtype) {
  GemmRunner gemm;
  const AlignedBuffer weight = RandomBuffer(n * k);
  Slab slab(1);
  const auto matrix =
      PackedMatrix::Create(k, n, dtype, weight.floats(), nullptr, slab);
  if (!matrix.ok()) {
    state.SkipWithError(matrix.status().ToString().c_str());
    return;
  }
  const std::int64_t rows = RoundUp(min_rows, matrix->row_multiple());
  state.counters["rows"] = static_cast<double>(rows);
  AlignedBuffer a = RandomBuffer(rows * k);
  AlignedBuffer c = RandomBuffer(rows * n);
  double peak = 0;
  const double seconds = TimeBesidePeak(
      state,
      [&] {
        if (!gemm.Multiply(rows, a.bytes(), *matrix, dtype, c.bytes()).ok()) {
          state.SkipWithError("the product failed");
        }
      },
      peak, dtype);
  ReportFlops(state, 2.0 * static_cast<double>(rows * n * k), seconds, peak);
}

void RunSoftmax(benchmark::State& state, std::int64_t rows, std::int64_t keys,
                DType dtype) {
  const AlignedBuffer scores = RandomBuffer(rows * keys);
  AlignedBuffer work = RandomBuffer(rows * keys);
  const std::vector<std::int64_t> limits(static_cast<std::size_t>(rows), keys);
  std::vector<float> max(limits.size());
  std::vector<float> sum(limits.size());
  std::vector<float> rescale(limits.size());
  const ScoreBlock block{.scores = work.floats(), .width = keys};
  double peak = 0;
  // Weights are scores between 0 and 1: they can be the next run's scores.
  const double seconds = TimeBesidePeak(
      state,
      [&] {
        std::fill(max.begin(), max.end(),
                  -std::numeric_limits<float>::infinity());
        std::fill(sum.begin(), sum.end(), 0.0F);
        SoftmaxTile({&block, 1}, rows, limits.data(), dtype,
                    {max.data(), sum.data(), rescale.data()});
      },
      peak);
  state.counters["ns/score"] = seconds * 1e9 / static_cast<double>(rows * keys);
}

void RunTransposeScaled(benchmark::State& state) {
  constexpr std::int64_t kRows = 128;
  constexpr std::int64_t kColumns = 64;
  const AlignedBuffer from = RandomBuffer(kRows * kColumns);
  AlignedBuffer to = RandomBuffer(kRows * kColumns);
  double peak = 0;
  const double seconds = TimeBesidePeak(
      state,
      [&] {
        for (std::int64_t r = 0; r < kRows; r += kPanelColumns) {
          TransposeScaled({from.floats() + r * kColumns, kColumns},
                          kPanelColumns, kColumns, 0.125,
                          {to.floats() + r * kColumns, kPanelColumns});
        }
      },
      peak);
  state.counters["ns/element"] = seconds * 1e9 / (kRows * kColumns);
}

void Register(const std::string& name,
              const std::function<void(benchmark::State&)>& run) {
  benchmark::RegisterBenchmark(name.c_str(), run)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace

void RegisterParts(DType dtype) {
  const std::string suffix = dtype == DType::kBF16 ? "/bf16" : "";
  for (const std::int64_t rows : {16, 32, 64, 128, 256}) {
    Register(absl::StrCat("Gemm/projection/", rows, "x64x768", suffix),
             [rows, dtype](benchmark::State& state) {
               RunProjection(state, rows, 64, 768, dtype);
             });
  }
  for (const std::int64_t rows : {16, 32, 64, 128}) {
    for (const std::int64_t keys : {32, 128, 512}) {
      Register(absl::StrCat("Tile/scores/", rows, "x", keys, "x64", suffix),
               [rows, keys, dtype](benchmark::State& state) {
                 RunTileProduct(state, {rows, keys, 64}, dtype);
               });
      Register(absl::StrCat("Tile/contexts/", rows, "x64x", keys, suffix),
               [rows, keys, dtype](benchmark::State& state) {
                 RunTileProduct(state, {rows, 64, keys}, dtype);
               });
    }
  }
  for (const std::int64_t keys : {32, 128, 512}) {
    Register(absl::StrCat("Softmax/128x", keys, suffix),
             [keys, dtype](benchmark::State& state) {
               RunSoftmax(state, 128, keys, dtype);
             });
  }
  if (dtype == DType::kF32) {
    Register("Pack/transposed/128x64", RunTransposeScaled);
  }
}

}  // namespace attention
