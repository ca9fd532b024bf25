// Which requests are admitted, which share a batch, and which are dropped:
// decisions without threads or time of their own.
#include "core/engine/request_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"

namespace attention {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kMiB = 1 << 20;

class RequestQueueTest : public testing::Test {
 protected:
  static EngineOptions Options() {
    EngineOptions options;
    options.max_batch_tokens = 10;
    options.max_batch_requests = 3;
    options.max_queue_requests = 4;
    options.max_queue_tokens = 20;
    options.max_batch_bytes = kMiB * 100;
    return options;
  }

  QueuedRequest Request(std::int64_t tokens, std::int64_t head_dim = 8) {
    QueuedRequest queued;
    queued.request.sdpa_spec.head_dim = head_dim;
    queued.tokens = tokens;
    queued.arena_bytes = kMiB;
    queued.arrival = clock_.Now();
    return queued;
  }

  RequestQueue::Taken Take() { return queue_.Take(clock_.Now(), kMiB * 100); }

  static std::vector<std::int64_t> Tokens(
      const std::vector<QueuedRequest>& requests) {
    std::vector<std::int64_t> tokens;
    for (const QueuedRequest& queued : requests) {
      tokens.push_back(queued.tokens);
    }
    return tokens;
  }

  FakeClock clock_;
  RequestQueue queue_{Options()};
};

TEST_F(RequestQueueTest, AdmitsARequestAsLargeAsABatchButNoLarger) {
  EXPECT_TRUE(queue_.Admit(Request(10)).ok());
  const absl::Status status = queue_.Admit(Request(11));
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("it holds 11 tokens, a batch holds "
                                          "10"));
}

TEST_F(RequestQueueTest, AdmitsWhatABatchHasMemoryForButNoMore) {
  QueuedRequest request = Request(1);
  request.arena_bytes = 100 * kMiB;
  EXPECT_TRUE(queue_.Admit(request).ok());
  ++request.arena_bytes;
  const absl::Status status = queue_.Admit(request);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(),
              HasSubstr("it takes 104857601 bytes of working memory, a batch "
                        "may take 104857600"));
}

TEST_F(RequestQueueTest, TakesOnlyWhatThereIsMemoryFor) {
  for (int i = 0; i < 3; ++i) queue_.Push(Request(1));
  EXPECT_FALSE(queue_.CanTake(kMiB - 1));
  ASSERT_TRUE(queue_.CanTake(2 * kMiB));

  const RequestQueue::Taken taken = queue_.Take(clock_.Now(), 2 * kMiB);
  EXPECT_THAT(taken.batch, SizeIs(2));
  EXPECT_EQ(taken.arena_bytes, 2 * kMiB);
  EXPECT_EQ(queue_.size(), 1);
}

TEST_F(RequestQueueTest, RefusesWhenItsRequestsAreFull) {
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(queue_.Admit(Request(1)).ok());
    queue_.Push(Request(1));
  }
  const absl::Status status = queue_.Admit(Request(1));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("4 requests wait, the limit is 4"));
}

TEST_F(RequestQueueTest, RefusesWhenItsTokensAreFull) {
  queue_.Push(Request(10));
  queue_.Push(Request(5));
  EXPECT_TRUE(queue_.Admit(Request(5)).ok());
  const absl::Status status = queue_.Admit(Request(6));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(status.message(), HasSubstr("15 tokens wait and the request has "
                                          "6, the limit is 20"));
}

TEST_F(RequestQueueTest, FillsABatchUpToItsTokens) {
  queue_.Push(Request(4));
  queue_.Push(Request(6));
  queue_.Push(Request(1));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(4, 6));
  EXPECT_EQ(queue_.size(), 1);
  EXPECT_EQ(queue_.tokens(), 1);
}

TEST_F(RequestQueueTest, FillsABatchUpToItsRequests) {
  for (int i = 1; i <= 4; ++i) queue_.Push(Request(1));

  EXPECT_THAT(Take().batch, SizeIs(3));
  EXPECT_EQ(queue_.size(), 1);
}

TEST_F(RequestQueueTest, DoesNotLetASmallRequestOvertakeALargeOne) {
  queue_.Push(Request(6));
  queue_.Push(Request(8));
  queue_.Push(Request(1));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(6));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(8, 1));
}

TEST_F(RequestQueueTest, BatchesOnlyWhatHasTheSameHeads) {
  queue_.Push(Request(1, 8));
  queue_.Push(Request(2, 16));
  queue_.Push(Request(3, 8));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(1, 3));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(2));
}

TEST_F(RequestQueueTest, DropsWhatExpired) {
  QueuedRequest late = Request(2);
  late.request.deadline = clock_.Now() + milliseconds(5);
  queue_.Push(std::move(late));
  queue_.Push(Request(3));
  clock_.Advance(milliseconds(5));

  const RequestQueue::Taken taken = Take();

  EXPECT_THAT(Tokens(taken.batch), ElementsAre(3));
  ASSERT_THAT(taken.dropped, SizeIs(1));
  EXPECT_EQ(taken.dropped[0].second.code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(queue_.tokens(), 0);
}

TEST_F(RequestQueueTest, DropsWhatWasCancelled) {
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  QueuedRequest request = Request(2);
  request.request.cancelled = cancelled;
  queue_.Push(std::move(request));
  cancelled->store(true);

  const RequestQueue::Taken taken = Take();

  EXPECT_THAT(taken.batch, IsEmpty());
  ASSERT_THAT(taken.dropped, SizeIs(1));
  EXPECT_EQ(taken.dropped[0].second.code(), absl::StatusCode::kCancelled);
}

TEST_F(RequestQueueTest, ACallerWhoseDeadlinePassedHasNotCancelled) {
  QueuedRequest request = Request(2);
  request.request.cancelled = std::make_shared<std::atomic<bool>>(true);
  request.request.deadline = clock_.Now();
  EXPECT_EQ(StillWanted(request.request, clock_.Now()).code(),
            absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RequestQueueTest, DropUnwantedLeavesTheOthersInOrder) {
  queue_.Push(Request(1));
  QueuedRequest late = Request(2);
  late.request.deadline = clock_.Now();
  queue_.Push(std::move(late));
  queue_.Push(Request(3));

  EXPECT_THAT(queue_.DropUnwanted(clock_.Now()), SizeIs(1));
  EXPECT_EQ(queue_.tokens(), 4);
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(1, 3));
}

TEST_F(RequestQueueTest, ClearTakesEverything) {
  queue_.Push(Request(1));
  queue_.Push(Request(2, 16));

  EXPECT_THAT(Tokens(queue_.Clear()), ElementsAre(1, 2));
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.tokens(), 0);
}

}  // namespace
}  // namespace attention
