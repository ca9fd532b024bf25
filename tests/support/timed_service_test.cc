// The server keeps the times that it was given: no answer comes early, and half
// of them at most a millisecond late. It refuses, queues, stalls, and checks
// certificates and tokens as told.
#include "tests/support/timed_service.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <future>
#include <list>
#include <memory>
#include <thread>

#include "absl/strings/str_cat.h"
#include "attention/v1/attention.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/has_address.h"
#include "tests/support/raw_rpc.h"
#include "tests/support/slowdown.h"
#include "tests/support/tls_files.h"

namespace attention {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;
using ::testing::Each;
using ::testing::ElementsAre;

using Channel = std::shared_ptr<grpc::Channel>;

// Half of the answers are at most that late.
constexpr milliseconds kLate = kSlowdown * milliseconds(1);

Channel Connect(const std::string& address,
                const std::shared_ptr<grpc::ChannelCredentials>& credentials =
                    grpc::InsecureChannelCredentials()) {
  grpc::ChannelArguments args;
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, credentials, args);
}

// An Attend under way, which may not move.
class Pending {
 public:
  Pending(v1::AttentionService::Stub& stub, const v1::AttendRequest& request,
          const std::string& authorization = "")
      : request_(request) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::minutes(1));
    if (!authorization.empty()) {
      context_.AddMetadata("authorization", authorization);
    }
    stub.async()->Attend(
        &context_, &request_, &response_,
        [this](const grpc::Status& status) { done_.set_value(status); });
  }

  grpc::Status Wait() { return done_.get_future().get(); }
  void Cancel() { context_.TryCancel(); }
  const v1::AttendResponse& response() const { return response_; }

 private:
  grpc::ClientContext context_;
  v1::AttendRequest request_;
  v1::AttendResponse response_;
  std::promise<grpc::Status> done_;
};

grpc::Status Attend(const Channel& channel,
                    const std::string& authorization = "") {
  const auto stub = v1::AttentionService::NewStub(channel);
  return Pending(*stub, SmallSdpaRequest(), authorization).Wait();
}

// Sends `count` calls at once and returns when all are answered.
void AttendAtOnce(const TimedService& service, int count) {
  const auto stub = v1::AttentionService::NewStub(Connect(service.address()));
  std::list<Pending> calls;
  for (int i = 0; i < count; ++i) calls.emplace_back(*stub, SmallSdpaRequest());
  for (Pending& call : calls) call.Wait();
}

Steady::duration Took(const TimedService::Call& call) {
  return *call.answer - call.arrival;
}

Steady::duration Median(std::vector<Steady::duration> values) {
  const auto middle =
      values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

TEST(TimedServiceTest, AnswersWhenTheScriptSays) {
  constexpr int kCalls = 120;
  const auto delay_of = [](int call) { return milliseconds(call % 4 * 3); };
  const TimedService service({.script = [&](int call) {
    return TimedService::Behaviour{.delay = delay_of(call)};
  }});
  const Channel channel = Connect(service.address());

  for (int i = 0; i < kCalls; ++i) {
    const auto sent = Steady::now();
    ASSERT_TRUE(Attend(channel).ok());
    EXPECT_GE(Steady::now() - sent, delay_of(i));
  }

  const auto calls = service.calls();
  ASSERT_EQ(calls.size(), std::size_t{kCalls});
  std::vector<Steady::duration> late;
  for (int i = 0; i < kCalls; ++i) {
    late.push_back(Took(calls[static_cast<std::size_t>(i)]) - delay_of(i));
  }
  RecordProperty("median_late_ns", static_cast<int>(Median(late).count()));
  EXPECT_THAT(late, Each(::testing::Ge(Steady::duration::zero())));
  EXPECT_LT(Median(late), kLate);
}

TEST(TimedServiceTest, RefusesWithTheStatusOfTheScriptAndRecordsIt) {
  const TimedService service({.script = [](int call) {
    return call == 1 ? TimedService::Behaviour{.status = absl::AbortedError(
                                                   "as the script says")}
                     : TimedService::Behaviour{};
  }});
  const Channel channel = Connect(service.address());

  EXPECT_TRUE(Attend(channel).ok());
  const grpc::Status refused = Attend(channel);
  EXPECT_TRUE(Attend(channel).ok());

  EXPECT_EQ(refused.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(refused.error_message(), "as the script says");
  EXPECT_EQ(service.call_count(), 3);
  std::vector<absl::StatusCode> codes;
  for (const TimedService::Call& call : service.calls()) {
    codes.push_back(call.code);
  }
  EXPECT_THAT(codes,
              ElementsAre(absl::StatusCode::kOk, absl::StatusCode::kAborted,
                          absl::StatusCode::kOk));
}

TEST(TimedServiceTest, QueuesWhatItsServersCannotTakeAndRefusesTheRest) {
  constexpr milliseconds kService{300};
  const TimedService service(
      {.script =
           [&](int) { return TimedService::Behaviour{.delay = kService}; },
       .capacity = TimedService::Capacity{.servers = 2, .queue = 3}});
  const auto stub = v1::AttentionService::NewStub(Connect(service.address()));

  std::list<Pending> calls;
  for (int i = 0; i < 8; ++i) calls.emplace_back(*stub, SmallSdpaRequest());

  std::vector<std::int64_t> queue_ms;
  int refused = 0;
  for (Pending& call : calls) {
    const grpc::Status status = call.Wait();
    if (status.ok()) {
      const v1::Timing& timing = call.response().timing();
      EXPECT_EQ(timing.compute_us(), 300000);
      // Up to 150 ms less: they do not arrive at exactly the same time.
      queue_ms.push_back((timing.queue_us() / 1000 + 150) / 300 * 300);
    } else {
      EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
      ++refused;
    }
  }
  std::sort(queue_ms.begin(), queue_ms.end());
  EXPECT_THAT(queue_ms, ElementsAre(0, 0, 300, 300, 600));
  EXPECT_EQ(refused, 3);
  const auto records = service.calls();
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (i < 5) {
      EXPECT_GE(Took(records[i]), kService);
    } else {
      EXPECT_LT(Took(records[i]), kService);
    }
  }
}

TEST(TimedServiceTest, FourServersOfTenMillisecondsTake400CallsASecond) {
  constexpr int kCalls = 80;
  const TimedService service(
      {.script =
           [](int) {
             return TimedService::Behaviour{.delay = milliseconds(10)};
           },
       .capacity = TimedService::Capacity{.servers = 4, .queue = kCalls}});

  AttendAtOnce(service, kCalls);

  const auto calls = service.calls();
  Steady::time_point last{};
  for (const TimedService::Call& call : calls) {
    last = std::max(last, *call.answer);
  }
  const auto took = last - calls.front().arrival;
  EXPECT_GE(took, milliseconds(200));
  EXPECT_LT(took, milliseconds(200) + kSlowdown * milliseconds(100));
}

TEST(TimedServiceTest, AStallHoldsAllAnswersBackThatAreDueInIt) {
  constexpr milliseconds kStall{300};
  std::promise<void> first_arrived;
  TimedService service({.script = [&](int call) {
    if (call == 0) first_arrived.set_value();
    return TimedService::Behaviour{
        .delay = milliseconds(call == 0 ? 50 : 0),
        .status = call == 2 ? absl::AbortedError("no") : absl::OkStatus()};
  }});
  const auto stub = v1::AttentionService::NewStub(Connect(service.address()));

  std::list<Pending> calls;
  calls.emplace_back(*stub, SmallSdpaRequest());
  first_arrived.get_future().wait();
  const auto stalled = Steady::now();
  service.Stall(kStall);
  for (int i = 0; i < 2; ++i) calls.emplace_back(*stub, SmallSdpaRequest());
  for (Pending& call : calls) call.Wait();
  AttendAtOnce(service, 1);

  const auto records = service.calls();
  ASSERT_EQ(records.size(), 4U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_GE(*records[i].answer, stalled + kStall);
  }
  EXPECT_EQ(records[2].code, absl::StatusCode::kAborted);
  EXPECT_LT(Took(records[3]), kStall);
}

TEST(TimedServiceTest, AStreamAnswersInTheOrderOfTheDelays) {
  const TimedService service({.script = [](int call) {
    return TimedService::Behaviour{
        .delay = milliseconds(300 - 100 * call),
        .status = call == 1 ? absl::AbortedError("no") : absl::OkStatus()};
  }});
  const auto stub = v1::AttentionService::NewStub(Connect(service.address()));

  grpc::ClientContext context;
  const auto stream = stub->AttendStream(&context);
  for (const char* id : {"slow", "refused", "fast"}) {
    stream->Write(SmallSdpaRequest(id));
  }
  stream->WritesDone();
  std::vector<v1::AttendStreamResponse> answers(3);
  for (v1::AttendStreamResponse& answer : answers) {
    ASSERT_TRUE(stream->Read(&answer));
  }

  EXPECT_EQ(answers[0].response().id(), "fast");
  EXPECT_EQ(answers[1].error().id(), "refused");
  EXPECT_EQ(answers[1].error().code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(answers[1].error().message(), "no");
  EXPECT_EQ(answers[2].response().id(), "slow");
  EXPECT_EQ(answers[2].response().timing().compute_us(), 300000);
  v1::AttendStreamResponse more;
  EXPECT_FALSE(stream->Read(&more));
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(service.call_count(), 3);
}

TEST(TimedServiceTest, KnowsItsModelsAndSaysWhoItIs) {
  const TimedService service({});
  const auto stub = v1::AttentionService::NewStub(Connect(service.address()));

  grpc::ClientContext list_context;
  v1::ListModelsResponse list;
  ASSERT_TRUE(stub->ListModels(&list_context, {}, &list).ok());
  ASSERT_EQ(list.models_size(), 2);
  EXPECT_EQ(list.models(0).name(), "sdpa");

  v1::GetModelRequest name;
  name.set_name("minilm/0");
  grpc::ClientContext get_context;
  v1::GetModelResponse got;
  ASSERT_TRUE(stub->GetModel(&get_context, name, &got).ok());
  EXPECT_EQ(got.model().embed_dim(), 384);
  EXPECT_EQ(got.model().num_heads(), 12);
  EXPECT_EQ(got.model().head_dim(), 32);
  EXPECT_EQ(got.model().max_tokens(), 65536);

  name.set_name("bert");
  grpc::ClientContext unknown_context;
  EXPECT_EQ(stub->GetModel(&unknown_context, name, &got).error_code(),
            grpc::StatusCode::NOT_FOUND);

  grpc::ClientContext info_context;
  v1::GetServerInfoResponse info;
  ASSERT_TRUE(stub->GetServerInfo(&info_context, {}, &info).ok());
  EXPECT_GT(info.limits().max_request_bytes(), 0);
}

TEST(TimedServiceTest, ItsHealthIsWhatItIsTold) {
  TimedService service({});
  const Channel channel = Connect(service.address());
  // An empty HealthCheckRequest; the answer is field 1, the status.
  const auto health = [&] {
    return RawUnary(channel, "/grpc.health.v1.Health/Check", "").bytes;
  };

  EXPECT_EQ(health(), "\x08\x01");  // SERVING
  service.SetServing(false);
  EXPECT_EQ(health(), "\x08\x02");  // NOT_SERVING
  service.SetServing(true);
  EXPECT_EQ(health(), "\x08\x01");
}

TEST(TimedServiceTest, ForgetsACallThatItsClientLeaves) {
  std::promise<void> arrived;
  const TimedService service({.script = [&](int call) {
    if (call == 0) arrived.set_value();
    return TimedService::Behaviour{.delay = milliseconds(call == 0 ? 100 : 0)};
  }});
  const Channel channel = Connect(service.address());
  const auto stub = v1::AttentionService::NewStub(channel);

  Pending call(*stub, SmallSdpaRequest());
  arrived.get_future().wait();
  call.Cancel();

  EXPECT_EQ(call.Wait().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Attend(channel).ok());
}

TEST(TimedServiceTest, TheEndDoesNotWaitForAnswersThatAreNotDue) {
  std::promise<void> unary_arrived;
  std::promise<void> stream_arrived;
  auto service = std::make_unique<TimedService>(
      TimedService::Options{.script = [&](int call) {
        (call == 0 ? unary_arrived : stream_arrived).set_value();
        return TimedService::Behaviour{.delay = std::chrono::hours(1)};
      }});
  const Channel channel = Connect(service->address());
  const auto stub = v1::AttentionService::NewStub(channel);
  Pending call(*stub, SmallSdpaRequest());
  unary_arrived.get_future().wait();
  grpc::ClientContext context;
  const auto stream = stub->AttendStream(&context);
  stream->Write(SmallSdpaRequest("a"));
  stream_arrived.get_future().wait();

  service = nullptr;

  EXPECT_EQ(call.Wait().error_code(), grpc::StatusCode::UNAVAILABLE);
  v1::AttendStreamResponse answer;
  if (stream->Read(&answer)) {
    EXPECT_EQ(answer.error().code(), grpc::StatusCode::UNAVAILABLE);
  }
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_FALSE(stream->Finish().ok());
}

TEST(TimedServiceTest, TakesCallsFromManyThreads) {
  constexpr int kThreads = 8;
  constexpr int kCallsEach = 100;
  const TimedService service({.script = [](int call) {
    return TimedService::Behaviour{.delay =
                                       std::chrono::microseconds(call % 300)};
  }});

  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] { AttendAtOnce(service, kCallsEach); });
  }
  for (std::thread& thread : threads) thread.join();

  const auto calls = service.calls();
  ASSERT_EQ(calls.size(), std::size_t{kThreads * kCallsEach});
  EXPECT_TRUE(std::is_sorted(
      calls.begin(), calls.end(),
      [](const auto& a, const auto& b) { return a.arrival < b.arrival; }));
  for (int i = 0; i < kThreads * kCallsEach; ++i) {
    EXPECT_GE(Took(calls[static_cast<std::size_t>(i)]),
              std::chrono::microseconds(i % 300));
  }
}

TEST(TimedServiceTest, ANullServerGivesTheSameToEverything) {
  const TimedService service({.null_tokens = 3});
  const auto stub = v1::AttentionService::NewStub(Connect(service.address()));

  Pending known(*stub, SelfAttention("minilm/0", 1, 1, 384));
  ASSERT_TRUE(known.Wait().ok());
  Pending unknown(*stub, v1::AttendRequest());
  ASSERT_TRUE(unknown.Wait().ok());

  EXPECT_THAT(known.response().contexts().shape(), ElementsAre(1, 3, 384));
  EXPECT_EQ(known.response().contexts().data().size(), 3U * 384 * 4);
  EXPECT_EQ(known.response().SerializeAsString(),
            unknown.response().SerializeAsString());
  EXPECT_EQ(service.call_count(), 2);
  EXPECT_TRUE(service.calls().empty());
}

TEST(TimedServiceTest, WantsItsToken) {
  const TimedService service({.token = "secret"});
  const Channel channel = Connect(service.address());
  const auto stub = v1::AttentionService::NewStub(channel);

  EXPECT_EQ(Attend(channel).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  for (const char* wrong : {"secret", "Bearer ", "Bearer secrets"}) {
    EXPECT_EQ(Attend(channel, wrong).error_code(),
              grpc::StatusCode::UNAUTHENTICATED)
        << wrong;
  }
  EXPECT_EQ(service.call_count(), 0);
  EXPECT_TRUE(Attend(channel, "Bearer secret").ok());
  EXPECT_EQ(service.call_count(), 1);

  grpc::ClientContext list_context;
  v1::ListModelsResponse list;
  EXPECT_EQ(stub->ListModels(&list_context, {}, &list).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext get_context;
  v1::GetModelResponse model;
  EXPECT_EQ(stub->GetModel(&get_context, {}, &model).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext info_context;
  v1::GetServerInfoResponse info;
  EXPECT_EQ(stub->GetServerInfo(&info_context, {}, &info).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  grpc::ClientContext stream_context;
  EXPECT_EQ(stub->AttendStream(&stream_context)->Finish().error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
}

TimedService::Tls ServerTls() {
  return {.certificate = ReadTlsFile("server.pem"),
          .private_key = ReadTlsFile("server.key")};
}

// Of a client that trusts what `ca` has signed.
std::shared_ptr<grpc::ChannelCredentials> Trusting(const std::string& ca) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ReadTlsFile(ca);
  return grpc::SslCredentials(options);
}

TEST(TimedServiceTest, ServesTlsToThoseWhoTrustIt) {
  const TimedService service({.tls = ServerTls()});
  EXPECT_TRUE(Attend(Connect(service.address(), Trusting("ca.pem"))).ok());
  // Trusts another signer.
  EXPECT_EQ(
      Attend(Connect(service.address(), Trusting("client.pem"))).error_code(),
      grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Attend(Connect(service.address())).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(service.call_count(), 1);
}

TEST(TimedServiceTest, ServesTlsByName) {
  if (!HasAddress("localhost")) GTEST_SKIP() << "there is no localhost";
  const TimedService service({.tls = ServerTls()});
  const std::string localhost = absl::StrCat("localhost:", service.port());
  EXPECT_TRUE(Attend(Connect(localhost, Trusting("ca.pem"))).ok());
  EXPECT_EQ(service.call_count(), 1);
}

TEST(TimedServiceTest, WantsACertificateOfItsClients) {
  TimedService::Tls tls = ServerTls();
  tls.client_ca = ReadTlsFile("ca.pem");
  const TimedService service({.tls = tls});
  const auto known =
      grpc::SslCredentials({.pem_root_certs = ReadTlsFile("ca.pem"),
                            .pem_private_key = ReadTlsFile("client.key"),
                            .pem_cert_chain = ReadTlsFile("client.pem")});

  EXPECT_EQ(Attend(Connect(service.address(), Trusting("ca.pem"))).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_TRUE(Attend(Connect(service.address(), known)).ok());
  EXPECT_EQ(service.call_count(), 1);
}

}  // namespace
}  // namespace attention
