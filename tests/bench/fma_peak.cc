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
// After foreach_target.h.
#include "core/attention/bf16-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

// Returns the floating-point operations of one round. Twelve chains hide a
// latency of four to six cycles on two units.
template <class Lane>
double RunRounds(std::int64_t rounds, float* sink) {
  const D d;
  // As bf16 each lane is two numbers of which one is 0.
  const V factor = hn::Set(d, 0.5F);
  const V term = hn::Set(d, 0.25F);
  // Different starts, or the compiler finds that one chain would do.
  V a0 = hn::Iota(d, 0), a1 = hn::Iota(d, 1), a2 = hn::Iota(d, 2);
  V a3 = hn::Iota(d, 3), a4 = hn::Iota(d, 4), a5 = hn::Iota(d, 5);
  V a6 = hn::Iota(d, 6), a7 = hn::Iota(d, 7), a8 = hn::Iota(d, 8);
  V a9 = hn::Iota(d, 9), a10 = hn::Iota(d, 10), a11 = hn::Iota(d, 11);
  for (std::int64_t i = 0; i < rounds; ++i) {
    a0 = Lane::MulAdd(d, factor, term, a0);
    a1 = Lane::MulAdd(d, factor, term, a1);
    a2 = Lane::MulAdd(d, factor, term, a2);
    a3 = Lane::MulAdd(d, factor, term, a3);
    a4 = Lane::MulAdd(d, factor, term, a4);
    a5 = Lane::MulAdd(d, factor, term, a5);
    a6 = Lane::MulAdd(d, factor, term, a6);
    a7 = Lane::MulAdd(d, factor, term, a7);
    a8 = Lane::MulAdd(d, factor, term, a8);
    a9 = Lane::MulAdd(d, factor, term, a9);
    a10 = Lane::MulAdd(d, factor, term, a10);
    a11 = Lane::MulAdd(d, factor, term, a11);
  }
  const V sum = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)),
                        hn::Add(hn::Add(hn::Add(a4, a5), hn::Add(a6, a7)),
                                hn::Add(hn::Add(a8, a9), hn::Add(a10, a11))));
  *sink = hn::GetLane(hn::SumOfLanes(d, sum));
  return 12.0 * 2.0 * Lane::kElements * static_cast<double>(hn::Lanes(d));
}

double RunFma(std::int64_t rounds, DType dtype, float* sink) {
  return dtype == DType::kBF16 ? RunRounds<TwoBf16>(rounds, sink)
                               : RunRounds<OneF32>(rounds, sink);
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

double MeasureFmaPeak(int threads, DType dtype) {
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
          flops_per_round[t] =
              HWY_DYNAMIC_DISPATCH(RunFma)(kRounds, dtype, &value);
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
