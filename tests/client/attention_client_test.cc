// Proves the client library against a fake server: what a call sends and
// returns, deadlines, retries, size limits, errors, cancellation and threads.
#include "client/cpp/attention_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <future>
#include <numeric>
#include <thread>

#include "tests/client/fake_attention_service.h"

namespace attention {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Far more than any call here takes, also under a sanitizer.
constexpr milliseconds kLong = std::chrono::minutes(1);

std::vector<float> Ramp(std::int64_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.5F);
  return values;
}

AttendCall SmallCall() {
  return {.model = "minilm/0", .queries = Tensor::Own({1, 2, 3}, Ramp(6))};
}

class ClientTest : public ::testing::Test {
 protected:
  Client Connect(ClientOptions options = {.timeout = kLong}) {
    auto client = Client::Connect(fake_.address(), options);
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }

  FakeAttentionService fake_;
};

TEST_F(ClientTest, ReturnsContextsTimingAndId) {
  Client client = Connect();
  AttendCall call = SmallCall();
  call.id = "r-17";

  const auto result = client.Attend(call);

  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->id, "r-17");
  EXPECT_THAT(result->contexts.shape, ElementsAre(1, 2, 3));
  EXPECT_THAT(result->contexts.f32(),
              ElementsAre(0.5F, 1.5F, 2.5F, 3.5F, 4.5F, 5.5F));
  EXPECT_FALSE(result->attn_weights.has_value());
  EXPECT_EQ(result->queue, std::chrono::microseconds(12));
  EXPECT_EQ(result->compute, std::chrono::microseconds(345));
  EXPECT_EQ(result->batch_requests, 1);
  EXPECT_EQ(result->batch_tokens, 6);
}

TEST_F(ClientTest, SendsEveryFieldOfTheCall) {
  Client client = Connect();
  const std::vector<float> queries = Ramp(12);
  const std::vector<float> keys = Ramp(8);
  const AttendCall call{
      .model = "sdpa",
      .queries = Tensor::View({1, 3, 2, 2}, queries),
      .keys = Tensor::View({1, 2, 2, 2}, keys),
      .values = Tensor::Own(ElementType::kF16, {1, 2, 2, 1},
                            std::string("\0\x3c\0\x40\0\x42\0\x44", 8)),
      .q_lengths = {3},
      .kv_lengths = {2},
      .attn_mask = Tensor::Own(ElementType::kBool, {3, 2},
                               std::string("\1\0\1\1\0\1", 6)),
      .is_causal = true,
      .scale = 0.25F,
      .attn_weights = ReturnWeights::kPerHead,
      .residual = true,
      .output_dtype = ElementType::kF16,
      .compute_dtype = ElementType::kBF16,
      .priority = 4,
      .id = "all"};

  (void)client.Attend(call);

  const v1::AttendRequest sent = fake_.last_request();
  EXPECT_EQ(sent.model(), "sdpa");
  EXPECT_EQ(sent.id(), "all");
  EXPECT_EQ(sent.queries().dtype(), v1::DTYPE_F32);
  EXPECT_THAT(sent.queries().shape(), ElementsAre(1, 3, 2, 2));
  ASSERT_EQ(sent.queries().data().size(), 48U);
  EXPECT_EQ(std::memcmp(sent.queries().data().data(), queries.data(), 48), 0);
  EXPECT_THAT(sent.keys().shape(), ElementsAre(1, 2, 2, 2));
  EXPECT_EQ(std::memcmp(sent.keys().data().data(), keys.data(), 32), 0);
  EXPECT_EQ(sent.values().dtype(), v1::DTYPE_F16);
  EXPECT_EQ(sent.values().data(), std::string("\0\x3c\0\x40\0\x42\0\x44", 8));
  EXPECT_THAT(sent.q_lengths(), ElementsAre(3));
  EXPECT_THAT(sent.kv_lengths(), ElementsAre(2));
  EXPECT_EQ(sent.attn_mask().dtype(), v1::DTYPE_BOOL);
  EXPECT_THAT(sent.attn_mask().shape(), ElementsAre(3, 2));
  EXPECT_EQ(sent.attn_mask().data(), std::string("\1\0\1\1\0\1", 6));
  EXPECT_TRUE(sent.is_causal());
  EXPECT_EQ(sent.scale(), 0.25F);
  EXPECT_EQ(sent.attn_weights(), v1::ATTN_WEIGHTS_PER_HEAD);
  EXPECT_TRUE(sent.residual());
  EXPECT_EQ(sent.output_dtype(), v1::DTYPE_F16);
  EXPECT_EQ(sent.compute_dtype(), v1::DTYPE_BF16);
  EXPECT_EQ(sent.priority(), 4U);
}

TEST_F(ClientTest, LeavesAbsentWhatTheCallLeavesOut) {
  Client client = Connect();

  (void)client.Attend(SmallCall());

  const v1::AttendRequest sent = fake_.last_request();
  EXPECT_FALSE(sent.has_keys());
  EXPECT_FALSE(sent.has_values());
  EXPECT_FALSE(sent.has_attn_mask());
  EXPECT_FALSE(sent.has_scale());
  EXPECT_EQ(sent.output_dtype(), v1::DTYPE_UNSPECIFIED);
  EXPECT_EQ(sent.compute_dtype(), v1::DTYPE_UNSPECIFIED);
  EXPECT_EQ(sent.priority(), 0U);
}

TEST_F(ClientTest, TakesAResultAsTheNextInput) {
  Client client = Connect();
  auto first = client.Attend(SmallCall());
  ASSERT_TRUE(first.ok()) << first.status();

  AttendCall next{.model = "minilm/0", .queries = first->contexts};
  first = absl::UnknownError("gone");
  const auto second = client.Attend(next);

  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_THAT(second->contexts.f32(),
              ElementsAre(0.5F, 1.5F, 2.5F, 3.5F, 4.5F, 5.5F));
}

TEST_F(ClientTest, CarriesMegabytesBothWays) {
  Client client = Connect();
  const std::vector<float> values = Ramp(8 << 20);

  const auto result = client.Attend(
      {.model = "minilm/0", .queries = Tensor::View({8, 1024, 1024}, values)});

  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->contexts.f32().size(), values.size());
  EXPECT_TRUE(
      std::equal(values.begin(), values.end(), result->contexts.f32().begin()));
}

TEST_F(ClientTest, EndsAtTheDeadlineOfTheCall) {
  Client client = Connect();
  fake_.Hold();
  AttendCall call = SmallCall();
  call.timeout = milliseconds(50);

  const auto result = client.Attend(call);

  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("within 50 ms"));
}

TEST_F(ClientTest, EndsAtTheDeadlineOfTheClient) {
  Client client = Connect({.timeout = milliseconds(60)});
  fake_.Hold();

  const auto result = client.Attend(SmallCall());

  EXPECT_EQ(result.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(ClientTest, RetriesUnavailableUntilItSucceeds) {
  Client client = Connect();
  fake_.FailNext(2, absl::UnavailableError("starting"));

  const auto result = client.Attend(SmallCall());

  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(fake_.attend_calls(), 3);
}

TEST_F(ClientTest, RetriesMegabytes) {
  Client client = Connect();
  fake_.FailNext(1, absl::ResourceExhaustedError("the queue is full"));

  const auto result =
      client.Attend({.model = "minilm/0",
                     .queries = Tensor::Own({1, 1024, 1024}, Ramp(1 << 20))});

  EXPECT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(fake_.attend_calls(), 2);
}

TEST_F(ClientTest, GivesUpAfterTheLastAttempt) {
  Client client = Connect({.timeout = kLong, .max_attempts = 2});
  fake_.FailNext(9, absl::ResourceExhaustedError("the queue is full"));

  const auto result = client.Attend(SmallCall());

  EXPECT_EQ(result.status(), absl::ResourceExhaustedError("the queue is full"));
  EXPECT_EQ(fake_.attend_calls(), 2);
}

TEST_F(ClientTest, OneAttemptMeansNoRetry) {
  Client client = Connect({.timeout = kLong, .max_attempts = 1});
  fake_.FailNext(9, absl::UnavailableError("stopping"));

  const auto result = client.Attend(SmallCall());

  EXPECT_EQ(result.status(), absl::UnavailableError("stopping"));
  EXPECT_EQ(fake_.attend_calls(), 1);
}

TEST_F(ClientTest, PassesOnTheServersCodeAndMessageWithoutRetry) {
  Client client = Connect();
  fake_.FailNext(1, absl::InvalidArgumentError(
                        "queries: embed_dim is 3, model minilm/0 takes 384"));

  const auto result = client.Attend(SmallCall());

  EXPECT_EQ(result.status(),
            absl::InvalidArgumentError(
                "queries: embed_dim is 3, model minilm/0 takes 384"));
  EXPECT_EQ(fake_.attend_calls(), 1);
}

TEST_F(ClientTest, RefusesARequestOverTheServersLimitWithoutSendingIt) {
  Client client = Connect();
  fake_.SetMaxRequestBytes(1000);

  const auto result = client.Attend(
      {.model = "minilm/0", .queries = Tensor::Own({1, 1, 300}, Ramp(300))});

  EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.status().message()),
              HasSubstr("max_request_bytes = 1000"));
  EXPECT_EQ(fake_.attend_calls(), 0);
}

TEST_F(ClientTest, SeesThatTheServersLimitWasRaised) {
  Client client = Connect();
  fake_.SetMaxRequestBytes(1000);
  const AttendCall call{.model = "minilm/0",
                        .queries = Tensor::Own({1, 1, 300}, Ramp(300))};
  ASSERT_FALSE(client.Attend(call).ok());
  fake_.SetMaxRequestBytes(100000);

  const auto result = client.Attend(call);

  EXPECT_TRUE(result.ok()) << result.status();
}

TEST_F(ClientTest, AsksForLimitsOnce) {
  Client client = Connect();

  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.Attend(SmallCall()).ok());
  }

  EXPECT_EQ(fake_.info_calls(), 1);
}

TEST_F(ClientTest, RefusesBytesThatDoNotMatchTheShape) {
  Client client = Connect();

  const auto result = client.Attend(
      {.model = "minilm/0", .queries = Tensor::Own({1, 2, 4}, Ramp(6))});

  EXPECT_EQ(result.status(),
            absl::InvalidArgumentError("queries: shape [1, 2, 4] of f32 takes "
                                       "32 bytes, got 24"));
}

TEST_F(ClientTest, RefusesNegativeAndOverflowingShapes) {
  Client client = Connect();
  for (const std::vector<std::int64_t>& shape :
       {std::vector<std::int64_t>{-1, 2, 3},
        std::vector<std::int64_t>{1LL << 40, 1LL << 40, 3}}) {
    const auto result = client.Attend(
        {.model = "minilm/0", .queries = Tensor::Own(shape, Ramp(6))});

    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(ClientTest, RefusesTimeoutsOutOfRange) {
  Client client = Connect();
  for (const milliseconds timeout :
       {milliseconds(0), milliseconds(-5), milliseconds::max()}) {
    AttendCall call = SmallCall();
    call.timeout = timeout;

    EXPECT_EQ(client.Attend(call).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

TEST_F(ClientTest, ReportsAnAnswerThatContradictsItself) {
  Client client = Connect();
  fake_.LieAboutShape();

  const auto result = client.Attend(SmallCall());

  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
}

TEST_F(ClientTest, ServesManyThreads) {
  Client client = Connect();
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&client, &right, t] {
      for (int i = 0; i < 20; ++i) {
        const float value = static_cast<float>(t * 100 + i);
        const auto result = client.Attend(
            {.model = "minilm/0", .queries = Tensor::Own({1, 1, 1}, {value})});
        if (result.ok() && result->contexts.f32()[0] == value) {
          ++right;
        }
      }
    });
  }
  threads.clear();

  EXPECT_EQ(right, 160);
}

TEST_F(ClientTest, AsynchronousCallsOverlap) {
  Client client = Connect();
  fake_.Hold();
  std::promise<float> first;
  std::promise<float> second;
  const auto send = [&client](float value, std::promise<float>& promise) {
    client.AttendAsync(
        {.model = "minilm/0", .queries = Tensor::Own({1, 1, 1}, {value})},
        [&promise](absl::StatusOr<AttendResult> result) {
          promise.set_value(result.ok() ? result->contexts.f32()[0] : -1);
        });
  };

  send(1, first);
  send(2, second);
  fake_.WaitForAttendCalls(2);
  fake_.Release();

  EXPECT_EQ(first.get_future().get(), 1);
  EXPECT_EQ(second.get_future().get(), 2);
}

TEST_F(ClientTest, DestructionCancelsWhatIsInFlight) {
  absl::Status ended;
  {
    Client client = Connect();
    fake_.Hold();
    client.AttendAsync(SmallCall(),
                       [&ended](const absl::StatusOr<AttendResult>& result) {
                         ended = result.status();
                       });
    fake_.WaitForAttendCalls(1);
  }

  EXPECT_EQ(ended.code(), absl::StatusCode::kCancelled);
}

TEST_F(ClientTest, TheDeleterOfAnOwnerMayCallTheClient) {
  Client client = Connect();
  fake_.Hold();
  const std::vector<float> values = Ramp(6);
  std::promise<absl::Status> second;
  AttendCall call{.model = "minilm/0",
                  .queries = Tensor::View({1, 2, 3}, values)};
  call.queries.owner = std::shared_ptr<const void>(
      values.data(), [&client, &second](const void* /*values*/) {
        client.AttendAsync(
            SmallCall(), [&second](const absl::StatusOr<AttendResult>& result) {
              second.set_value(result.status());
            });
      });

  client.AttendAsync(call, [](const absl::StatusOr<AttendResult>&) {});
  fake_.WaitForAttendCalls(1);
  // From here on the call in flight is the only owner.
  call = {};
  fake_.Release();

  const absl::Status status = second.get_future().get();
  EXPECT_TRUE(status.ok()) << status;
}

TEST_F(ClientTest, ABadCallIsDoneBeforeAttendAsyncReturns) {
  Client client = Connect();
  AttendCall bad_timeout = SmallCall();
  bad_timeout.timeout = milliseconds(0);
  AttendCall bad_tensor = SmallCall();
  bad_tensor.queries.shape = {1, 2, 4};
  for (const AttendCall& call : {bad_timeout, bad_tensor}) {
    std::thread::id done_on;
    client.AttendAsync(call, [&done_on](const absl::StatusOr<AttendResult>&) {
      done_on = std::this_thread::get_id();
    });

    EXPECT_EQ(done_on, std::this_thread::get_id());
  }
}

TEST_F(ClientTest, DescribesServerAndModels) {
  Client client = Connect();

  const auto info = client.GetServerInfo();
  const auto models = client.ListModels();
  const auto model = client.GetModel("minilm/0");

  ASSERT_TRUE(info.ok()) << info.status();
  EXPECT_EQ(info->version, "9.8.7");
  EXPECT_EQ(info->workers, 3);
  EXPECT_THAT(info->compute_dtypes,
              ElementsAre(ElementType::kF32, ElementType::kBF16));
  EXPECT_EQ(info->priority_levels, 106);
  ASSERT_TRUE(models.ok()) << models.status();
  ASSERT_EQ(models->size(), 2U);
  EXPECT_EQ(models->front().name, "sdpa");
  EXPECT_FALSE(models->front().dtype.has_value());
  EXPECT_FALSE(models->front().compute_dtype.has_value());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->embed_dim, 384);
  EXPECT_EQ(model->dtype, ElementType::kF16);
  EXPECT_EQ(model->compute_dtype, ElementType::kBF16);
  EXPECT_THAT(model->masks, ElementsAre("boolean", "causal"));
  EXPECT_EQ(client.GetModel("nope").status(),
            absl::NotFoundError("there is no model nope"));
}

TEST(ClientConnectTest, RefusesOptionsOutOfRange) {
  EXPECT_EQ(Client::Connect("").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      Client::Connect("h:1", {.timeout = milliseconds(0)}).status().code(),
      absl::StatusCode::kInvalidArgument);
  for (const int attempts : {0, 6}) {
    EXPECT_EQ(
        Client::Connect("h:1", {.max_attempts = attempts}).status().code(),
        absl::StatusCode::kInvalidArgument);
  }
}

TEST(ClientConnectTest, FindsAtTheFirstCallThatThereIsNoServer) {
  std::string address;
  {
    const FakeAttentionService gone;
    address = gone.address();
  }
  auto client = Client::Connect(address, {.timeout = kLong});
  ASSERT_TRUE(client.ok()) << client.status();

  EXPECT_EQ(client->Attend(SmallCall()).status().code(),
            absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace attention
