// The engine with a kernel that the test holds by the hand: batching, limits,
// cancellation, closing, and that every request ends exactly once.
#include "core/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>
#include <semaphore>
#include <thread>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_kernel.h"

namespace attention {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Longer than any test should take: only a hang gets there.
constexpr auto kHang = seconds(60);

AttentionRequest Request(std::int64_t length, std::promise<absl::Status>& end) {
  AttentionRequest request;
  Sequence sequence;
  sequence.q_len = length;
  sequence.kv_len = length;
  request.sequences = {sequence};
  request.done = [&end](const absl::Status& status, const AttentionTiming&) {
    end.set_value(status);
  };
  return request;
}

// An engine of one worker whose tiles wait for a permit each.
class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    EngineOptions options;
    options.num_workers = 1;
    options.max_batch_tokens = 100;
    options.max_queue_requests = 3;
    options.max_queue_tokens = 150;
    engine_ = *Engine::Create(options, clock_, kernel_);
  }

  ~EngineTest() override { Permit(1000); }

  void Permit(int tiles) { permits_.release(tiles); }

  // Occupies the worker: its first tile has begun, and waits.
  void Occupy() {
    engine_->Submit(Request(1, occupier_));
    begun_.acquire();
  }

  absl::Status End(std::promise<absl::Status>& end) {
    std::future<absl::Status> future = end.get_future();
    if (future.wait_for(kHang) != std::future_status::ready) {
      return absl::UnknownError("the request never ended");
    }
    return future.get();
  }

  FakeClock clock_;
  std::counting_semaphore<> permits_{0};
  std::counting_semaphore<> begun_{0};
  FakeKernel kernel_{[this](std::int64_t length) {
    begun_.release();
    permits_.acquire();
    return length == 13 ? absl::InternalError("unlucky") : absl::OkStatus();
  }};
  std::promise<absl::Status> occupier_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, AFreeWorkerTakesALoneRequestAtOnce) {
  std::promise<absl::Status> end;
  engine_->Submit(Request(5, end));
  Permit(2);
  EXPECT_TRUE(End(end).ok());
  EXPECT_TRUE(engine_->WaitUntilIdle(kHang));
}

TEST_F(EngineTest, WhatWaitedBecomesOneBatch) {
  Occupy();
  std::promise<absl::Status> a;
  std::promise<absl::Status> b;
  engine_->Submit(Request(5, a));
  engine_->Submit(Request(6, b));
  EXPECT_EQ(engine_->Stats().queued_requests, 2);
  EXPECT_EQ(engine_->Stats().queued_tokens, 11);
  EXPECT_EQ(engine_->Stats().running_requests, 1);
  Permit(6);
  EXPECT_TRUE(End(a).ok());
  EXPECT_TRUE(End(b).ok());
  EXPECT_THAT(kernel_.batches(),
              ElementsAre(ElementsAre(1), ElementsAre(5, 6)));
}

TEST_F(EngineTest, WhatWaitsRunsByPriority) {
  Occupy();
  // The first two do not fit one batch.
  std::promise<absl::Status> low;
  std::promise<absl::Status> high;
  std::promise<absl::Status> middle;
  const auto submit = [this](std::int64_t length, std::uint64_t priority,
                             std::promise<absl::Status>& end) {
    AttentionRequest request = Request(length, end);
    request.priority = priority;
    engine_->Submit(std::move(request));
  };
  submit(20, 5, low);
  submit(90, 1, high);
  submit(30, 0, middle);
  Permit(8);
  EXPECT_TRUE(End(high).ok());
  EXPECT_TRUE(End(middle).ok());
  EXPECT_TRUE(End(low).ok());
  EXPECT_THAT(kernel_.batches(), ElementsAre(ElementsAre(1), ElementsAre(90),
                                             ElementsAre(30, 20)));
}

TEST_F(EngineTest, APriorityThatThereIsNotIsRefused) {
  std::promise<absl::Status> end;
  AttentionRequest request = Request(5, end);
  request.priority = 6;
  engine_->Submit(std::move(request));
  const absl::Status status = End(end);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("priority: it is 6, allowed is 1"));
}

TEST_F(EngineTest, AFullQueueRefusesAtOnce) {
  Occupy();
  std::promise<absl::Status> waiting[3];
  for (auto& end : waiting) engine_->Submit(Request(1, end));
  std::promise<absl::Status> refused;
  engine_->Submit(Request(1, refused));
  EXPECT_EQ(End(refused).code(), absl::StatusCode::kResourceExhausted);
  Permit(8);
  for (auto& end : waiting) EXPECT_TRUE(End(end).ok());
}

TEST_F(EngineTest, ARequestLargerThanABatchIsRefused) {
  std::promise<absl::Status> end;
  engine_->Submit(Request(101, end));
  EXPECT_EQ(End(end).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(EngineTest, ARequestThatExpiresInTheQueueIsNotComputed) {
  Occupy();
  std::promise<absl::Status> end;
  AttentionRequest request = Request(5, end);
  request.deadline = clock_.Now() + hours(1);
  engine_->Submit(std::move(request));
  clock_.Advance(hours(1));
  Permit(2);
  EXPECT_EQ(End(end).code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(kernel_.batches(), ElementsAre(ElementsAre(1)));
}

TEST_F(EngineTest, AFailedTileFailsTheRequestAndNotTheNext) {
  std::promise<absl::Status> bad;
  engine_->Submit(Request(13, bad));
  Permit(1);
  EXPECT_THAT(End(bad).message(), HasSubstr("unlucky"));
  std::promise<absl::Status> good;
  engine_->Submit(Request(5, good));
  Permit(2);
  EXPECT_TRUE(End(good).ok());
}

TEST_F(EngineTest, AfterCloseItRefusesAndFinishesWhatItAccepted) {
  Occupy();
  engine_->Close();
  std::promise<absl::Status> late;
  engine_->Submit(Request(5, late));
  EXPECT_EQ(End(late).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(engine_->WaitUntilIdle(Clock::Duration::zero()));
  Permit(2);
  EXPECT_TRUE(End(occupier_).ok());
  EXPECT_TRUE(engine_->WaitUntilIdle(kHang));
}

TEST_F(EngineTest, DestructionRefusesTheQueueAndFinishesTheRunning) {
  Occupy();
  std::promise<absl::Status> queued;
  engine_->Submit(Request(5, queued));
  std::thread destroyer([this] { engine_.reset(); });
  EXPECT_EQ(End(queued).code(), absl::StatusCode::kUnavailable);
  Permit(2);
  destroyer.join();
  EXPECT_TRUE(End(occupier_).ok());
}

TEST_F(EngineTest, ARequestWithoutAnythingToDoIsRefused) {
  std::promise<absl::Status> none;
  AttentionRequest request = Request(1, none);
  request.sequences.clear();
  engine_->Submit(std::move(request));
  EXPECT_THAT(End(none).message(), HasSubstr("it holds no sequence"));

  std::promise<absl::Status> empty;
  engine_->Submit(Request(0, empty));
  EXPECT_THAT(End(empty).message(), HasSubstr("a sequence has 0 queries"));
  EXPECT_TRUE(engine_->WaitUntilIdle(kHang));
}

TEST_F(EngineTest, WithoutMemoryForABatchItsRequestsEndAndTheNextAreServed) {
  kernel_.ThrowInPlan(true);
  std::promise<absl::Status> unlucky;
  engine_->Submit(Request(5, unlucky));
  EXPECT_EQ(End(unlucky).code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(engine_->WaitUntilIdle(kHang));

  kernel_.ThrowInPlan(false);
  std::promise<absl::Status> good;
  engine_->Submit(Request(5, good));
  Permit(2);
  EXPECT_TRUE(End(good).ok());
}

TEST_F(EngineTest, DeadRequestsDoNotKeepOthersOut) {
  Occupy();
  std::promise<absl::Status> late[3];
  for (auto& end : late) {
    AttentionRequest request = Request(1, end);
    request.deadline = clock_.Now() + seconds(1);
    engine_->Submit(std::move(request));
  }
  clock_.Advance(seconds(1));
  std::promise<absl::Status> good;
  engine_->Submit(Request(1, good));
  for (auto& end : late) {
    EXPECT_EQ(End(end).code(), absl::StatusCode::kDeadlineExceeded);
  }
  Permit(4);
  EXPECT_TRUE(End(good).ok());
}

TEST_F(EngineTest, ASmallRequestOvertakesAGiant) {
  std::promise<absl::Status> giant;
  AttentionRequest request = Request(10, giant);
  request.sequences.resize(8, request.sequences[0]);
  engine_->Submit(std::move(request));
  begun_.acquire();
  std::promise<absl::Status> small;
  engine_->Submit(Request(1, small));
  // The giant's tile that runs, then both of the small one's.
  Permit(3);
  EXPECT_TRUE(End(small).ok());
  Permit(15);
  EXPECT_TRUE(End(giant).ok());
}

// Many threads, many workers, some cancellations: every request ends once.
TEST(EngineStressTest, EveryRequestEndsExactlyOnce) {
  constexpr int kThreads = 4;
  constexpr int kRequests = 500;
  FakeKernel kernel([](std::int64_t length) {
    return length % 17 == 0 ? absl::InternalError("planned") : absl::OkStatus();
  });
  EngineOptions options;
  options.num_workers = 3;
  options.max_queue_requests = 50;
  auto engine = *Engine::Create(options, SystemClock(), kernel);
  std::vector<std::atomic<int>> ended(kThreads * kRequests);
  std::latch all(kThreads * kRequests);
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kRequests; ++i) {
          AttentionRequest request;
          Sequence sequence;
          sequence.q_len = 1 + i % 40;
          sequence.kv_len = sequence.q_len;
          request.sequences.assign(static_cast<std::size_t>(1 + i % 3),
                                   sequence);
          if (i % 100 == 0) kernel.ThrowInPlan(i % 200 == 0);
          request.cancelled = std::make_shared<std::atomic<bool>>(i % 7 == 0);
          std::atomic<int>& count =
              ended[static_cast<std::size_t>(t * kRequests + i)];
          request.done = [&count, &all](const absl::Status&,
                                        const AttentionTiming&) {
            ++count;
            all.count_down();
          };
          engine->Submit(std::move(request));
        }
      });
    }
  }
  all.wait();
  EXPECT_TRUE(engine->WaitUntilIdle(kHang));
  for (const std::atomic<int>& count : ended) EXPECT_EQ(count.load(), 1);
  EXPECT_EQ(engine->Stats().running_batches, 0);
}

}  // namespace
}  // namespace attention
