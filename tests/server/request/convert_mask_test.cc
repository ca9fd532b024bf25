// Proves that a mask in pieces is joined, and that its memory is asked for, but
// not before it is known that the mask fits the request.
#include "server/request/convert_mask.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::ElementsAreArray;

constexpr std::array<float, 6> kMask = {0, 1, 2, 3, 4, 5};
constexpr std::int64_t kMaskBytes = sizeof(kMask);

// One sequence, 2 queries on 3 keys.
InputLayout Layout() {
  InputLayout layout;
  layout.spec.num_heads = 1;
  layout.q_rows = {.lengths = {2}, .starts = {0}, .max_length = 2};
  layout.kv_rows = {.lengths = {3}, .starts = {0}, .max_length = 3};
  return layout;
}

class ConvertMaskTest : public ::testing::Test {
 protected:
  InputTensor InPieces(const Shape& shape) const {
    InputTensor mask;
    mask.view.shape = shape;
    mask.view.dtype = DType::kF32;
    mask.view.fragments = &pieces_;
    mask.bytes = pieces_.size();
    return mask;
  }

 private:
  const std::span<const std::byte> bytes_ =
      std::as_bytes(std::span<const float>(kMask));
  const Fragments pieces_{{bytes_.first(5), bytes_.subspan(5)}};
};

TEST_F(ConvertMaskTest, AMaskInPiecesIsJoinedWithinTheBudget) {
  MemoryBudget budget(kMaskBytes);
  {
    const auto mask = ConvertMask(InPieces({2, 3}), Layout(), budget);
    ASSERT_TRUE(mask.ok()) << mask.status();
    EXPECT_EQ(budget.used_bytes(), kMaskBytes);
    std::array<float, 6> joined{};
    std::memcpy(joined.data(), mask->ForSequence(0).data, kMaskBytes);
    EXPECT_THAT(joined, ElementsAreArray(kMask));
    EXPECT_EQ(mask->first.q_stride, 3);
    EXPECT_EQ(mask->first.k_stride, 1);
  }
  EXPECT_EQ(budget.used_bytes(), 0);
}

TEST_F(ConvertMaskTest, AMaskThatTheBudgetHasNoRoomForIsRefused) {
  MemoryBudget budget(kMaskBytes - 1);
  const auto mask = ConvertMask(InPieces({2, 3}), Layout(), budget);
  EXPECT_EQ(mask.status().code(), absl::StatusCode::kResourceExhausted);
}

// Or it would be ResourceExhausted, which clients try again.
TEST_F(ConvertMaskTest, AMaskThatDoesNotFitIsNotJoined) {
  MemoryBudget none(0);
  for (const Shape& shape : {Shape{3, 2}, Shape{2, 2}, Shape{1, 1, 1, 2, 3}}) {
    const auto mask = ConvertMask(InPieces(shape), Layout(), none);
    EXPECT_EQ(mask.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace attention
