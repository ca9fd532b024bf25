#include "core/attention/scale_rows.h"

#include <algorithm>
#include <cstdint>

#include "hwy/cache_control.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/attention/scale_rows.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;

// Elements before the first that a vector may stream to.
HWY_INLINE std::int64_t ElementsToAlignment(const float* to) {
  const auto bytes = hn::Lanes(D()) * sizeof(float);
  const auto past = reinterpret_cast<std::uintptr_t>(to) % bytes;
  return static_cast<std::int64_t>((bytes - past) % bytes / sizeof(float));
}

// to[i] = from[i] * factor from `begin` on, a vector or an element at a time.
// Returns where it stopped: fewer than a vector's lanes are left.
template <class DTag>
HWY_INLINE std::int64_t ScaleRow(DTag d, const float* from, float factor,
                                 std::int64_t begin, std::int64_t end,
                                 bool streams, float* to) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto by = hn::Set(d, factor);
  std::int64_t i = begin;
  if (streams) {
    for (; i + lanes <= end; i += lanes) {
      hn::Stream(hn::Mul(hn::LoadU(d, from + i), by), d, to + i);
    }
  }
  for (; i + lanes <= end; i += lanes) {
    hn::StoreU(hn::Mul(hn::LoadU(d, from + i), by), d, to + i);
  }
  return i;
}

void ScaleRowsT(TileView from, const float* factors, std::int64_t rows,
                std::int64_t columns, Stores stores, MutableTileView to) {
  const D d;
  const hn::CappedTag<float, 1> one;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = from.data + r * from.stride;
    float* out = to.data + r * to.stride;
    const bool streams = stores == Stores::kStreaming;
    const std::int64_t first =
        streams ? std::min(ElementsToAlignment(out), columns) : 0;
    ScaleRow(one, row, factors[r], 0, first, false, out);
    const std::int64_t rest =
        ScaleRow(d, row, factors[r], first, columns, streams, out);
    ScaleRow(one, row, factors[r], rest, columns, false, out);
  }
  // Other threads shall see what was streamed once they see what follows.
  if (stores == Stores::kStreaming) hwy::FlushStream();
}

template <class DTag>
HWY_INLINE std::int64_t AddScaledRow(DTag d, const float* from, float factor,
                                     std::int64_t begin, std::int64_t end,
                                     float* to) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto by = hn::Set(d, factor);
  std::int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    hn::StoreU(hn::MulAdd(hn::LoadU(d, from + i), by, hn::LoadU(d, to + i)), d,
               to + i);
  }
  return i;
}

void AddScaledRowsT(TileView from, const float* factors, std::int64_t rows,
                    std::int64_t columns, MutableTileView to) {
  const D d;
  const hn::CappedTag<float, 1> one;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = from.data + r * from.stride;
    float* out = to.data + r * to.stride;
    const std::int64_t rest = AddScaledRow(d, row, factors[r], 0, columns, out);
    AddScaledRow(one, row, factors[r], rest, columns, out);
  }
}

}  // namespace
}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {

HWY_EXPORT(ScaleRowsT);
HWY_EXPORT(AddScaledRowsT);

void ScaleRows(TileView from, const float* factors, std::int64_t rows,
               std::int64_t columns, Stores stores, MutableTileView to) {
  HWY_DYNAMIC_DISPATCH(ScaleRowsT)(from, factors, rows, columns, stores, to);
}

void AddScaledRows(TileView from, const float* factors, std::int64_t rows,
                   std::int64_t columns, MutableTileView to) {
  HWY_DYNAMIC_DISPATCH(AddScaledRowsT)(from, factors, rows, columns, to);
}

}  // namespace attention
#endif  // HWY_ONCE
