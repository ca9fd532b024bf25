#include "core/attention/attn_mask.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>

#include "core/tensor/convert_dtype.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/attention/attn_mask.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kMax = std::numeric_limits<float>::max();

// log2(e) as the sum of two floats.
constexpr float kLog2E = std::numbers::log2e_v<float>;
constexpr auto kLog2ELow =
    static_cast<float>(std::numbers::log2e - static_cast<double>(kLog2E));

template <class D>
HWY_INLINE void Exclude(D d, const std::uint8_t* mask, float* scores) {
  const hn::Rebind<std::uint8_t, D> bytes;
  const hn::Rebind<std::int32_t, D> ints;
  const auto flags = hn::PromoteTo(ints, hn::LoadU(bytes, mask));
  const auto excluded = hn::RebindMask(d, hn::Eq(flags, hn::Zero(ints)));
  hn::StoreU(hn::IfThenElse(excluded, hn::Set(d, -kInf), hn::LoadU(d, scores)),
             d, scores);
}

// score + log2(e) * value. Finite values keep finite scores finite: PyTorch's
// masks hold the lowest float, which means "after everything else", not
// "never".
template <class D>
HWY_INLINE hn::Vec<D> Add(D d, hn::Vec<D> score, hn::Vec<D> value) {
  const auto inf = hn::Set(d, kInf);
  const auto finite_value = hn::Lt(hn::Abs(value), inf);
  // Inf times the low part might be the other Inf.
  const auto low =
      hn::IfThenElseZero(finite_value, hn::Mul(value, hn::Set(d, kLog2ELow)));
  const auto sum = hn::MulAdd(value, hn::Set(d, kLog2E), hn::Add(score, low));
  const auto finite = hn::And(finite_value, hn::Lt(hn::Abs(score), inf));
  const auto bounded =
      hn::Min(hn::Max(sum, hn::Set(d, -kMax)), hn::Set(d, kMax));
  return hn::IfThenElse(finite, bounded, sum);
}

// Calls `at` with a tag and the first index of each vector, then with a tag of
// one lane for what is left: masks have no padding to read. A lambda has the
// instructions of its target only with HWY_ATTR.
template <typename At>
HWY_INLINE void ForEachVector(std::int64_t count, const At& at) {
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> one;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t k = 0;
  for (; k + lanes <= count; k += lanes) at(d, k);
  for (; k < count; ++k) at(one, k);
}

void ExcludeT(const std::uint8_t* mask, std::int64_t count, float* scores) {
  ForEachVector(count, [&](auto d, std::int64_t k)
                           HWY_ATTR { Exclude(d, mask + k, scores + k); });
}

void AddRowT(const float* values, std::int64_t count, float* scores) {
  ForEachVector(count, [&](auto d, std::int64_t k) HWY_ATTR {
    const auto sum = Add(d, hn::LoadU(d, scores + k), hn::LoadU(d, values + k));
    hn::StoreU(sum, d, scores + k);
  });
}

void AddOneT(float value, std::int64_t count, float* scores) {
  ForEachVector(count, [&](auto d, std::int64_t k) HWY_ATTR {
    hn::StoreU(Add(d, hn::LoadU(d, scores + k), hn::Set(d, value)), d,
               scores + k);
  });
}

}  // namespace
}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {
namespace {

HWY_EXPORT(ExcludeT);
HWY_EXPORT(AddRowT);
HWY_EXPORT(AddOneT);

void ExcludeWhereFalse(const std::byte* mask, std::int64_t k_stride,
                       std::int64_t count, float* scores) {
  if (k_stride == 0) {
    if (*mask == std::byte{0}) {
      std::fill_n(scores, count, -std::numeric_limits<float>::infinity());
    }
    return;
  }
  HWY_DYNAMIC_DISPATCH(ExcludeT)
  (reinterpret_cast<const std::uint8_t*>(mask), count, scores);
}

void AddFloats(const std::byte* mask, DType dtype, std::int64_t k_stride,
               std::int64_t count, float* scores) {
  constexpr std::int64_t kPiece = 256;
  std::array<float, kPiece> values;
  if (k_stride == 0) {
    ConvertToF32(mask, dtype, 1, values.data());
    HWY_DYNAMIC_DISPATCH(AddOneT)(values[0], count, scores);
    return;
  }
  const auto size = static_cast<std::int64_t>(DTypeSize(dtype));
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    const std::int64_t piece = std::min(kPiece, count - begin);
    ConvertToF32(mask + begin * size, dtype, piece, values.data());
    HWY_DYNAMIC_DISPATCH(AddRowT)(values.data(), piece, scores + begin);
  }
}

}  // namespace

void ApplyMaskRow(const AttnMaskView& mask, std::int64_t head, std::int64_t q,
                  std::int64_t first_key, std::int64_t count, float* scores) {
  const std::int64_t offset =
      head * mask.head_stride + q * mask.q_stride + first_key * mask.k_stride;
  const std::byte* data =
      mask.data + offset * static_cast<std::int64_t>(DTypeSize(mask.dtype));
  if (mask.dtype == DType::kBool) {
    ExcludeWhereFalse(data, mask.k_stride, count, scores);
  } else {
    AddFloats(data, mask.dtype, mask.k_stride, count, scores);
  }
}

}  // namespace attention
#endif  // HWY_ONCE
