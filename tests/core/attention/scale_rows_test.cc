// Rows times factors, cached and streamed, aligned and not: every element of
// the rows and nothing beside them.
#include "core/attention/scale_rows.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/aligned_buffer.h"
#include "tests/support/vector_target_test.h"

namespace attention {
namespace {

constexpr std::int64_t kRows = 3;
constexpr std::int64_t kStride = 64;
constexpr float kFactors[kRows] = {0.5F, 3.0F, -1.0F};
constexpr float kUntouched = 7.0F;

class ScaleRowsTest : public VectorTargetTest {
 protected:
  ScaleRowsTest() {
    from_.Reserve(kRows * kStride * sizeof(float));
    to_.Reserve((kRows + 1) * kStride * sizeof(float));
    for (int i = 0; i < kRows * kStride; ++i) from_.floats()[i] = 1.0F + i;
  }

  // Runs `work` for every number of columns and misalignment of the results,
  // and expects start + row * factor there.
  template <typename Work>
  void ExpectScaled(float start, const Work& work) {
    for (std::int64_t columns = 0; columns <= 40; ++columns) {
      for (const std::int64_t offset : {0, 1}) {
        SCOPED_TRACE(testing::Message()
                     << columns << " columns, offset " << offset);
        std::fill_n(to_.floats(), (kRows + 1) * kStride, kUntouched);
        work({from_.floats(), kStride}, columns,
             MutableTileView{to_.floats() + offset, kStride});
        ExpectRows(start, columns, offset);
      }
    }
  }

  AlignedBuffer from_;
  AlignedBuffer to_;

 private:
  void ExpectRows(float start, std::int64_t columns, std::int64_t offset) {
    for (std::int64_t i = 0; i < kRows * kStride; ++i) {
      const std::int64_t column = i % kStride;
      const bool written = column < columns;
      ASSERT_EQ(to_.floats()[offset + i],
                written ? start + from_.floats()[i] * kFactors[i / kStride]
                        : kUntouched)
          << "row " << i / kStride << ", column " << column;
    }
  }
};

TEST_P(ScaleRowsTest, ScalesEachRow) {
  for (const Stores stores : {Stores::kCached, Stores::kStreaming}) {
    ExpectScaled(0,
                 [&](TileView from, std::int64_t columns, MutableTileView to) {
                   ScaleRows(from, kFactors, kRows, columns, stores, to);
                 });
  }
}

TEST_P(ScaleRowsTest, AddsScaledRows) {
  ExpectScaled(kUntouched,
               [](TileView from, std::int64_t columns, MutableTileView to) {
                 AddScaledRows(from, kFactors, kRows, columns, to);
               });
}

TEST_P(ScaleRowsTest, ScalesInPlace) {
  const float first = from_.floats()[0];
  ScaleRows({from_.floats(), kStride}, kFactors, kRows, kStride,
            Stores::kCached, {from_.floats(), kStride});
  EXPECT_EQ(from_.floats()[0], first * kFactors[0]);
  EXPECT_EQ(from_.floats()[2 * kStride], (first + 2 * kStride) * kFactors[2]);
}

ATTENTION_ON_EVERY_VECTOR_TARGET(ScaleRowsTest);

}  // namespace
}  // namespace attention
