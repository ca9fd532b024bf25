// The order of tiles in a batch, and what each request of it is told.
#include "core/engine/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_kernel.h"

namespace attention {
namespace {

using std::chrono::microseconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class BatchTest : public testing::Test {
 protected:
  // One request with a sequence of each length.
  QueuedRequest Request(std::initializer_list<std::int64_t> lengths) {
    QueuedRequest queued;
    for (const std::int64_t length : lengths) {
      Sequence sequence;
      sequence.q_len = length;
      sequence.kv_len = length;
      queued.request.sequences.push_back(sequence);
    }
    queued.tokens = CountTokens(queued.request.sequences);
    queued.arrival = clock_.Now();
    return queued;
  }

  Batch Start(std::vector<QueuedRequest> requests) {
    RequestQueue::Taken taken;
    for (const QueuedRequest& queued : requests) taken.tokens += queued.tokens;
    taken.batch = std::move(requests);
    Batch batch(std::move(taken), AlignedBuffer(), clock_.Now());
    EXPECT_TRUE(batch.Plan(kernel_, 1).ok());
    return batch;
  }

  // Takes the next tile and finishes it with `status`.
  std::vector<Batch::Ended> Step(Batch& batch,
                                 const absl::Status& status = {}) {
    const auto next = batch.TakeTile(clock_.Now());
    EXPECT_TRUE(next.has_value());
    return batch.FinishTile(next->tile, status, clock_.Now());
  }

  FakeClock clock_;
  FakeKernel kernel_{[](std::int64_t) { return absl::OkStatus(); }};
};

TEST_F(BatchTest, RunsTheLongestReadyTileFirst) {
  std::vector<QueuedRequest> requests;
  requests.push_back(Request({3}));
  requests.push_back(Request({9}));
  Batch batch = Start(std::move(requests));

  // Sequence 1 has the tiles 2 and 3, and more work.
  EXPECT_EQ(batch.TakeTile(clock_.Now())->tile, 2);
  EXPECT_EQ(batch.TakeTile(clock_.Now())->tile, 0);
  EXPECT_FALSE(batch.TakeTile(clock_.Now()).has_value());
  EXPECT_THAT(batch.FinishTile(0, absl::OkStatus(), clock_.Now()), IsEmpty());
  EXPECT_EQ(batch.TakeTile(clock_.Now())->tile, 1);
}

TEST_F(BatchTest, AnswersARequestWhenItsLastSequenceIsDone) {
  std::vector<QueuedRequest> requests;
  requests.push_back(Request({5, 4}));
  requests.push_back(Request({2}));
  clock_.Advance(microseconds(7));
  Batch batch = Start(std::move(requests));
  clock_.Advance(microseconds(30));

  for (int i = 0; i < 3; ++i) EXPECT_THAT(Step(batch), IsEmpty());
  const std::vector<Batch::Ended> first = Step(batch);
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_TRUE(first[0].status.ok());
  EXPECT_EQ(first[0].timing.queue, microseconds(7));
  EXPECT_EQ(first[0].timing.compute, microseconds(30));
  EXPECT_EQ(first[0].timing.batch_requests, 2);
  EXPECT_EQ(first[0].timing.batch_tokens, 11);
  EXPECT_EQ(batch.num_running(), 1);
  EXPECT_FALSE(batch.finished());

  EXPECT_THAT(Step(batch), IsEmpty());
  EXPECT_THAT(Step(batch), SizeIs(1));
  EXPECT_TRUE(batch.finished());
}

TEST_F(BatchTest, AFailedTileFailsOnlyItsRequest) {
  std::vector<QueuedRequest> requests;
  requests.push_back(Request({5}));
  requests.push_back(Request({2}));
  Batch batch = Start(std::move(requests));

  EXPECT_THAT(Step(batch, absl::InternalError("broken")), IsEmpty());
  const auto next = batch.TakeTile(clock_.Now());
  EXPECT_FALSE(next->wanted) << "nobody needs the rest of a failed request";
  const auto failed =
      batch.FinishTile(next->tile, absl::OkStatus(), clock_.Now());
  ASSERT_THAT(failed, SizeIs(1));
  EXPECT_EQ(failed[0].status, absl::InternalError("broken"));

  EXPECT_THAT(Step(batch), IsEmpty());
  const auto good = Step(batch);
  ASSERT_THAT(good, SizeIs(1));
  EXPECT_TRUE(good[0].status.ok());
}

TEST_F(BatchTest, GivesUpACancelledRequestBetweenTiles) {
  const auto cancelled = std::make_shared<std::atomic<bool>>(false);
  std::vector<QueuedRequest> requests;
  requests.push_back(Request({5}));
  requests[0].request.cancelled = cancelled;
  Batch batch = Start(std::move(requests));
  EXPECT_THAT(Step(batch), IsEmpty());
  cancelled->store(true);

  const auto next = batch.TakeTile(clock_.Now());
  EXPECT_FALSE(next->wanted);
  const auto ended =
      batch.FinishTile(next->tile, absl::OkStatus(), clock_.Now());
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].status.code(), absl::StatusCode::kCancelled);
}

TEST_F(BatchTest, GivesUpAnExpiredRequestBetweenTiles) {
  std::vector<QueuedRequest> requests;
  requests.push_back(Request({5}));
  requests[0].request.deadline = clock_.Now() + microseconds(10);
  Batch batch = Start(std::move(requests));
  EXPECT_THAT(Step(batch), IsEmpty());
  clock_.Advance(microseconds(10));

  EXPECT_FALSE(batch.TakeTile(clock_.Now())->wanted);
}

TEST_F(BatchTest, WithoutMemoryForAPlanAllEnd) {
  kernel_.ThrowInPlan(true);
  RequestQueue::Taken taken;
  taken.batch.push_back(Request({5, 4}));
  taken.batch.push_back(Request({2}));
  Batch batch(std::move(taken), AlignedBuffer(), clock_.Now());

  const absl::Status status = batch.Plan(kernel_, 1);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  const std::vector<Batch::Ended> ended = batch.EndAll(status, clock_.Now());
  ASSERT_THAT(ended, SizeIs(2));
  for (const Batch::Ended& request : ended) EXPECT_EQ(request.status, status);
  EXPECT_TRUE(batch.finished());
}

TEST_F(BatchTest, ATileOfTwoRequestsRunsWhileOneIsWanted) {
  const FakeKernel shared([](std::int64_t) { return absl::OkStatus(); },
                          FakeKernel::Tiles::kShared);
  const auto cancelled = std::make_shared<std::atomic<bool>>(true);
  RequestQueue::Taken taken;
  taken.batch.push_back(Request({5}));
  taken.batch.push_back(Request({2}));
  taken.batch[0].request.cancelled = cancelled;
  Batch batch(std::move(taken), AlignedBuffer(), clock_.Now());
  ASSERT_TRUE(batch.Plan(shared, 1).ok());

  const auto next = batch.TakeTile(clock_.Now());
  EXPECT_TRUE(next->wanted);
  const auto ended =
      batch.FinishTile(next->tile, absl::OkStatus(), clock_.Now());
  ASSERT_THAT(ended, SizeIs(2));
  EXPECT_EQ(ended[0].status.code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(ended[1].status.ok());
}

}  // namespace
}  // namespace attention
