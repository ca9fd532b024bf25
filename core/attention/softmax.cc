#include "core/attention/softmax.h"

#include <algorithm>
#include <bit>
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

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// What a score is taken relative to: the largest one, rounded up. As a whole
// number it goes into the exponent, and what was summed with another one is
// rescaled by a power of two, exactly.
struct Shift {
  float value = -kInfinity;
  // Beyond, scores are so coarse that they are reduced by subtraction first.
  bool is_far() const { return !(std::abs(value) <= 0x1p20F); }
};

// Element k of a row of results. Those of bf16 trail behind the scores that are
// still to be read.
struct AsF32 {
  // Of a row that has no weights because of a NaN.
  static constexpr float kNoWeight = kNan;

  // 2^f for |f| <= 1/2 but for the constant 1, minimax in relative error.
  static HWY_INLINE V Exp2OfFraction(D d, V f) {
    V p = hn::Set(d, 1.32647273e-3F);  // 9e-8
    p = hn::MulAdd(p, f, hn::Set(d, 9.67151299e-3F));
    p = hn::MulAdd(p, f, hn::Set(d, 5.55073358e-2F));
    p = hn::MulAdd(p, f, hn::Set(d, 2.40222424e-1F));
    p = hn::MulAdd(p, f, hn::Set(d, 6.93147004e-1F));
    return hn::MulAdd(p, f, hn::Set(d, 1.0F));
  }
  static HWY_INLINE void Store(D d, V values, float* row, std::int64_t k) {
    hn::StoreU(values, d, row + k);
  }
};
struct AsBf16 {
  // The sum says it.
  static constexpr float kNoWeight = 0;

  // The same, for what is rounded to 8 bits.
  static HWY_INLINE V Exp2OfFraction(D d, V f) {
    V p = hn::Set(d, 5.50089329e-2F);  // 1e-4
    p = hn::MulAdd(p, f, hn::Set(d, 2.42210954e-1F));
    p = hn::MulAdd(p, f, hn::Set(d, 6.93282902e-1F));
    return hn::MulAdd(p, f, hn::Set(d, 1.0F));
  }
  static HWY_INLINE void Store(D d, V values, float* row, std::int64_t k) {
    hn::StoreU(RoundToBf16(d, values), hn::Rebind<std::uint16_t, D>(),
               reinterpret_cast<std::uint16_t*>(row) + k);
  }
};

// 2^(x - shift) for x <= shift that are no NaN; between 0 and 2^-126 where it
// is less than that, and 0 from 2^-127 down.
//
// x - shift = n + f with n whole and |f| <= 1/2. 2^f is a polynomial; 2^n goes
// into the exponent, where -127 makes 0 of the 1 that 2^0 is.
template <class Result, bool kIsFar>
class Exp2 {
 public:
  // A far shift is subtracted, and what is left has none.
  Exp2(D d, Shift shift)
      : far_(hn::Set(d, kIsFar ? shift.value : 0.0F)),
        magic_(hn::Set(d, kIsFar ? kMagic : kMagic - shift.value)),
        least_(hn::Set(d, kIsFar ? -127.0F : shift.value - 127.0F)) {}

  HWY_INLINE V Of(D d, V x) const {
    const hn::Rebind<std::int32_t, D> di;
    if constexpr (kIsFar) x = hn::Sub(x, far_);
    x = hn::Max(x, least_);
    const V shifted = hn::Add(x, magic_);
    const V f = hn::Sub(x, hn::Sub(shifted, magic_));
    const V p = Result::Exp2OfFraction(d, f);
    const auto exponent = hn::ShiftLeft<23>(hn::BitCast(di, shifted));
    return hn::BitCast(d, hn::Add(hn::BitCast(di, p), exponent));
  }

 private:
  // 1.5 * 2^23, beside which the lowest bit of the mantissa counts ones: adding
  // it rounds, and leaves n in the low bits.
  static constexpr float kMagic = 12582912.0F;

  V far_;
  V magic_;
  V least_;
};

bool HasNan(const float* scores, std::int64_t count) {
  return std::any_of(scores, scores + count,
                     [](float score) { return std::isnan(score); });
}

// Of `count` scores and `start`; NaN when one of them is.
HWY_INLINE float RowMax(D d, const float* scores, std::int64_t count,
                        float start) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V max0 = hn::Set(d, start);
  V max1 = max0;
  // A maximum may miss a NaN, a sum does not.
  V sum0 = hn::Zero(d);
  V sum1 = sum0;
  std::int64_t k = 0;
  for (; k + 2 * lanes <= count; k += 2 * lanes) {
    const V x0 = hn::LoadU(d, scores + k);
    const V x1 = hn::LoadU(d, scores + k + lanes);
    max0 = hn::Max(max0, x0);
    max1 = hn::Max(max1, x1);
    sum0 = hn::Add(sum0, x0);
    sum1 = hn::Add(sum1, x1);
  }
  for (; k < count; k += lanes) {
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(count - k));
    const V x = hn::LoadU(d, scores + k);
    max0 = hn::Max(max0, hn::IfThenElse(mask, x, hn::Set(d, -kInfinity)));
    sum0 = hn::Add(sum0, hn::IfThenElseZero(mask, x));
  }
  const V sum = hn::Add(sum0, sum1);
  // Inf less Inf is none either.
  if (!hn::AllTrue(d, hn::Eq(sum, sum)) && HasNan(scores, count)) return kNan;
  return hn::GetLane(hn::MaxOfLanes(d, hn::Max(max0, max1)));
}

// scores = 2^(scores - shift), and 0 from `count` to `width`; returns the sum.
// REQUIRES: width is a multiple of 16, so of every vector.
template <class Result, bool kIsFar>
HWY_INLINE float RowExp(D d, float* scores, std::int64_t count,
                        std::int64_t width, Shift shift) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const Exp2<Result, kIsFar> exp2(d, shift);
  V sum0 = hn::Zero(d);
  V sum1 = sum0;
  std::int64_t k = 0;
  for (; k + 2 * lanes <= count; k += 2 * lanes) {
    const V p0 = exp2.Of(d, hn::LoadU(d, scores + k));
    const V p1 = exp2.Of(d, hn::LoadU(d, scores + k + lanes));
    Result::Store(d, p0, scores, k);
    Result::Store(d, p1, scores, k + lanes);
    sum0 = hn::Add(sum0, p0);
    sum1 = hn::Add(sum1, p1);
  }
  for (; k < count; k += lanes) {
    const auto mask = hn::FirstN(d, static_cast<std::size_t>(count - k));
    const V p = hn::IfThenElseZero(mask, exp2.Of(d, hn::LoadU(d, scores + k)));
    Result::Store(d, p, scores, k);
    sum0 = hn::Add(sum0, p);
  }
  for (; k < width; k += lanes) Result::Store(d, hn::Zero(d), scores, k);
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(sum0, sum1)));
}

// Keys of `block` below the limit of a row.
std::int64_t ValidKeys(const ScoreBlock& block, std::int64_t limit) {
  return std::clamp<std::int64_t>(limit - block.first_key, 0, block.width);
}

void FillRow(std::span<const ScoreBlock> blocks, std::int64_t row,
             std::int64_t limit, float value) {
  for (const ScoreBlock& block : blocks) {
    float* scores = block.scores + row * block.width;
    std::fill_n(scores, block.width, 0.0F);
    std::fill_n(scores, ValidKeys(block, limit), value);
  }
}

// 2^(before - after) of whole numbers, of which `after` is no smaller.
float Rescale(Shift before, Shift after) {
  const float exponent = before.value - after.value;
  // Also when nothing came before.
  if (!(exponent >= -126.0F)) return 0.0F;
  return std::bit_cast<float>((static_cast<std::int32_t>(exponent) + 127)
                              << 23);
}

template <class Result, bool kIsFar>
float RowExpOfBlocks(std::span<const ScoreBlock> blocks, std::int64_t row,
                     std::int64_t limit, Shift shift) {
  const D d;
  float sum = 0;
  for (const ScoreBlock& block : blocks) {
    sum += RowExp<Result, kIsFar>(d, block.scores + row * block.width,
                                  ValidKeys(block, limit), block.width, shift);
  }
  return sum;
}

// Of a row whose largest score is `max`.
template <class Result>
void WeighRow(std::span<const ScoreBlock> blocks, std::int64_t row,
              std::int64_t limit, float max, const SoftmaxState& state) {
  state.rescale[row] = 1;
  // With +Inf it would be Inf / Inf.
  if (!(max < kInfinity)) {
    FillRow(blocks, row, limit, Result::kNoWeight);
    state.sum[row] = kNan;
    return;
  }
  const Shift before{state.shift[row]};
  const Shift after{std::max(before.value, std::ceil(max))};
  if (after.value == -kInfinity) {
    FillRow(blocks, row, limit, 0.0F);
    return;
  }
  const float rescale = Rescale(before, after);
  state.shift[row] = after.value;
  state.rescale[row] = rescale;
  const float sum =
      after.is_far() ? RowExpOfBlocks<Result, true>(blocks, row, limit, after)
                     : RowExpOfBlocks<Result, false>(blocks, row, limit, after);
  state.sum[row] = state.sum[row] * rescale + sum;
}

template <class Result>
void SoftmaxRows(std::span<const ScoreBlock> blocks, std::int64_t rows,
                 const std::int64_t* limits, const SoftmaxState& state) {
  const D d;
  // All maxima first: one takes long to reduce, and many are reduced at once.
  for (std::int64_t row = 0; row < rows; ++row) {
    float max = -kInfinity;
    for (const ScoreBlock& block : blocks) {
      max = RowMax(d, block.scores + row * block.width,
                   ValidKeys(block, limits[row]), max);
      if (std::isnan(max)) break;
    }
    state.rescale[row] = max;
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    WeighRow<Result>(blocks, row, limits[row], state.rescale[row], state);
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
