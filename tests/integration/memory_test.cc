// Proves that small requests for large answers cannot take more memory than
// --max-inflight-bytes, and that all of it comes back.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

constexpr char kInflightBytes[] = "attention_inflight_bytes";

ServerOptions SmallBudget() {
  ServerOptions options = TestServerOptions();
  options.metrics_port = 0;
  options.max_request_bytes = 1 << 20;
  options.max_response_bytes = 32 << 20;
  options.max_inflight_bytes = 64 << 20;
  return options;
}

// 8 KB that ask for 16 MB of weights, of which one is not padding.
v1::AttendRequest SmallRequestForALargeAnswer() {
  v1::AttendRequest request;
  request.set_model("sdpa");
  *request.mutable_queries() = ZeroTensor({1, 2000, 1, 1});
  request.add_q_lengths(1);
  request.set_attn_weights(v1::ATTN_WEIGHTS_PER_HEAD);
  return request;
}

grpc::Status Attend(TestServer& server, const v1::AttendRequest& request,
                    v1::AttendResponse& response) {
  grpc::ClientContext context;
  return server.stub().Attend(&context, request, &response);
}

TEST(MemoryTest, AnswersThatNobodyReadsAreLimited) {
  TestServer server(SmallBudget());
  const v1::AttendRequest attack = SmallRequestForALargeAnswer();
  // Four answers fit; they stay, as the client does not read.
  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(stream->Write(attack));
  // Each is 2000 contexts and 2000 x 2000 weights of 4 bytes.
  ASSERT_TRUE(server.WaitForMetric(kInflightBytes, 4 * 16'008'000));

  v1::AttendResponse response;
  for (int i = 0; i < 36; ++i) {
    const grpc::Status refused = Attend(server, attack, response);
    EXPECT_EQ(refused.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    EXPECT_THAT(refused.error_message(),
                HasSubstr("the limit is 67108864 (--max-inflight-bytes)"));
  }
  EXPECT_EQ(server.Metric(kInflightBytes), 4 * 16'008'000);
  // Small ones still fit.
  EXPECT_TRUE(Attend(server, SmallSdpaRequest(), response).ok());

  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(server.WaitForMetric(kInflightBytes, 0));
  const grpc::Status fits = Attend(server, attack, response);
  EXPECT_TRUE(fits.ok()) << fits.error_message();
  // Padding is zero, and a softmax over one key is one.
  std::string expected;
  expected.resize(16'000'000);
  const float one = 1;
  expected.replace(0, sizeof(one), reinterpret_cast<const char*>(&one),
                   sizeof(one));
  EXPECT_TRUE(response.attn_weights().data() == expected);
  EXPECT_TRUE(server.WaitForMetric(kInflightBytes, 0));
}

TEST(MemoryTest, RequestsThatFailGiveAllBack) {
  TestServer server(SmallBudget());
  v1::AttendRequest bad = SmallSdpaRequest();
  bad.mutable_queries()->mutable_data()->pop_back();
  v1::AttendResponse response;
  EXPECT_FALSE(Attend(server, bad, response).ok());
  EXPECT_TRUE(server.WaitForMetric(kInflightBytes, 0));
}

}  // namespace
}  // namespace attention
