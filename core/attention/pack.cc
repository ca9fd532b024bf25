#include "core/attention/pack.h"

#include <algorithm>
#include <array>
#include <limits>

#include "core/attention/bf16_rows.h"
#include "core/attention/isa.h"
#include "core/attention/scale_rows.h"
#include "core/tensor/convert_dtype.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/attention/pack.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// What becomes of an element on its way.
struct Same {
  template <class D>
  HWY_INLINE hn::Vec<D> Of(D /*d*/, hn::Vec<D> x) const {
    return x;
  }
};

// x * (high + low), rounded once. Inf stays Inf: Inf * low might be NaN.
struct Scaled {
  float high = 0;
  float low = 0;

  template <class D>
  HWY_INLINE hn::Vec<D> Of(D d, hn::Vec<D> x) const {
    const auto finite =
        hn::Lt(hn::Abs(x), hn::Set(d, std::numeric_limits<float>::infinity()));
    const auto rest = hn::IfThenElseZero(finite, hn::Mul(x, hn::Set(d, low)));
    return hn::MulAdd(x, hn::Set(d, high), rest);
  }
};

// Without double precision pairs of floats cannot move as one.
#if HWY_TARGET != HWY_SCALAR && HWY_HAVE_FLOAT64

// to[c, r] = element.Of(from[r, c]) for four rows and four columns.
template <class Element>
HWY_INLINE void TransposeFourByFour(const float* from, std::int64_t stride,
                                    Element element, float* to,
                                    std::int64_t to_stride) {
  const hn::FixedTag<float, 4> d;
  const hn::FixedTag<double, 2> pairs;
  const auto a = element.Of(d, hn::LoadU(d, from));
  const auto b = element.Of(d, hn::LoadU(d, from + stride));
  const auto e = element.Of(d, hn::LoadU(d, from + 2 * stride));
  const auto f = element.Of(d, hn::LoadU(d, from + 3 * stride));
  const auto ab0 = hn::BitCast(pairs, hn::InterleaveLower(d, a, b));
  const auto ab1 = hn::BitCast(pairs, hn::InterleaveUpper(d, a, b));
  const auto ef0 = hn::BitCast(pairs, hn::InterleaveLower(d, e, f));
  const auto ef1 = hn::BitCast(pairs, hn::InterleaveUpper(d, e, f));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab0, ef0)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab0, ef0)), d,
             to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, ab1, ef1)), d,
             to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, ab1, ef1)), d,
             to + 3 * to_stride);
}

#else

template <class Element>
void TransposeFourByFour(const float* from, std::int64_t stride,
                         Element element, float* to, std::int64_t to_stride) {
  const hn::CappedTag<float, 1> d;
  for (std::int64_t r = 0; r < 4; ++r) {
    for (std::int64_t c = 0; c < 4; ++c) {
      hn::StoreU(element.Of(d, hn::LoadU(d, from + r * stride + c)), d,
                 to + c * to_stride + r);
    }
  }
}

#endif  // HWY_TARGET != HWY_SCALAR && HWY_HAVE_FLOAT64

template <class Element>
void TransposeElements(TileView from, std::int64_t rows, std::int64_t columns,
                       Element element, MutableTileView to) {
  const hn::CappedTag<float, 1> d;
  const std::int64_t whole_rows = rows / 4 * 4;
  const std::int64_t whole_columns = columns / 4 * 4;
  for (std::int64_t r = 0; r < whole_rows; r += 4) {
    for (std::int64_t c = 0; c < whole_columns; c += 4) {
      TransposeFourByFour(from.data + r * from.stride + c, from.stride, element,
                          to.data + c * to.stride + r, to.stride);
    }
  }
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = from.data + r * from.stride;
    for (std::int64_t c = r < whole_rows ? whole_columns : 0; c < columns;
         ++c) {
      hn::StoreU(element.Of(d, hn::LoadU(d, row + c)), d,
                 to.data + c * to.stride + r);
    }
  }
}

void TransposeT(TileView from, std::int64_t rows, std::int64_t columns,
                MutableTileView to) {
  TransposeElements(from, rows, columns, Same(), to);
}

void TransposeScaledT(TileView from, std::int64_t rows, std::int64_t columns,
                      float high, float low, MutableTileView to) {
  TransposeElements(from, rows, columns, Scaled{high, low}, to);
}

}  // namespace
}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {
namespace {

// Elements of a buffer that stays in the first-level cache.
constexpr std::int64_t kBuffered = 256;

// Copies elements of a row that lie in several pieces of memory.
void Join(const RowsView& rows, std::int64_t row, std::int64_t column,
          std::int64_t count, std::byte* to) {
  const auto size = static_cast<std::int64_t>(DTypeSize(rows.dtype));
  rows.fragments->Copy(
      rows.first_byte + (row * rows.row_stride + column) * size, count * size,
      to);
}

void CopyRow(const std::byte* from, DType from_dtype, std::int64_t columns,
             DType to_dtype, std::byte* to) {
  if (from_dtype == to_dtype) {
    std::copy_n(from, columns * static_cast<std::int64_t>(DTypeSize(to_dtype)),
                to);
    return;
  }
  alignas(64) std::array<float, kBuffered> values;
  const auto from_size = static_cast<std::int64_t>(DTypeSize(from_dtype));
  const auto to_size = static_cast<std::int64_t>(DTypeSize(to_dtype));
  for (std::int64_t c = 0; c < columns; c += kBuffered) {
    const std::int64_t count = std::min(kBuffered, columns - c);
    ConvertToF32(from + c * from_size, from_dtype, count, values.data());
    ConvertFromF32(values.data(), count, to_dtype, to + c * to_size);
  }
}

// The same of a row that lies in several pieces of memory.
void CopyCutRow(const RowsView& from, std::int64_t row,
                std::int64_t first_column, std::int64_t columns, DType to_dtype,
                std::byte* to) {
  std::array<std::byte, kBuffered * sizeof(float)> joined;
  const auto to_size = static_cast<std::int64_t>(DTypeSize(to_dtype));
  for (std::int64_t c = 0; c < columns; c += kBuffered) {
    const std::int64_t count = std::min(kBuffered, columns - c);
    Join(from, row, first_column + c, count, joined.data());
    CopyRow(joined.data(), from.dtype, count, to_dtype, to + c * to_size);
  }
}

// out = from * factor + what `residual` holds from `first_column` on, rounded
// to `dtype`; `residual` may be null.
void WriteRow(const float* from, std::int64_t columns, float factor,
              const RowsView* residual, std::int64_t row,
              std::int64_t first_column, DType dtype, std::byte* out) {
  constexpr float kOne = 1.0F;
  std::array<float, kBuffered> sum;
  std::array<float, kBuffered> added;
  std::array<std::byte, kBuffered * sizeof(float)> joined;
  const auto size = static_cast<std::int64_t>(DTypeSize(dtype));
  for (std::int64_t c = 0; c < columns; c += kBuffered) {
    const std::int64_t count = std::min(kBuffered, columns - c);
    ScaleRows({from + c, 0}, &factor, 1, count, Stores::kCached,
              {sum.data(), 0});
    if (residual != nullptr) {
      const std::byte* bytes =
          InOnePiece(*residual, row, first_column + c, count);
      if (bytes == nullptr) {
        Join(*residual, row, first_column + c, count, joined.data());
        bytes = joined.data();
      }
      ConvertToF32(bytes, residual->dtype, count, added.data());
      AddScaledRows({added.data(), 0}, &kOne, 1, count, {sum.data(), 0});
    }
    ConvertFromF32(sum.data(), count, dtype, out + c * size);
  }
}

bool IsAlignedF32(const MutableRowsView& rows) {
  return rows.dtype == DType::kF32 &&
         reinterpret_cast<std::uintptr_t>(rows.data) % alignof(float) == 0;
}

}  // namespace

HWY_EXPORT(TransposeT);
HWY_EXPORT(TransposeScaledT);

void Transpose(TileView from, std::int64_t rows, std::int64_t columns,
               MutableTileView to) {
  HWY_DYNAMIC_DISPATCH(TransposeT)(from, rows, columns, to);
}

void TransposeScaled(TileView from, std::int64_t rows, std::int64_t columns,
                     double factor, MutableTileView to) {
  const auto high = static_cast<float>(factor);
  const auto low = static_cast<float>(factor - static_cast<double>(high));
  HWY_DYNAMIC_DISPATCH(TransposeScaledT)(from, rows, columns, high, low, to);
}

void GatherRows(const RowsView& from, std::int64_t first,
                std::int64_t first_column, std::int64_t rows,
                std::int64_t columns, DType dtype, std::byte* to) {
  const auto row_bytes = columns * static_cast<std::int64_t>(DTypeSize(dtype));
  for (std::int64_t r = 0; r < rows; ++r, to += row_bytes) {
    const std::byte* row = InOnePiece(from, first + r, first_column, columns);
    if (row != nullptr) {
      CopyRow(row, from.dtype, columns, dtype, to);
    } else {
      CopyCutRow(from, first + r, first_column, columns, dtype, to);
    }
  }
}

void ScatterRows(TileView from, const float* factors, std::int64_t rows,
                 std::int64_t columns, const RowsView* residual, Stores stores,
                 const MutableRowsView& to, std::int64_t first,
                 std::int64_t first_column) {
  const auto size = static_cast<std::int64_t>(DTypeSize(to.dtype));
  std::byte* out = to.data + (first * to.row_stride + first_column) * size;
  if (factors != nullptr && residual == nullptr && IsAlignedF32(to)) {
    ScaleRows(from, factors, rows, columns, stores,
              {reinterpret_cast<float*>(out), to.row_stride});
    return;
  }
  if (factors != nullptr && residual == nullptr && to.dtype == DType::kBF16 &&
      HasBf16Products()) {
    RoundRows(from, factors, rows, columns,
              {reinterpret_cast<std::uint16_t*>(out), to.row_stride});
    return;
  }
  for (std::int64_t r = 0; r < rows; ++r, out += to.row_stride * size) {
    const float* row = from.data + r * from.stride;
    if (factors == nullptr && residual == nullptr) {
      ConvertFromF32(row, columns, to.dtype, out);
      continue;
    }
    WriteRow(row, columns, factors == nullptr ? 1.0F : factors[r], residual,
             first + r, first_column, to.dtype, out);
  }
}

}  // namespace attention
#endif  // HWY_ONCE
