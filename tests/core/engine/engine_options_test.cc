// Every option is checked at its limits, and one message names all that is
// wrong.
#include "core/engine/engine_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attention {
namespace {

using ::testing::HasSubstr;

TEST(EngineOptionsTest, DefaultsAreValid) {
  EXPECT_TRUE(EngineOptions().Validate().ok());
}

TEST(EngineOptionsTest, LimitsAreInclusive) {
  EngineOptions options;
  options.num_workers = 1024;
  options.max_batch_tokens = 1 << 20;
  options.max_queue_tokens = 1 << 20;
  options.max_batch_requests = 65536;
  options.max_queue_requests = 1'000'000;
  EXPECT_TRUE(options.Validate().ok());

  options.num_workers = 1025;
  EXPECT_THAT(options.Validate().message(),
              HasSubstr("num_workers is 1025, allowed is 0 to 1024"));
}

TEST(EngineOptionsTest, QueueHoldsAtLeastOneBatch) {
  EngineOptions options;
  options.max_batch_tokens = 100;
  options.max_queue_tokens = 99;
  EXPECT_THAT(options.Validate().message(),
              HasSubstr("max_queue_tokens is 99, allowed is 100 to"));
}

TEST(EngineOptionsTest, MemoryIsAtLeastAMebibyte) {
  EngineOptions options;
  options.max_batch_bytes = 1 << 20;
  EXPECT_TRUE(options.Validate().ok());
  --options.max_batch_bytes;
  EXPECT_THAT(options.Validate().message(),
              HasSubstr("max_batch_bytes is 1048575, allowed is 1048576 to"));
}

TEST(EngineOptionsTest, NamesEveryValueThatIsWrong) {
  EngineOptions options;
  options.num_workers = -1;
  options.max_batch_requests = 0;
  options.max_queue_requests = 0;
  const absl::Status status = options.Validate();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("num_workers is -1"));
  EXPECT_THAT(status.message(), HasSubstr("max_batch_requests is 0"));
  EXPECT_THAT(status.message(), HasSubstr("max_queue_requests is 0"));
}

}  // namespace
}  // namespace attention
