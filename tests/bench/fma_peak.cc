#include "tests/bench/fma_peak.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <thread>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/bench/fma_peak.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Returns the floating-point operations of one round. Twelve chains hide a
// latency of four cycles on two units with room to spare.
double RunFma(std::int64_t rounds, float* sink) {
  const hn::ScalableTag<float> d;
  using V = hn::Vec<decltype(d)>;
  const V factor = hn::Set(d, 0.999F);
  const V term = hn::Set(d, 0.001F);
  // Different starts, or the compiler finds that one chain would do.
  V a0 = hn::Iota(d, 0), a1 = hn::Iota(d, 1), a2 = hn::Iota(d, 2);
  V a3 = hn::Iota(d, 3), a4 = hn::Iota(d, 4), a5 = hn::Iota(d, 5);
  V a6 = hn::Iota(d, 6), a7 = hn::Iota(d, 7), a8 = hn::Iota(d, 8);
  V a9 = hn::Iota(d, 9), a10 = hn::Iota(d, 10), a11 = hn::Iota(d, 11);
  for (std::int64_t i = 0; i < rounds; ++i) {
    a0 = hn::MulAdd(a0, factor, term);
    a1 = hn::MulAdd(a1, factor, term);
    a2 = hn::MulAdd(a2, factor, term);
    a3 = hn::MulAdd(a3, factor, term);
    a4 = hn::MulAdd(a4, factor, term);
    a5 = hn::MulAdd(a5, factor, term);
    a6 = hn::MulAdd(a6, factor, term);
    a7 = hn::MulAdd(a7, factor, term);
    a8 = hn::MulAdd(a8, factor, term);
    a9 = hn::MulAdd(a9, factor, term);
    a10 = hn::MulAdd(a10, factor, term);
    a11 = hn::MulAdd(a11, factor, term);
  }
  const V sum = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)),
                        hn::Add(hn::Add(hn::Add(a4, a5), hn::Add(a6, a7)),
                                hn::Add(hn::Add(a8, a9), hn::Add(a10, a11))));
  *sink = hn::GetLane(hn::SumOfLanes(d, sum));
  return 12.0 * 2.0 * static_cast<double>(hn::Lanes(d));
}

}  // namespace
}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {
namespace {

HWY_EXPORT(RunFma);

// About a millisecond at 3 GHz and one round every twelve cycles.
constexpr std::int64_t kRounds = 250'000;

}  // namespace

double MeasureFmaPeak(int threads) {
  using Seconds = std::chrono::duration<double>;
  std::vector<Seconds> best(static_cast<std::size_t>(threads), Seconds(1e9));
  std::vector<double> flops_per_round(static_cast<std::size_t>(threads));
  std::barrier together(threads);
  {
    std::vector<std::jthread> runners;
    for (std::size_t t = 0; t < best.size(); ++t) {
      runners.emplace_back([&, t] {
        volatile float sink = 0;
        float value = 0;
        for (int repeat = 0; repeat < 3; ++repeat) {
          together.arrive_and_wait();
          const auto start = std::chrono::steady_clock::now();
          flops_per_round[t] = HWY_DYNAMIC_DISPATCH(RunFma)(kRounds, &value);
          best[t] = std::min<Seconds>(best[t],
                                      std::chrono::steady_clock::now() - start);
        }
        sink = value;
        (void)sink;
      });
    }
  }
  double peak = 0;
  for (std::size_t t = 0; t < best.size(); ++t) {
    peak += flops_per_round[t] * kRounds / best[t].count() / 1e9;
  }
  return peak;
}

}  // namespace attention
#endif  // HWY_ONCE
