#include "core/tensor/convert_dtype.h"

#include <cstring>

// Highway compiles this file once for every instruction set and picks at run
// time.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/tensor/convert_dtype.cc"
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "core/tensor/narrow_bf16-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// 16 lanes are the widest fixed-size vectors, and what the buffer of a tail
// holds.
constexpr std::size_t kMaxLanes = 16;
using F32 = hn::CappedTag<float, kMaxLanes>;
using I32 = hn::RebindToSigned<F32>;
using U32 = hn::RebindToUnsigned<F32>;
using U16 = hn::Rebind<std::uint16_t, F32>;
using VecF32 = hn::Vec<F32>;
using VecU32 = hn::Vec<U32>;
using VecU16 = hn::Vec<U16>;

// LoadU and StoreU promise no alignment, not even that of an element.
VecU16 LoadHalves(const std::byte* from) {
  return hn::LoadU(U16(), reinterpret_cast<const std::uint16_t*>(from));
}

void StoreHalves(VecU16 halves, std::byte* to) {
  hn::StoreU(halves, U16(), reinterpret_cast<std::uint16_t*>(to));
}

struct Bf16 {
  static VecF32 Widen(VecU16 halves) {
    return hn::BitCast(F32(), hn::ShiftLeft<16>(hn::PromoteTo(U32(), halves)));
  }

  static VecU16 Narrow(VecF32 values) { return NarrowToBf16(F32(), values); }
};

struct F16 {
  static VecF32 Widen(VecU16 halves) {
    const U32 d;
    const VecU32 bits = hn::PromoteTo(d, halves);
    const VecU32 sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(d, 0x8000)));
    const VecU32 magnitude =
        hn::ShiftLeft<13>(hn::And(bits, hn::Set(d, 0x7FFF)));
    const VecU32 exponent = hn::And(magnitude, hn::Set(d, kF16Exponent));
    const VecU32 normal = hn::Add(magnitude, hn::Set(d, kRebias));
    // Inf and NaN: the exponent has to become all ones.
    const VecU32 special = hn::Add(normal, hn::Set(d, kRebias));
    // A subnormal m * 2^-24 is (1 + m * 2^-10) * 2^-14 less 2^-14.
    const VecU32 smallest = hn::Set(d, kSmallestNormalF16);
    const VecF32 subnormal =
        hn::Sub(hn::BitCast(F32(), hn::Add(magnitude, smallest)),
                hn::BitCast(F32(), smallest));
    const VecU32 result = hn::IfThenElse(
        hn::Eq(exponent, hn::Zero(d)), hn::BitCast(d, subnormal),
        hn::IfThenElse(hn::Eq(exponent, hn::Set(d, kF16Exponent)), special,
                       normal));
    return hn::BitCast(F32(), hn::Or(result, sign));
  }

  // Highway's own conversion truncates where the CPU has none.
  static VecU16 Narrow(VecF32 values) {
    const I32 d;
    const auto bits = hn::BitCast(d, values);
    const auto magnitude = hn::And(bits, hn::Set(d, 0x7FFFFFFF));
    const auto sign = hn::ShiftRight<16>(hn::BitCast(
        U32(),
        hn::And(bits, hn::Set(d, static_cast<std::int32_t>(0x80000000u)))));
    const auto is_odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(d, 1));
    const auto normal =
        hn::ShiftRight<13>(hn::Add(hn::Sub(magnitude, hn::Set(d, kRebias)),
                                   hn::Add(is_odd, hn::Set(d, 0xFFF))));
    // Adding 0.5 makes the FPU round at 2^-24, the last bit of a subnormal.
    const auto half = hn::Set(d, kHalf);
    const auto subnormal =
        hn::Sub(hn::BitCast(d, hn::Add(hn::BitCast(F32(), magnitude),
                                       hn::BitCast(F32(), half))),
                half);
    const auto inf_or_nan = hn::IfThenElse(
        hn::Gt(magnitude, hn::Set(d, kF32Inf)),
        hn::Or(hn::Set(d, 0x7E00),
               hn::And(hn::ShiftRight<13>(magnitude), hn::Set(d, 0x3FF))),
        hn::Set(d, 0x7C00));
    const auto result = hn::IfThenElse(
        hn::Lt(magnitude, hn::Set(d, kSmallestNormalF16)), subnormal,
        hn::IfThenElse(hn::Lt(magnitude, hn::Set(d, kBeyondF16)), normal,
                       inf_or_nan));
    return hn::DemoteTo(U16(), hn::Or(result, hn::BitCast(d, sign)));
  }

  // As bits of f32.
  static constexpr std::int32_t kF16Exponent = 0x7C00 << 13;
  static constexpr std::int32_t kRebias = (127 - 15) << 23;
  static constexpr std::int32_t kSmallestNormalF16 = (127 - 14) << 23;
  static constexpr std::int32_t kBeyondF16 = (127 + 16) << 23;
  static constexpr std::int32_t kHalf = (127 - 1) << 23;
  static constexpr std::int32_t kF32Inf = 0x7F800000;
};

template <typename Format>
void Widen(const std::byte* from, std::size_t count, float* to) {
  const F32 d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    hn::StoreU(Format::Widen(LoadHalves(from + 2 * i)), d, to + i);
  }
  if (i == count) return;
  std::byte in[2 * kMaxLanes] = {};
  float out[kMaxLanes];
  std::memcpy(in, from + 2 * i, 2 * (count - i));
  hn::StoreU(Format::Widen(LoadHalves(in)), d, out);
  std::memcpy(to + i, out, sizeof(float) * (count - i));
}

template <typename Format>
void Narrow(const float* from, std::size_t count, std::byte* to) {
  const F32 d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    StoreHalves(Format::Narrow(hn::LoadU(d, from + i)), to + 2 * i);
  }
  if (i == count) return;
  float in[kMaxLanes] = {};
  std::byte out[2 * kMaxLanes];
  std::memcpy(in, from + i, sizeof(float) * (count - i));
  StoreHalves(Format::Narrow(hn::LoadU(d, in)), out);
  std::memcpy(to + 2 * i, out, 2 * (count - i));
}

void WidenF16(const std::byte* from, std::size_t count, float* to) {
  Widen<F16>(from, count, to);
}
void WidenBf16(const std::byte* from, std::size_t count, float* to) {
  Widen<Bf16>(from, count, to);
}
void NarrowF16(const float* from, std::size_t count, std::byte* to) {
  Narrow<F16>(from, count, to);
}
void NarrowBf16(const float* from, std::size_t count, std::byte* to) {
  Narrow<Bf16>(from, count, to);
}

}  // namespace HWY_NAMESPACE
}  // namespace attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {

HWY_EXPORT(WidenF16);
HWY_EXPORT(WidenBf16);
HWY_EXPORT(NarrowF16);
HWY_EXPORT(NarrowBf16);

void ConvertToF32(const std::byte* from, DType dtype, std::int64_t count,
                  float* to) {
  const auto size = static_cast<std::size_t>(count);
  if (size == 0) return;  // memcpy takes no null pointers
  if (dtype == DType::kF16) {
    HWY_DYNAMIC_DISPATCH(WidenF16)(from, size, to);
  } else if (dtype == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(WidenBf16)(from, size, to);
  } else {
    std::memcpy(to, from, size * sizeof(float));
  }
}

void ConvertFromF32(const float* from, std::int64_t count, DType dtype,
                    std::byte* to) {
  const auto size = static_cast<std::size_t>(count);
  if (size == 0) return;
  if (dtype == DType::kF16) {
    HWY_DYNAMIC_DISPATCH(NarrowF16)(from, size, to);
  } else if (dtype == DType::kBF16) {
    HWY_DYNAMIC_DISPATCH(NarrowBf16)(from, size, to);
  } else {
    std::memcpy(to, from, size * sizeof(float));
  }
}

}  // namespace attention
#endif  // HWY_ONCE
