#include "core/attention/attn_mask.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numbers>

#include "core/tensor/convert_dtype.h"

namespace attention {
namespace {

constexpr float kLog2E = std::numbers::log2e_v<float>;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kMaxFloat = std::numeric_limits<float>::max();

// log2(e) * value. A finite value stays finite: PyTorch's masks hold the
// lowest float, which means "after everything else", not "never".
float ToExp2Domain(float value) {
  const float scaled = value * kLog2E;
  if (value == -kInf || value == kInf) return value;
  return scaled < -kMaxFloat ? -kMaxFloat
                             : (scaled > kMaxFloat ? kMaxFloat : scaled);
}

void ExcludeWhereFalse(const std::byte* mask, std::int64_t stride,
                       std::int64_t count, float* scores) {
  for (std::int64_t k = 0; k < count; ++k) {
    scores[k] = mask[k * stride] != std::byte{0} ? scores[k] : -kInf;
  }
}

void AddFloats(const std::byte* mask, DType dtype, std::int64_t stride,
               std::int64_t count, float* scores) {
  constexpr std::int64_t kPiece = 256;
  std::array<float, kPiece> values;
  if (stride == 0) {
    ConvertToF32(mask, dtype, 1, values.data());
    const float value = ToExp2Domain(values[0]);
    for (std::int64_t k = 0; k < count; ++k) scores[k] += value;
    return;
  }
  const auto size = static_cast<std::int64_t>(DTypeSize(dtype));
  for (std::int64_t begin = 0; begin < count; begin += kPiece) {
    const std::int64_t piece = std::min(kPiece, count - begin);
    ConvertToF32(mask + begin * size, dtype, piece, values.data());
    for (std::int64_t k = 0; k < piece; ++k) {
      scores[begin + k] += ToExp2Domain(values[k]);
    }
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
