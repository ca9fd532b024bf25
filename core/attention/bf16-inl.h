// Lanes of f32 or of two bf16, and two instructions for bf16 that Highway 1.0
// does not have yet. Included once for each instruction set.
//
// In assembler, because the intrinsics need a compiler flag that Highway does
// not give to this instruction set. Where there is no such instruction set the
// same is done step by step, for tests only.
#if defined(CORE_ATTENTION_BF16_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CORE_ATTENTION_BF16_INL_H_
#undef CORE_ATTENTION_BF16_INL_H_
#else
#define CORE_ATTENTION_BF16_INL_H_
#endif

#include <cstdint>

#include "core/tensor/narrow_bf16-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

template <class D, class V = hn::Vec<D>>
HWY_INLINE V FirstsOfPairs(D d, V pairs) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<16>(hn::BitCast(du, pairs)));
}

template <class D, class V = hn::Vec<D>>
HWY_INLINE V SecondsOfPairs(D d, V pairs) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d,
                     hn::And(hn::BitCast(du, pairs), hn::Set(du, 0xFFFF0000u)));
}

// sum[i] + a[2i] * b[2i] + a[2i + 1] * b[2i + 1], where lane i of `a` and `b`
// holds two bf16, the first in its lower half.
// REQUIRES: HasBf16Products(), where vectors have 512 bits.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V AddProductsOfPairs([[maybe_unused]] D d, V a, V b, V sum) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  static_assert(hn::MaxLanes(d) == 16);
  asm("vdpbf16ps %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
  return sum;
#else
  return hn::MulAdd(SecondsOfPairs(d, a), SecondsOfPairs(d, b),
                    hn::MulAdd(FirstsOfPairs(d, a), FirstsOfPairs(d, b), sum));
#endif
}

// What a lane of 32 bits holds, and how lanes are multiplied and added.
struct OneF32 {
  static constexpr int kElements = 1;

  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V MulAdd(D /*d*/, V a, V b, V sum) {
    return hn::MulAdd(a, b, sum);
  }
};
struct TwoBf16 {
  static constexpr int kElements = 2;

  template <class D, class V = hn::Vec<D>>
  static HWY_INLINE V MulAdd(D d, V a, V b, V sum) {
    return AddProductsOfPairs(d, a, b, sum);
  }
};

// To nearest even; NaN stays NaN, and what is below 2^-126 becomes 0 where the
// CPU does that.
// REQUIRES: HasBf16Products(), where vectors have 512 bits.
template <class D, class DU16 = hn::Rebind<std::uint16_t, D>>
HWY_INLINE hn::Vec<DU16> RoundToBf16([[maybe_unused]] D d, hn::Vec<D> values) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
  static_assert(hn::MaxLanes(d) == 16);
  hn::Vec<DU16> rounded;
  asm("vcvtneps2bf16 %1, %0" : "=v"(rounded.raw) : "v"(values.raw));
  return rounded;
#else
  return NarrowToBf16(d, values);
#endif
}

}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
