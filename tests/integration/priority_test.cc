// Proves that what waits in the server is computed in the order of its
// priorities, and that one that there is not is refused.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One worker and one request a batch: answers come in the order of the queue.
ServerOptions OneAtATime() {
  ServerOptions options = TestServerOptions();
  options.metrics_port = 0;
  options.engine.num_workers = 1;
  options.engine.max_batch_requests = 1;
  return options;
}

v1::AttendRequest Prioritized(std::uint32_t priority, const std::string& id) {
  v1::AttendRequest request = SmallSdpaRequest(id);
  request.set_priority(priority);
  return request;
}

// A request that would take longer than the test. A server that computes two
// forms no third batch.
class Blocker {
 public:
  explicit Blocker(TestServer& server)
      : stream_(server.stub().AttendStream(&context_)) {
    v1::AttendRequest request;
    request.set_model("sdpa");
    *request.mutable_queries() = RampTensor({1, 65536, 16, 8});
    EXPECT_TRUE(stream_->Write(request));
  }

  void Cancel() {
    context_.TryCancel();
    EXPECT_EQ(stream_->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<v1::AttendRequest, v1::AttendStreamResponse>>
      stream_;
};

TEST(PriorityTest, WhatWaitsIsAnsweredByPriorityAndThenByArrival) {
  TestServer server(OneAtATime());
  Blocker first(server);
  Blocker second(server);
  ASSERT_TRUE(server.WaitForMetric("attention_running_requests", 2));

  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  const std::vector<v1::AttendRequest> requests = {
      Prioritized(5, "5a"), Prioritized(0, "0a"), Prioritized(1, "1a"),
      Prioritized(4, "4a"), Prioritized(3, "3a"), Prioritized(2, "2a"),
      Prioritized(5, "5b"), Prioritized(1, "1b"), Prioritized(0, "0b")};
  for (const v1::AttendRequest& request : requests) {
    ASSERT_TRUE(stream->Write(request));
  }
  stream->WritesDone();
  // All wait at once, so nothing but the queue decides.
  ASSERT_TRUE(server.WaitForMetric("attention_queued_requests",
                                   static_cast<double>(requests.size())));
  first.Cancel();
  second.Cancel();

  std::vector<std::string> order;
  v1::AttendStreamResponse answer;
  while (stream->Read(&answer)) {
    EXPECT_TRUE(answer.has_response()) << answer.error().message();
    order.push_back(answer.response().id());
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_THAT(
      order, ElementsAre("1a", "1b", "2a", "0a", "3a", "0b", "4a", "5a", "5b"));
}

TEST(PriorityTest, APriorityThatThereIsNotIsRefused) {
  TestServer server;
  grpc::ClientContext context;
  v1::AttendResponse response;
  const grpc::Status status =
      server.stub().Attend(&context, Prioritized(6, ""), &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              HasSubstr("priority: it is 6, allowed is 1, which goes first, to "
                        "5, or 0 for the default, 3"));
}

TEST(PriorityTest, TheServerSaysHowManyLevelsItHas) {
  TestServer server;
  grpc::ClientContext context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(server.stub().GetServerInfo(&context, {}, &info).ok());
  EXPECT_EQ(info.limits().priority_levels(), 5);
}

}  // namespace
}  // namespace attention
