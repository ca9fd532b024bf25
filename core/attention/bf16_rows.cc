#include "core/attention/bf16_rows.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/attention/bf16_rows.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "core/attention/bf16-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

using D = hn::CappedTag<float, 16>;
using U32 = hn::RebindToUnsigned<D>;
using U16 = hn::Rebind<std::uint16_t, D>;

void RoundRowsT(TileView from, const float* factors, std::int64_t rows,
                std::int64_t columns, MutableBf16View to) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* row = from.data + r * from.stride;
    std::uint16_t* out = to.data + r * to.stride;
    const auto factor = hn::Set(d, factors[r]);
    std::int64_t c = 0;
    for (; c + lanes <= columns; c += lanes) {
      hn::StoreU(RoundToBf16(d, hn::Mul(hn::LoadU(d, row + c), factor)), U16(),
                 out + c);
    }
    if (c == columns) continue;
    HWY_ALIGN float rest[hn::MaxLanes(D())] = {};
    HWY_ALIGN std::uint16_t rounded[hn::MaxLanes(D())];
    std::copy(row + c, row + columns, rest);
    hn::Store(RoundToBf16(d, hn::Mul(hn::Load(d, rest), factor)), U16(),
              rounded);
    std::memcpy(out + c, rounded,
                static_cast<std::size_t>(columns - c) * sizeof(rounded[0]));
  }
}

// to[c] = the elements c of both rows.
void PairTwoRows(const std::uint16_t* even, const std::uint16_t* odd,
                 std::int64_t columns, float* to) {
  const U16 d;
  const U32 d32;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = 0;
  for (; c + lanes <= columns; c += lanes) {
    const auto below = hn::PromoteTo(d32, hn::LoadU(d, even + c));
    const auto above = hn::PromoteTo(d32, hn::LoadU(d, odd + c));
    hn::StoreU(hn::BitCast(D(), hn::Or(below, hn::ShiftLeft<16>(above))), D(),
               to + c);
  }
  auto* halves = reinterpret_cast<std::uint16_t*>(to);
  for (; c < columns; ++c) {
    halves[2 * c] = even[c];
    halves[2 * c + 1] = odd[c];
  }
}

void PairRowsT(Bf16View from, std::int64_t first_row, std::int64_t rows,
               std::int64_t columns, MutableTileView to) {
  const std::int64_t end = first_row + rows;
  for (std::int64_t row = first_row; row < end;) {
    const std::uint16_t* elements = from.data + (row - first_row) * from.stride;
    float* lanes = to.data + row / 2 * to.stride;
    if (row % 2 == 0 && row + 1 < end) {
      PairTwoRows(elements, elements + from.stride, columns, lanes);
      row += 2;
      continue;
    }
    // The other half may be somebody else's.
    auto* halves = reinterpret_cast<std::uint16_t*>(lanes) + row % 2;
    for (std::int64_t c = 0; c < columns; ++c) halves[2 * c] = elements[c];
    ++row;
  }
}

}  // namespace
}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {

HWY_EXPORT(RoundRowsT);
HWY_EXPORT(PairRowsT);

void RoundRows(TileView from, const float* factors, std::int64_t rows,
               std::int64_t columns, MutableBf16View to) {
  HWY_DYNAMIC_DISPATCH(RoundRowsT)(from, factors, rows, columns, to);
}

void PairRows(Bf16View from, std::int64_t first_row, std::int64_t rows,
              std::int64_t columns, MutableTileView to) {
  HWY_DYNAMIC_DISPATCH(PairRowsT)(from, first_row, rows, columns, to);
}

}  // namespace attention
#endif  // HWY_ONCE
