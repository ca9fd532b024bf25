// Which requests are admitted, which share a batch, and which are dropped:
// decisions without threads or time of their own.
#include "core/engine/request_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

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

  QueuedRequest Prioritized(std::uint64_t priority, std::int64_t tokens,
                            std::int64_t head_dim = 8) {
    QueuedRequest queued = Request(tokens, head_dim);
    queued.request.priority = priority;
    return queued;
  }

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

TEST_F(RequestQueueTest, TakesAHigherPriorityFirst) {
  // Each of another model, so that none shares a batch.
  queue_.Push(Prioritized(5, 1, 16));
  queue_.Push(Prioritized(2, 2, 32));
  queue_.Push(Prioritized(4, 3, 64));
  queue_.Push(Prioritized(1, 4, 128));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(4));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(2));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(3));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(1));
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.tokens(), 0);
}

TEST_F(RequestQueueTest, TakesTheOldestOfAPriorityFirst) {
  queue_.Push(Prioritized(4, 5));
  queue_.Push(Prioritized(2, 6));
  queue_.Push(Prioritized(2, 7));
  queue_.Push(Prioritized(2, 8));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(6));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(7));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(8));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(5));
}

TEST_F(RequestQueueTest, WithoutAPriorityItIs3) {
  queue_.Push(Prioritized(4, 1, 16));
  queue_.Push(Prioritized(0, 2));
  queue_.Push(Prioritized(3, 3));
  queue_.Push(Prioritized(2, 4, 16));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(4, 1));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(2, 3));
}

TEST_F(RequestQueueTest, FillsABatchWithLowerPrioritiesOfTheSameModel) {
  queue_.Push(Prioritized(5, 1));
  queue_.Push(Prioritized(2, 2, 16));
  queue_.Push(Prioritized(4, 3));
  queue_.Push(Prioritized(1, 4));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(4, 3, 1));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(2));
}

TEST_F(RequestQueueTest, ALowerPriorityDoesNotOvertakeWhatDoesNotFit) {
  queue_.Push(Prioritized(5, 1));
  queue_.Push(Prioritized(2, 8));
  queue_.Push(Prioritized(1, 6));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(6));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(8, 1));
}

TEST_F(RequestQueueTest, AFullBatchTakesNoLowerPriority) {
  queue_.Push(Prioritized(5, 1));
  for (int i = 0; i < 3; ++i) queue_.Push(Prioritized(1, 2));

  EXPECT_THAT(Tokens(Take().batch), ElementsAre(2, 2, 2));
  EXPECT_THAT(Tokens(Take().batch), ElementsAre(1));
}

TEST_F(RequestQueueTest, AHigherPriorityThatLacksMemoryIsNotOvertaken) {
  queue_.Push(Prioritized(2, 1));
  QueuedRequest large = Prioritized(1, 1);
  large.arena_bytes = 2 * kMiB;
  queue_.Push(std::move(large));

  EXPECT_FALSE(queue_.CanTake(kMiB));
  EXPECT_TRUE(queue_.CanTake(2 * kMiB));
}

TEST_F(RequestQueueTest, DropsWhatExpiredOfEveryPriorityOnTheWay) {
  for (const std::uint64_t priority : {1, 3, 5}) {
    QueuedRequest late = Prioritized(priority, 1);
    late.request.deadline = clock_.Now() + milliseconds(5);
    queue_.Push(std::move(late));
  }
  queue_.Push(Prioritized(4, 2));
  clock_.Advance(milliseconds(5));

  const RequestQueue::Taken taken = Take();

  EXPECT_THAT(Tokens(taken.batch), ElementsAre(2));
  EXPECT_THAT(taken.dropped, SizeIs(3));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(RequestQueueTest, DropsWhatExpiredAlthoughHigherPrioritiesWait) {
  queue_.Push(Prioritized(1, 1));
  QueuedRequest late = Prioritized(5, 2);
  late.request.deadline = clock_.Now();
  queue_.Push(std::move(late));

  EXPECT_THAT(queue_.DropUnwanted(clock_.Now()), SizeIs(1));
  EXPECT_EQ(queue_.size(), 1);
  EXPECT_EQ(queue_.tokens(), 1);
}

TEST_F(RequestQueueTest, AFullQueueRefusesTheHighestPriorityToo) {
  for (int i = 0; i < 4; ++i) queue_.Push(Prioritized(5, 1));

  EXPECT_EQ(queue_.Admit(Prioritized(1, 1)).code(),
            absl::StatusCode::kResourceExhausted);
}

TEST_F(RequestQueueTest, RefusesAPriorityThatThereIsNot) {
  EXPECT_TRUE(queue_.Admit(Prioritized(5, 1)).ok());
  EXPECT_EQ(queue_.Admit(Prioritized(6, 1)),
            absl::InvalidArgumentError(
                "priority: it is 6, allowed is 1, which goes first, to 5, or 0 "
                "for the default, 3"));
  constexpr auto kLargest = std::numeric_limits<std::uint64_t>::max();
  EXPECT_THAT(queue_.Admit(Prioritized(kLargest, 1)).message(),
              HasSubstr("priority: it is 18446744073709551615, allowed"));
}

// The same rule said in another way: of a sorted list, the first request and
// those of its model after it, until one does not fit.
class SortedList {
 public:
  void Push(std::uint64_t priority, const QueuedRequest& request) {
    const Waiting waiting{priority, request.request.sdpa_spec.head_dim,
                          request.tokens, request.arrival};
    const auto later = std::find_if(
        list_.begin(), list_.end(),
        [&](const Waiting& other) { return other.priority > priority; });
    list_.insert(later, waiting);
  }

  // The arrivals of the next batch.
  std::vector<Clock::TimePoint> Take(const EngineOptions& options) {
    std::vector<Clock::TimePoint> batch;
    std::vector<Waiting> left;
    std::int64_t tokens = 0;
    bool open = true;
    for (const Waiting& waiting : list_) {
      const bool same = waiting.head_dim == list_.front().head_dim;
      const bool fits = std::ssize(batch) < options.max_batch_requests &&
                        tokens + waiting.tokens <= options.max_batch_tokens;
      open = open && (fits || !same);
      if (open && same) {
        tokens += waiting.tokens;
        batch.push_back(waiting.arrival);
      } else {
        left.push_back(waiting);
      }
    }
    list_ = std::move(left);
    return batch;
  }

 private:
  struct Waiting {
    std::uint64_t priority = 0;
    std::int64_t head_dim = 0;
    std::int64_t tokens = 0;
    Clock::TimePoint arrival{};
  };

  std::vector<Waiting> list_;
};

TEST_F(RequestQueueTest, RandomRequestsLeaveAsFromASortedList) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto draw = [&random](int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
  };
  SortedList list;
  for (int step = 0; step < 5000; ++step) {
    // An arrival is a name, too.
    clock_.Advance(milliseconds(1));
    const auto priority = static_cast<std::uint64_t>(draw(1, 5));
    const QueuedRequest request =
        Prioritized(priority, draw(1, 8), 8LL * draw(1, 2));
    if (draw(0, 2) > 0 && queue_.Admit(request).ok()) {
      list.Push(priority, request);
      queue_.Push(Prioritized(priority, request.tokens,
                              request.request.sdpa_spec.head_dim));
      continue;
    }
    std::vector<Clock::TimePoint> batch;
    for (const QueuedRequest& queued : Take().batch) {
      batch.push_back(queued.arrival);
    }
    ASSERT_EQ(batch, list.Take(Options())) << "step " << step;
  }
}

TEST_F(RequestQueueTest, ClearTakesEverything) {
  queue_.Push(Request(1));
  queue_.Push(Request(2, 16));
  queue_.Push(Prioritized(1, 3));

  EXPECT_THAT(Tokens(queue_.Clear()), ElementsAre(3, 1, 2));
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.tokens(), 0);
}

}  // namespace
}  // namespace attention
