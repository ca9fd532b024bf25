#include "core/attention/tile_product.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#ifndef CORE_ATTENTION_TILE_PRODUCT_CC_
#define CORE_ATTENTION_TILE_PRODUCT_CC_

namespace attention {
namespace {

// Rows and vectors of columns whose sums fill 32 registers of 512 bits, and
// terms of them between two reads ahead: with fewer the prefetches get in the
// way of the loads, with more they come too late.
constexpr std::size_t kMostRows = 6;
constexpr std::size_t kVectors = 4;
constexpr std::int64_t kFewestTerms = 4;

}  // namespace
}  // namespace attention

#endif  // CORE_ATTENTION_TILE_PRODUCT_CC_

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/attention/tile_product.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// After foreach_target.h.
#include "core/attention/bf16-inl.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace attention::HWY_NAMESPACE {
namespace {

using D = hn::CappedTag<float, 16>;
using V = hn::Vec<D>;

// With 16 registers sums are 3 x 4, beside three elements of a and a vector of
// b: seven loads for twelve multiplications where 6 x 2 has eight. A pass has
// half the rows and columns, and four times the terms in the same time; but
// bf16 is slow there, and only tests ask for it.
constexpr bool kIsSmall = hn::MaxLanes(D()) < 16;
constexpr std::size_t kRows = kIsSmall ? kMostRows / 2 : kMostRows;
template <class Lane>
constexpr std::int64_t kTermsAtATime =
    kIsSmall && std::is_same_v<Lane, OneF32> ? 4 * kFewestTerms : kFewestTerms;

HWY_INLINE void ReadLinesAhead(ReadAhead& ahead) {
  for (int line = 0; line < ahead.lines; ++line) {
    if (ahead.now.next >= ahead.now.end) {
      ahead.now = std::exchange(ahead.then, {});
      // To look at every step costs small registers a tenth of the product.
      if (ahead.now.next == nullptr) ahead.lines = 0;
      return;
    }
    // Into the second-level cache: the first is full.
    __builtin_prefetch(ahead.now.next, 0, 2);
    ahead.now.next += kLineLanes;
  }
}

// A vector of columns of b: whole, or the first few lanes and zeros.
struct Whole {
  HWY_INLINE V Load(D d, const float* b) const { return hn::LoadU(d, b); }
};
struct Part {
  std::size_t columns = 0;
  HWY_INLINE V Load(D d, const float* b) const {
#if HWY_TARGET <= HWY_AVX2
    return hn::MaskedLoad(hn::FirstN(d, columns), d, b);
#else
    // There a masked load reads everything.
    HWY_ALIGN float lanes[hn::MaxLanes(D())] = {};
    std::copy_n(b, columns, lanes);
    return hn::Load(d, lanes);
#endif
  }
};

// sum[r][v] += a[r, term] * b[term, v]
template <class Lane, std::size_t kR, std::size_t kV, class Columns>
HWY_INLINE void AddTerm(D d, const float* HWY_RESTRICT a, std::int64_t a_stride,
                        const float* HWY_RESTRICT b, const Columns& columns,
                        V (&sum)[kR][kV]) {
  // What there is less of stays in registers.
  if constexpr (kR < kV) {
    V factor[kR];
    HWY_UNROLL(6)
    for (std::size_t r = 0; r < kR; ++r) {
      factor[r] = hn::Set(d, a[static_cast<std::int64_t>(r) * a_stride]);
    }
    HWY_UNROLL(4)
    for (std::size_t v = 0; v < kV; ++v) {
      const V row = columns.Load(d, b + v * hn::Lanes(d));
      HWY_UNROLL(6)
      for (std::size_t r = 0; r < kR; ++r) {
        sum[r][v] = Lane::MulAdd(d, factor[r], row, sum[r][v]);
      }
    }
  } else {
    V row[kV];
    HWY_UNROLL(4)
    for (std::size_t v = 0; v < kV; ++v) {
      row[v] = columns.Load(d, b + v * hn::Lanes(d));
    }
    HWY_UNROLL(6)
    for (std::size_t r = 0; r < kR; ++r) {
      const V factor = hn::Set(d, a[static_cast<std::int64_t>(r) * a_stride]);
      HWY_UNROLL(4)
      for (std::size_t v = 0; v < kV; ++v) {
        sum[r][v] = Lane::MulAdd(d, factor, row[v], sum[r][v]);
      }
    }
  }
}

// kTerms terms, from `term` on.
template <class Lane, std::int64_t kTerms, std::size_t kR, std::size_t kV,
          class Columns>
HWY_INLINE void AddTerms(D d, TileView a, TileView b, std::int64_t term,
                         const Columns& columns, V (&sum)[kR][kV]) {
  HWY_UNROLL(16)
  for (std::int64_t t = term; t < term + kTerms; ++t) {
    AddTerm<Lane>(d, a.data + t, a.stride, b.data + t * b.stride, columns, sum);
  }
}

// kR rows and kV vectors of columns of the product.
template <class Lane, std::size_t kR, std::size_t kV, class Columns>
HWY_INLINE void MultiplyRegisters(std::int64_t depth, TileView a, TileView b,
                                  const Columns& columns, bool accumulate,
                                  MutableTileView c, ReadAhead& ahead) {
  constexpr std::int64_t kTerms = kTermsAtATime<Lane>;
  const D d;
  V sum[kR][kV];
  HWY_UNROLL(6)
  for (std::size_t r = 0; r < kR; ++r) {
    HWY_UNROLL(4)
    for (std::size_t v = 0; v < kV; ++v) sum[r][v] = hn::Zero(d);
  }
  std::int64_t term = 0;
  for (; term + kTerms <= depth; term += kTerms) {
    AddTerms<Lane, kTerms>(d, a, b, term, columns, sum);
    ReadLinesAhead(ahead);
  }
  if constexpr (kTerms > kFewestTerms) {
    for (; term + kFewestTerms <= depth; term += kFewestTerms) {
      AddTerms<Lane, kFewestTerms>(d, a, b, term, columns, sum);
    }
  }
  for (; term < depth; ++term) {
    AddTerms<Lane, 1>(d, a, b, term, columns, sum);
  }
  HWY_UNROLL(6)
  for (std::size_t r = 0; r < kR; ++r) {
    float* row = c.data + static_cast<std::int64_t>(r) * c.stride;
    HWY_UNROLL(4)
    for (std::size_t v = 0; v < kV; ++v) {
      float* to = row + v * hn::Lanes(d);
      // Added last: one chain over thousands of keys would round too often.
      if (accumulate) sum[r][v] = hn::Add(sum[r][v], hn::LoadU(d, to));
      hn::StoreU(sum[r][v], d, to);
    }
  }
}

// The last `rows` of them, at most kR.
template <class Lane, std::size_t kR, std::size_t kV, class Columns>
HWY_INLINE void MultiplyLastRows(std::int64_t rows, std::int64_t depth,
                                 TileView a, TileView b, const Columns& columns,
                                 bool accumulate, MutableTileView c,
                                 ReadAhead& ahead) {
  if constexpr (kR > 0) {
    if (rows == static_cast<std::int64_t>(kR)) {
      return MultiplyRegisters<Lane, kR, kV>(depth, a, b, columns, accumulate,
                                             c, ahead);
    }
    MultiplyLastRows<Lane, kR - 1, kV>(rows, depth, a, b, columns, accumulate,
                                       c, ahead);
  }
}

// All rows of kV vectors of columns.
template <class Lane, std::size_t kV, class Columns>
void MultiplyColumns(const TileShape& shape, TileView a, TileView b,
                     const Columns& columns, bool accumulate, MutableTileView c,
                     ReadAhead& ahead) {
  constexpr auto kStep = static_cast<std::int64_t>(kRows);
  std::int64_t left = shape.rows;
  for (; left >= kStep; left -= kStep) {
    MultiplyRegisters<Lane, kRows, kV>(shape.depth, a, b, columns, accumulate,
                                       c, ahead);
    a.data += kStep * a.stride;
    c.data += kStep * c.stride;
  }
  MultiplyLastRows<Lane, kRows - 1, kV>(left, shape.depth, a, b, columns,
                                        accumulate, c, ahead);
}

template <class Lane>
void MultiplyLanes(const TileShape& shape, TileView a, TileView b,
                   bool accumulate, MutableTileView c, ReadAhead& ahead) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  constexpr auto kWidest = static_cast<std::int64_t>(kVectors);
  std::int64_t vectors = shape.columns / lanes;
  while (vectors > 0) {
    const std::int64_t now = vectors < kWidest ? vectors : kWidest;
    if (now == 4)
      MultiplyColumns<Lane, 4>(shape, a, b, Whole(), accumulate, c, ahead);
    if (now == 3)
      MultiplyColumns<Lane, 3>(shape, a, b, Whole(), accumulate, c, ahead);
    if (now == 2)
      MultiplyColumns<Lane, 2>(shape, a, b, Whole(), accumulate, c, ahead);
    if (now == 1)
      MultiplyColumns<Lane, 1>(shape, a, b, Whole(), accumulate, c, ahead);
    vectors -= now;
    b.data += now * lanes;
    c.data += now * lanes;
  }
  const Part rest{static_cast<std::size_t>(shape.columns % lanes)};
  if (rest.columns > 0) {
    MultiplyColumns<Lane, 1>(shape, a, b, rest, accumulate, c, ahead);
  }
}

void MultiplyTileT(DType dtype, const TileShape& shape, TileView a, TileView b,
                   bool accumulate, MutableTileView c, ReadAhead& ahead) {
  if (dtype == DType::kBF16) {
    MultiplyLanes<TwoBf16>(shape, a, b, accumulate, c, ahead);
  } else {
    MultiplyLanes<OneF32>(shape, a, b, accumulate, c, ahead);
  }
}

}  // namespace
}  // namespace attention::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attention {

HWY_EXPORT(MultiplyTileT);

int LinesAtATime(const TileShape& shape, const ReadAhead& ahead) {
  // As often with small registers.
  constexpr auto kRowsAtATime = static_cast<std::int64_t>(kMostRows);
  constexpr std::int64_t kMost = 4;
  const std::int64_t reads =
      (shape.rows + kRowsAtATime - 1) / kRowsAtATime *
      ((shape.columns + kPanelColumns - 1) / kPanelColumns) *
      (shape.depth / kFewestTerms);
  const std::int64_t lines =
      (ahead.now.end - ahead.now.next + ahead.then.end - ahead.then.next) /
      kLineLanes;
  return static_cast<int>(std::clamp<std::int64_t>(
      (lines + reads / 2) / std::max<std::int64_t>(reads, 1), 1, kMost));
}

void MultiplyTile(DType dtype, const TileShape& shape, TileView a, TileView b,
                  bool accumulate, MutableTileView c, ReadAhead& ahead) {
  HWY_DYNAMIC_DISPATCH(MultiplyTileT)(dtype, shape, a, b, accumulate, c, ahead);
}

}  // namespace attention
#endif  // HWY_ONCE
