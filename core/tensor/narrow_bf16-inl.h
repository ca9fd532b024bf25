// Rounds f32 to bf16 in plain arithmetic. Included once for each instruction
// set.
#if defined(CORE_TENSOR_NARROW_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CORE_TENSOR_NARROW_BF16_INL_H_
#undef CORE_TENSOR_NARROW_BF16_INL_H_
#else
#define CORE_TENSOR_NARROW_BF16_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// To nearest even; NaN stays NaN. Highway's own conversion truncates in some
// versions.
template <class D, class DU16 = hn::Rebind<std::uint16_t, D>>
HWY_INLINE hn::Vec<DU16> NarrowToBf16(D /*d*/, hn::Vec<D> values) {
  const hn::RebindToUnsigned<D> du;
  const hn::RebindToSigned<D> di;
  const auto bits = hn::BitCast(du, values);
  const auto is_odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 1));
  const auto rounded = hn::Add(bits, hn::Add(is_odd, hn::Set(du, 0x7FFF)));
  // Rounding could carry a NaN into Inf or zero.
  const auto quiet = hn::Or(bits, hn::Set(du, 0x00400000));
  const auto is_number = hn::RebindMask(du, hn::Eq(values, values));
  const auto result = hn::IfThenElse(is_number, rounded, quiet);
  return hn::DemoteTo(DU16(), hn::BitCast(di, hn::ShiftRight<16>(result)));
}

}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
