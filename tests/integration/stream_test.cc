// Proves that a stream answers each request once, survives bad ones, holds only
// so many, and may be left at any time.
#include <future>
#include <map>
#include <set>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

void ExpectGoodRequestSucceeds(TestServer& server) {
  grpc::ClientContext context;
  v1::AttendResponse response;
  EXPECT_TRUE(
      server.stub().Attend(&context, SmallSdpaRequest(), &response).ok());
}

TEST(StreamTest, EachRequestIsAnsweredOnceAsUnaryWouldBe) {
  TestServer server;
  const v1::AttendRequest small = SmallSdpaRequest();
  grpc::ClientContext unary_context;
  v1::AttendResponse expected;
  ASSERT_TRUE(server.stub().Attend(&unary_context, small, &expected).ok());

  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  constexpr int kRequests = 300;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      EXPECT_TRUE(stream->Write(SmallSdpaRequest(std::to_string(i))));
    }
    stream->WritesDone();
  });
  std::set<std::string> ids;
  v1::AttendStreamResponse answer;
  while (stream->Read(&answer)) {
    EXPECT_TRUE(ids.insert(answer.response().id()).second);
    EXPECT_EQ(answer.response().contexts().data(), expected.contexts().data());
    EXPECT_GE(answer.response().timing().batch_requests(), 1);
  }
  writer.join();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(kRequests));
}

TEST(StreamTest, ABadRequestLeavesTheStreamOpen) {
  TestServer server;
  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  v1::AttendRequest unknown = SmallSdpaRequest("unknown");
  unknown.set_model("nobody");
  v1::AttendRequest broken = SmallSdpaRequest("broken");
  broken.mutable_queries()->mutable_data()->pop_back();
  EXPECT_TRUE(stream->Write(unknown));
  EXPECT_TRUE(stream->Write(broken));
  EXPECT_TRUE(stream->Write(SmallSdpaRequest("good")));
  stream->WritesDone();
  std::map<std::string, v1::AttendError> errors;
  int good = 0;
  v1::AttendStreamResponse answer;
  while (stream->Read(&answer)) {
    if (answer.has_error()) errors[answer.error().id()] = answer.error();
    if (answer.has_response()) ++good;
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(good, 1);
  EXPECT_EQ(errors["unknown"].code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(errors["broken"].code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(errors["broken"].message(), HasSubstr("queries: data has"));
}

TEST(StreamTest, AnEmptyStreamEndsWell) {
  TestServer server;
  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
}

TEST(StreamTest, ALongIdComesBackShortenedToWholeCharacters) {
  TestServer server;
  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  // 401 bytes; the 256th is the first half of a character.
  std::string id = "x";
  for (int i = 0; i < 200; ++i) id += "\u00E9";
  EXPECT_TRUE(stream->Write(SmallSdpaRequest(id)));
  stream->WritesDone();
  v1::AttendStreamResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.error().id(), id.substr(0, 255));
  EXPECT_EQ(answer.error().code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_TRUE(stream->Finish().ok());
}

// While another request is finished, which takes seconds.
TEST(StreamTest, AStreamEndsWhenTheServerStops) {
  ServerOptions options = TestServerOptions();
  options.metrics_port = 0;
  TestServer server(options);
  grpc::ClientContext long_context;
  v1::AttendRequest long_request;
  long_request.set_model("sdpa");
  *long_request.mutable_queries() = RampTensor({1, 8192, 16, 8});
  v1::AttendResponse long_response;
  std::promise<grpc::Status> long_done;
  server.stub().async()->Attend(
      &long_context, &long_request, &long_response,
      [&](const grpc::Status& status) { long_done.set_value(status); });
  ASSERT_TRUE(server.WaitForMetric("attention_running_requests", 1));

  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  ASSERT_TRUE(stream->Write(SmallSdpaRequest()));
  v1::AttendStreamResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  std::thread stop([&] { server.server().Stop(); });
  while (stream->Write(SmallSdpaRequest()) && stream->Read(&answer)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("the server is stopping"));
  const grpc::Status long_status = long_done.get_future().get();
  EXPECT_TRUE(long_status.ok()) << long_status.error_message();
  stop.join();
}

// A client that writes and never reads: the server stops reading, the client's
// writes stall, and leaving is the only way out.
TEST(StreamTest, AClientThatNeverReadsFillsNothingAndMayLeave) {
  ServerOptions options = TestServerOptions();
  options.metrics_port = 0;
  TestServer server(options);
  grpc::ClientContext context;
  const auto stream = server.stub().AttendStream(&context);
  std::thread writer([&] {
    // 64 requests of 1.5 MB and answers of the same size would be 192 MB.
    const v1::AttendRequest request = SelfAttention("minilm/0", 8, 128, 384);
    for (int i = 0; i < 64 && stream->Write(request); ++i) {
    }
  });
  EXPECT_TRUE(server.WaitForMetric("attention_open_requests", 32));
  // Other clients are served meanwhile.
  for (int i = 0; i < 20; ++i) {
    ExpectGoodRequestSucceeds(server);
    // A client has its answer before the server is told.
    EXPECT_TRUE(server.WaitForMetric("attention_open_requests", 32));
  }
  context.TryCancel();
  writer.join();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  ExpectGoodRequestSucceeds(server);
}

TEST(StreamTest, ClientsMayLeaveAtAnyTime) {
  TestServer server;
  for (int writes = 0; writes < 40; ++writes) {
    grpc::ClientContext context;
    const auto stream = server.stub().AttendStream(&context);
    for (int i = 0; i < writes; ++i) {
      EXPECT_TRUE(stream->Write(SelfAttention("minilm/0", 1, 32, 384)));
    }
    v1::AttendStreamResponse answer;
    for (int i = 0; i < writes / 4; ++i) EXPECT_TRUE(stream->Read(&answer));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  ExpectGoodRequestSucceeds(server);
}

}  // namespace
}  // namespace attention
