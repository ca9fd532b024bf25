// Proves that the macros leave a function with the error they met, and only
// then, and that they take values that can only be moved.
#include "core/base/status_macros.h"

#include <memory>
#include <utility>

#include "gtest/gtest.h"

namespace attention {
namespace {

absl::Status Check(absl::Status status, bool& went_on) {
  ATTENTION_RETURN_IF_ERROR(std::move(status));
  went_on = true;
  return absl::OkStatus();
}

absl::StatusOr<int> Sum(absl::StatusOr<std::unique_ptr<int>> a,
                        absl::StatusOr<std::unique_ptr<int>> b) {
  ATTENTION_ASSIGN_OR_RETURN(const std::unique_ptr<int> first, std::move(a));
  ATTENTION_ASSIGN_OR_RETURN(const std::unique_ptr<int> second, std::move(b));
  return *first + *second;
}

TEST(StatusMacrosTest, ReturnIfErrorReturnsOnlyErrors) {
  bool went_on = false;
  EXPECT_EQ(Check(absl::AbortedError("no"), went_on), absl::AbortedError("no"));
  EXPECT_FALSE(went_on);
  EXPECT_TRUE(Check(absl::OkStatus(), went_on).ok());
  EXPECT_TRUE(went_on);
}

TEST(StatusMacrosTest, AssignOrReturnMovesTheValueOrReturnsTheError) {
  EXPECT_EQ(Sum(std::make_unique<int>(2), std::make_unique<int>(3)).value(), 5);
  EXPECT_EQ(Sum(std::make_unique<int>(2), absl::AbortedError("b")).status(),
            absl::AbortedError("b"));
  EXPECT_EQ(Sum(absl::AbortedError("a"), absl::AbortedError("b")).status(),
            absl::AbortedError("a"));
}

}  // namespace
}  // namespace attention
