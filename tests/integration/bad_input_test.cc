// Proves that each kind of bad request ends with the right code and message
// over the wire, and that the server answers the next good one.
#include <chrono>
#include <future>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/deflate_bytes.h"
#include "tests/support/raw_rpc.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

ServerOptions SmallLimits() {
  ServerOptions options = TestServerOptions();
  options.max_request_bytes = 1 << 20;
  options.engine.max_batch_tokens = 512;
  options.max_sequences = 8;
  return options;
}

class BadInputTest : public ::testing::Test {
 protected:
  grpc::Status Attend(const v1::AttendRequest& request) {
    grpc::ClientContext context;
    v1::AttendResponse response;
    return server_.stub().Attend(&context, request, &response);
  }

  void ExpectRefused(const v1::AttendRequest& request, grpc::StatusCode code,
                     const std::string& message) {
    const grpc::Status status = Attend(request);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(message));
    const grpc::Status next = Attend(SmallSdpaRequest());
    EXPECT_TRUE(next.ok()) << next.error_message();
  }

  TestServer server_{SmallLimits()};
};

TEST_F(BadInputTest, UnknownModelIsToldTheKnownOnes) {
  const v1::AttendRequest request = SelfAttention("minilm/9", 1, 1, 384);
  ExpectRefused(request, grpc::StatusCode::NOT_FOUND, "minilm/9");
  ExpectRefused(request, grpc::StatusCode::NOT_FOUND, "minilm/0");
}

TEST_F(BadInputTest, UnknownModelOfGetModel) {
  grpc::ClientContext context;
  v1::GetModelRequest request;
  request.set_name("nobody");
  v1::GetModelResponse response;
  EXPECT_EQ(server_.stub().GetModel(&context, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(BadInputTest, NoModel) {
  ExpectRefused(SelfAttention("", 1, 1, 384),
                grpc::StatusCode::INVALID_ARGUMENT,
                "model: empty, name one that ListModels lists");
}

TEST_F(BadInputTest, WrongWidth) {
  ExpectRefused(SelfAttention("minilm/0", 1, 1, 512),
                grpc::StatusCode::INVALID_ARGUMENT,
                "queries: embed_dim is 512, model minilm/0 takes 384");
}

TEST_F(BadInputTest, BytesThatDoNotMatchTheShape) {
  v1::AttendRequest request = SelfAttention("minilm/0", 1, 1, 384);
  request.mutable_queries()->mutable_data()->pop_back();
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT,
                "queries: data has 1535 bytes, shape [1, 1, 384] of F32 takes "
                "384 x 4");
}

TEST_F(BadInputTest, MoreThanAllowedIsRefusedWhenItIsCompressedToo) {
  const v1::AttendRequest request = SelfAttention("minilm/0", 1, 4096, 384);
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  v1::AttendResponse response;
  const grpc::Status status =
      server_.stub().Attend(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(status.error_message(),
              HasSubstr("more than 1048576 bytes when it is decompressed"));
}

TEST_F(BadInputTest, CompressedRequestsHaveTheSameAnswer) {
  const v1::AttendRequest request = SelfAttention("minilm/0", 2, 64, 384);
  v1::AttendResponse plain;
  grpc::ClientContext plain_context;
  ASSERT_TRUE(server_.stub().Attend(&plain_context, request, &plain).ok());
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    v1::AttendResponse response;
    const grpc::Status status =
        server_.stub().Attend(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.contexts().data(), plain.contexts().data());
  }
}

TEST_F(BadInputTest, CompressedCallsWithoutTensorsAreUnderstood) {
  v1::GetModelRequest request;
  v1::GetModelResponse response;
  // Long enough that gRPC finds it worth compressing.
  request.set_name(std::string(1000, 'm'));
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    EXPECT_EQ(
        server_.stub().GetModel(&context, request, &response).error_code(),
        grpc::StatusCode::NOT_FOUND);
  }
  request.set_name(std::string(2 << 20, 'm'));
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  const grpc::Status bomb =
      server_.stub().GetModel(&context, request, &response);
  EXPECT_EQ(bomb.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(bomb.error_message(),
              HasSubstr("more than 1048576 bytes when it is decompressed"));
}

TEST_F(BadInputTest, AnEmptyMessageMayBeCompressedToo) {
  // As clients send it that compress whatever they send.
  const RawAnswer answer = RawUnary(server_.NewChannel(),
                                    "/attention.v1.AttentionService/ListModels",
                                    Compress("", kGzipWindow));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  v1::ListModelsResponse listed;
  ASSERT_TRUE(listed.ParseFromString(answer.bytes));
  EXPECT_EQ(listed.models(0).name(), "sdpa");
}

TEST_F(BadInputTest, BytesThatAreNoMessageAreNamed) {
  const RawAnswer answer = RawUnary(
      server_.NewChannel(), "/attention.v1.AttentionService/GetModel", "\xFF");
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(answer.status.error_message(),
            "request: not an attention.v1.GetModelRequest, its bytes do not "
            "parse");
}

TEST_F(BadInputTest, NegativeLength) {
  v1::AttendRequest request = SelfAttention("minilm/0", 1, 2, 384);
  request.add_q_lengths(-1);
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT,
                "q_lengths[0] is -1, allowed is [1, 2]");
}

TEST_F(BadInputTest, MaskOfAWrongShape) {
  v1::AttendRequest request = SelfAttention("minilm/0", 1, 2, 384);
  *request.mutable_attn_mask() = ZeroTensor({5, 2});
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT,
                "attn_mask: shape [5, 2] does not broadcast");
}

TEST_F(BadInputTest, UnknownEnum) {
  v1::AttendRequest request = SelfAttention("minilm/0", 1, 2, 384);
  request.set_attn_weights(static_cast<v1::AttnWeights>(77));
  ExpectRefused(request, grpc::StatusCode::INVALID_ARGUMENT,
                "attn_weights is 77");
}

TEST_F(BadInputTest, MoreTokensThanABatchHolds) {
  ExpectRefused(SelfAttention("minilm/0", 1, 513, 384),
                grpc::StatusCode::INVALID_ARGUMENT,
                "request: 513 tokens, a batch may hold 512");
  EXPECT_TRUE(Attend(SelfAttention("minilm/0", 1, 512, 384)).ok());
}

TEST_F(BadInputTest, MoreSequencesThanAllowed) {
  ExpectRefused(SelfAttention("minilm/0", 9, 1, 384),
                grpc::StatusCode::INVALID_ARGUMENT,
                "queries: 9 sequences, allowed are 8");
}

TEST_F(BadInputTest, MessageOverTheLimit) {
  v1::AttendRequest request = SmallSdpaRequest();
  request.mutable_queries()->mutable_data()->resize(1 << 20);
  ExpectRefused(request, grpc::StatusCode::RESOURCE_EXHAUSTED,
                "larger than max");
}

TEST_F(BadInputTest, DeadlineThatIsOver) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() -
                       std::chrono::seconds(1));
  v1::AttendResponse response;
  EXPECT_EQ(server_.stub()
                .Attend(&context, SmallSdpaRequest(), &response)
                .error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
}

// Many clients that leave at different moments: before, while and after their
// request is computed.
TEST_F(BadInputTest, ClientsThatLeaveInTheMiddle) {
  const v1::AttendRequest request = SelfAttention("minilm/0", 4, 128, 384);
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    v1::AttendResponse response;
    std::promise<grpc::Status> done;
    server_.stub().async()->Attend(
        &context, &request, &response,
        [&done](const grpc::Status& status) { done.set_value(status); });
    // A good request takes about as long as it takes to get somewhere.
    for (int wait = 0; wait < i % 5; ++wait) {
      EXPECT_TRUE(Attend(SmallSdpaRequest()).ok());
    }
    context.TryCancel();
    const grpc::Status status = done.get_future().get();
    EXPECT_TRUE(status.ok() ||
                status.error_code() == grpc::StatusCode::CANCELLED)
        << status.error_message();
  }
  EXPECT_TRUE(Attend(request).ok());
}

TEST_F(BadInputTest, ServerInfoTellsTheLimits) {
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server_.stub().GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.version(), ATTENTION_VERSION);
  EXPECT_EQ(info.workers(), 2);
  EXPECT_FALSE(info.isa().empty());
  EXPECT_EQ(info.limits().max_request_bytes(), 1 << 20);
  EXPECT_EQ(info.limits().max_batch_tokens(), 512);
  EXPECT_EQ(info.limits().max_sequences(), 8);
  EXPECT_EQ(info.limits().max_id_bytes(), 256);
  EXPECT_EQ(info.limits().max_batch_bytes(), std::int64_t{4} << 30);
  EXPECT_EQ(info.limits().max_inflight_bytes(), std::int64_t{4} << 30);
  EXPECT_EQ(info.limits().max_heads(), 4096);
  EXPECT_EQ(info.limits().max_head_dim(), 1024);
  EXPECT_EQ(info.limits().max_stream_requests(), 32);
}

TEST_F(BadInputTest, ModelsAreListedWithSdpaFirst) {
  grpc::ClientContext context;
  v1::ListModelsResponse models;
  ASSERT_TRUE(server_.stub().ListModels(&context, {}, &models).ok());
  ASSERT_EQ(models.models_size(), 7);
  EXPECT_EQ(models.models(0).name(), "sdpa");
  EXPECT_EQ(models.models(0).embed_dim(), 0);
  EXPECT_EQ(models.models(6).name(), "minilm/5");
  EXPECT_EQ(models.models(6).embed_dim(), 384);
  EXPECT_EQ(models.models(6).num_heads(), 12);
  EXPECT_EQ(models.models(6).dtype(), v1::DTYPE_F16);
  EXPECT_EQ(models.models(6).max_tokens(), 512);
  // Four matrices and four biases, two bytes each.
  EXPECT_EQ(models.models(6).parameter_bytes(), 2 * 4 * (384 * 384 + 384));
}

}  // namespace
}  // namespace attention
