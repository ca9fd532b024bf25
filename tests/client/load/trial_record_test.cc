// What landed is counted where it belongs, and samples are fair.
#include "client/load/trial_record.h"

#include <gmock/gmock.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <string>

namespace attention::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class TrialRecordTest : public testing::Test {
 protected:
  // A second of warm-up and two that are measured.
  TrialRecord Record(double verify_share = 0,
                     std::int64_t max_kept_bytes = 1 << 20) {
    return {{.load = {Arrivals::kConstant, 1, 0},
             .warm_up = Seconds(1),
             .duration = Seconds(2)},
            start_,
            verify_share,
            max_kept_bytes,
            7};
  }

  void Answer(TrialRecord& record, milliseconds intended, milliseconds ended,
              std::size_t request = 0) {
    Answer(record, intended, ended, request, bytes_);
  }

  void Answer(TrialRecord& record, milliseconds intended, milliseconds ended,
              std::size_t request, const grpc::ByteBuffer& bytes) {
    Landing landing = LandingOf(TypedProtocol(), 0, "", start_ + ended);
    landing.bytes = &bytes;
    record.AddLanded({.request = request,
                      .intended = start_ + intended,
                      .sent = start_ + intended},
                     landing, request_);
  }

  const SteadyClock::time_point start_ = SteadyClock::now();
  const grpc::Slice slice_{std::string(100, 'x')};
  const grpc::ByteBuffer bytes_{&slice_, 1};
  PreparedRequest request_ = [] {
    PreparedRequest request;
    request.tokens = 3;
    request.message_bytes = 50;
    return request;
  }();
};

TEST_F(TrialRecordTest, EndingsAreOfTheStartAndThroughputOfTheEnd) {
  TrialRecord record = Record();
  Answer(record, milliseconds(500), milliseconds(900));    // all warm-up
  Answer(record, milliseconds(900), milliseconds(1500));   // came in second 0
  Answer(record, milliseconds(1200), milliseconds(2200));  // both
  Answer(record, milliseconds(2500), milliseconds(3500));  // came after the end
  const Step step = record.TakeStep();
  EXPECT_EQ(step.Ended(Ending::kAnswered), 2);
  EXPECT_EQ(step.Latency(Ending::kAnswered).count(), 2);
  EXPECT_EQ(step.completed, 2);
  EXPECT_EQ(step.tokens_answered, 6);
  EXPECT_EQ(step.bytes_sent, 100);
  EXPECT_EQ(step.bytes_received, 200);
  ASSERT_EQ(step.timeline.size(), 2);
  EXPECT_EQ(step.timeline[0].completed, 1);
  EXPECT_EQ(step.timeline[1].completed, 1);
  EXPECT_EQ(step.timeline[0].ended[0], 1);
  EXPECT_EQ(step.timeline[1].ended[0], 1);
}

TEST_F(TrialRecordTest, RefusalsThatDifferInNumbersAreOneMessageOfAllLanes) {
  TrialRecord record = Record();
  TrialRecord other_lane = Record();
  for (int waiting = 0; waiting < 2000; ++waiting) {
    (waiting % 2 == 0 ? record : other_lane)
        .AddLanded(
            {.intended = start_ + seconds(1), .sent = start_ + seconds(1)},
            LandingOf(TypedProtocol(), 8,
                      "queue: " + std::to_string(waiting) + " requests wait",
                      start_ + seconds(2)),
            request_);
  }
  record.Merge(other_lane);
  const Step step = record.TakeStep();
  EXPECT_THAT(step.messages,
              testing::ElementsAre(testing::Pair(
                  "RESOURCE_EXHAUSTED: queue: 0 requests wait", 2000)));
}

TEST_F(TrialRecordTest, AnswersFromAllOfTheTrialAreKept) {
  constexpr std::size_t kAnswers = 20'000;
  TrialRecord record = Record(0.5);
  for (std::size_t i = 0; i < kAnswers; ++i) {
    Answer(record, milliseconds(1500), milliseconds(1600), i);
  }
  ASSERT_EQ(record.kept().size(), 256);
  double sum = 0;
  for (const KeptAnswer& kept : record.kept()) {
    sum += static_cast<double>(kept.request);
  }
  // The mean of 256 fair draws from 20,000 strays by 361 on average; the seed
  // is fixed.
  EXPECT_NEAR(sum / 256, kAnswers / 2.0, 4 * 361);
}

TEST_F(TrialRecordTest, LargeAnswersAreKeptAsOftenAsSmallOnesInTheSameRoom) {
  constexpr std::int64_t kRoom = 100'000;
  const grpc::Slice slice(std::string(1000, 'x'));
  const grpc::ByteBuffer large(&slice, 1);
  std::int64_t small_kept = 0;
  std::int64_t large_kept = 0;
  for (const bool large_first : {false, true}) {
    TrialRecord record = Record(1, kRoom);
    for (int i = 0; i < 2000; ++i) {
      const bool is_large = (i < 1000) == large_first;
      Answer(record, milliseconds(1500), milliseconds(1600), is_large ? 1 : 0,
             is_large ? large : bytes_);
    }
    std::int64_t bytes = 0;
    for (const KeptAnswer& kept : record.kept()) {
      bytes += static_cast<std::int64_t>(kept.bytes.Length());
      ++(kept.request == 1 ? large_kept : small_kept);
    }
    EXPECT_LE(bytes, kRoom);
    EXPECT_GT(bytes, kRoom - 2 * 1000);
  }
  // Of two records about 182 each, as 550 bytes are the mean; the seed is
  // fixed.
  EXPECT_NEAR(static_cast<double>(small_kept), 182, 40);
  EXPECT_NEAR(static_cast<double>(large_kept), 182, 40);
}

TEST_F(TrialRecordTest, OneAnswerIsKeptHoweverSmallTheShareOrTheRoom) {
  TrialRecord record = Record(1e-9, 10);
  for (int i = 0; i < 100; ++i) {
    Answer(record, milliseconds(1500), milliseconds(1600));
  }
  EXPECT_EQ(record.kept().size(), 1);
  TrialRecord none = Record(0);
  Answer(none, milliseconds(1500), milliseconds(1600));
  EXPECT_TRUE(none.kept().empty());
}

// gRPC says RESOURCE_EXHAUSTED of a message that no waiting makes smaller.
TEST(LandingTest, AMessageThatIsTooLargeHasFailed) {
  const auto now = SteadyClock::now();
  EXPECT_EQ(LandingOf(TypedProtocol(), 8, "the queue is full", now).ending,
            Ending::kRefused);
  EXPECT_EQ(LandingOf(TypedProtocol(), 8,
                      "Received message larger than max (9 vs. 8)", now)
                .ending,
            Ending::kFailed);
  EXPECT_EQ(LandingOf(TypedProtocol(), 4, "late", now).ending,
            Ending::kExpired);
  EXPECT_EQ(LandingOf(TypedProtocol(), 14, "gone", now).message,
            "UNAVAILABLE: gone");
  // What has no code is shown with where it came from.
  EXPECT_EQ(LandingOf(OpenInferenceProtocol(), kNoCode, "gone", now).message,
            "error_message: gone");
}

}  // namespace
}  // namespace attention::load
