#include "core/attention/softmax.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/attention/softmax.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "core/attention/bf16-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

// Rows are padded to 16; vectors may be longer.
using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

constexpr float kMinusInf = -std::numeric_limits<float>::infinity();

// 2^x for x <= 0, within 1 ulp; exactly 1 at 0, 0 below -126, NaN for NaN.
//
// x = n + f with n whole and |f| <= 1/2. 2^f is a polynomial, minimax in
// relative error (2e-9); 2^n goes into the exponent.
HWY_INLINE V Exp2(D d, V x) {
  const hn::Rebind<std::int32_t, D> di;
  // Adding 1.5 * 2^23 leaves n in the low bits of the mantissa.
  const V magic = hn::Set(d, 12582912.0F);
  const V shifted = hn::Add(x, magic);
  const V f = hn::Sub(x, hn::Sub(shifted, magic));
  V p = hn::Set(d, 1.53458120e-4F);
  p = hn::MulAdd(p, f, hn::Set(d, 1.33999312e-3F));
  p = hn::MulAdd(p, f, hn::Set(d, 9.61848889e-3F));
  p = hn::MulAdd(p, f, hn::Set(d, 5.55032876e-2F));
  p = hn::MulAdd(p, f, hn::Set(d, 2.40226467e-1F));
  p = hn::MulAdd(p, f, hn::Set(d, 6.93147206e-1F));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0F));
  const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
  const V result = hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
  // Written so that NaN is kept.
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -126.0F)), result);
}

// The largest of `count` scores and `start`. May miss a NaN.
HWY_INLINE float RowMax(D d, const float* scores, std::int64_t count,
                        float start) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V max0 = hn::Set(d, start);
  V max1 = max0;
  V max2 = max0;
  V max3 = max0;
  std::int64_t k = 0;
  for (; k + 4 * lanes <= count; k += 4 * lanes) {
    max0 = hn::Max(max0, hn::LoadU(d, scores + k));
    max1 = hn::Max(max1, hn::LoadU(d, scores + k + lanes));
    max2 = hn::Max(max2, hn::LoadU(d, scores + k + 2 * lanes));
    max3 = hn::Max(max3, hn::LoadU(d, scores + k + 3 * lanes));
  }
  for (; k + lanes <= count; k += lanes) {
    max0 = hn::Max(max0, hn::LoadU(d, scores + k));
  }
  float max = hn::GetLane(
      hn::MaxOfLanes(d, hn::Max(hn::Max(max0, max1), hn::Max(max2, max3))));
  for (; k < count; ++k) max = std::max(max, scores[k]);
  return max;
}

// Element k of a row of results. Those of bf16 trail behind the scores that are
// still to be read.
struct AsF32 {
  static HWY_INLINE void Store(D d, V values, float* row, std::int64_t k) {
    hn::StoreU(values, d, row + k);
  }
};
struct AsBf16 {
  static HWY_INLINE void Store(D d, V values, float* row, std::int64_t k) {
    hn::StoreU(RoundToBf16(d, values), hn::Rebind<std::uint16_t, D>(),
               reinterpret_cast<std::uint16_t*>(row) + k);
  }
};

// scores = 2^(scores - max), and 0 from `count` to `width`; returns the sum.
// REQUIRES: width is a multiple of 16, so of every vector.
template <class Result>
HWY_INLINE float RowExp(D d, float* scores, std::int64_t count,
                        std::int64_t width, float max) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const V vmax = hn::Set(d, max);
  V sum0 = hn::Zero(d);
  V sum1 = sum0;
  std::int64_t k = 0;
  for (; k + 2 * lanes <= count; k += 2 * lanes) {
    const V p0 = Exp2(d, hn::Sub(hn::LoadU(d, scores + k), vmax));
    const V p1 = Exp2(d, hn::Sub(hn::LoadU(d, scores + k + lanes), vmax));
    Result::Store(d, p0, scores, k);
    Result::Store(d, p1, scores, k + lanes);
    sum0 = hn::Add(sum0, p0);
    sum1 = hn::Add(sum1, p1);
  }
  for (; k < count; k += lanes) {
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(count - k));
    const V p = hn::IfThenElseZero(
        mask, Exp2(d, hn::Sub(hn::LoadU(d, scores + k), vmax)));
    Result::Store(d, p, scores, k);
    sum0 = hn::Add(sum0, p);
  }
  for (; k < width; k += lanes) Result::Store(d, hn::Zero(d), scores, k);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
}

bool HasNan(const float* scores, std::int64_t count) {
  return std::any_of(scores, scores + count,
                     [](float score) { return std::isnan(score); });
}

// Keys of `block` below the limit of a row.
std::int64_t ValidKeys(const ScoreBlock& block, std::int64_t limit) {
  return std::clamp<std::int64_t>(limit - block.first_key, 0, block.width);
}

// A row without any key: zeros, unless a NaN hid from the maximum.
float ExcludedRow(std::span<const ScoreBlock> blocks, std::int64_t row,
                  std::int64_t limit) {
  bool has_nan = false;
  for (const ScoreBlock& block : blocks) {
    float* scores = block.scores + row * block.width;
    has_nan = has_nan || HasNan(scores, ValidKeys(block, limit));
  }
  const float value = has_nan ? std::numeric_limits<float>::quiet_NaN() : 0.0F;
  for (const ScoreBlock& block : blocks) {
    float* scores = block.scores + row * block.width;
    std::fill_n(scores, block.width, 0.0F);
    std::fill_n(scores, ValidKeys(block, limit), value);
  }
  return value;
}

// 2^(before - after), mostly without the call: nothing came before the first
// block, and often the largest score is in it.
float Rescale(float before, float after) {
  if (before == kMinusInf) return 0.0F;
  return before == after ? 1.0F : std::exp2(before - after);
}

template <class Result>
void SoftmaxRows(std::span<const ScoreBlock> blocks, std::int64_t rows,
                 const std::int64_t* limits, const SoftmaxState& state) {
  const D d;
  for (std::int64_t row = 0; row < rows; ++row) {
    const float max_before = state.max[row];
    float max = max_before;
    for (const ScoreBlock& block : blocks) {
      max = RowMax(d, block.scores + row * block.width,
                   ValidKeys(block, limits[row]), max);
    }
    state.max[row] = max;
    if (max == kMinusInf) {
      state.rescale[row] = 1.0F;
      state.sum[row] += ExcludedRow(blocks, row, limits[row]);
      continue;
    }
    const float rescale = Rescale(max_before, max);
    state.rescale[row] = rescale;
    float sum = state.sum[row] * rescale;
    for (const ScoreBlock& block : blocks) {
      sum += RowExp<Result>(d, block.scores + row * block.width,
                            ValidKeys(block, limits[row]), block.width, max);
    }
    state.sum[row] = sum;
  }
}

void SoftmaxTileT(std::span<const ScoreBlock> blocks, std::int64_t rows,
                  const std::int64_t* limits, DType dtype,
                  const SoftmaxState& state) {
  if (dtype == DType::kBF16) {
    SoftmaxRows<AsBf16>(blocks, rows, limits, state);
  } else {
    SoftmaxRows<AsF32>(blocks, rows, limits, state);
  }
}

}  // namespace
}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {

HWY_EXPORT(SoftmaxTileT);

void SoftmaxTile(std::span<const ScoreBlock> blocks, std::int64_t rows,
                 const std::int64_t* limits, DType dtype,
                 const SoftmaxState& state) {
  HWY_DYNAMIC_DISPATCH(SoftmaxTileT)(blocks, rows, limits, dtype, state);
}

}  // namespace attention
#endif  // HWY_ONCE
