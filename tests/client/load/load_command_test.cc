// The command as people and CI call it: the real binary, its exit codes, what
// it says and the files that it writes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "tests/client/run_command.h"
#include "tests/support/server_process.h"
#include "tests/support/timed_service.h"
#include "tests/support/tls_files.h"

namespace attention {
namespace {

using std::chrono::milliseconds;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

CommandResult Load(const std::string& arguments) {
  return RunCommand(Quoted(ATTENTION_LOAD_BINARY) + " " + arguments);
}

// Whether it ended with `code`, or with 4 because this machine was too busy for
// the client to be on time, which says nothing of the command.
bool EndedWith(int code, const CommandResult& result) {
  if (result.exit_code == code) return true;
  return result.exit_code == 4 &&
         (result.out.find("sent requests late") != std::string::npos ||
          result.out.find("short of CPU time") != std::string::npos);
}

// Answers after `delay`.
TimedService::Options After(milliseconds delay) {
  return {.script = [delay](int) {
    return TimedService::Behaviour{.delay = delay};
  }};
}

// Small requests: what is tested is not the client's speed.
std::string Workload(const std::string& mix) {
  const std::string path = TempPath("workload.json");
  std::ofstream(path) << R"({"distinct": 4, "mixes": [)" << mix << "]}";
  return " --workload " + Quoted(path);
}
std::string SmallRequests() { return Workload(R"({"lengths": 2})"); }

TEST(LoadCommandTest, ARunThatHoldsItsObjectivesEndsWithZero) {
  TimedService service(After(milliseconds(5)));
  const std::string json = TempPath("run.json");
  const std::string csv = TempPath("run.csv");
  const std::string html = TempPath("run.html");
  const CommandResult result = Load(
      "run --rate 50 --arrivals constant --duration 2 --warm-up 0.5"
      " --slo p50=2s,errors=0,rate=40 --target " +
      service.address() + SmallRequests() + " --json " + Quoted(json) +
      " --csv " + Quoted(csv) + " --html " + Quoted(html));
  EXPECT_TRUE(EndedWith(0, result)) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("50 requests/s answered"));
  EXPECT_THAT(result.err, HasSubstr("answered")) << "progress";

  const auto report = nlohmann::json::parse(ReadFile(json));
  EXPECT_EQ(report["schema"], "attention-load/1");
  EXPECT_THAT(ReadFile(csv), StartsWith("Request Rate,Inferences/Second,"));
  EXPECT_THAT(ReadFile(html), HasSubstr("<svg"));
}

TEST(LoadCommandTest, AMissedObjectiveIsOne) {
  TimedService service(After(milliseconds(30)));
  const CommandResult result = Load(
      "run --quiet --rate 50 --duration 1 --warm-up 0 --slo p50=20ms"
      " --target " +
      service.address() + SmallRequests());
  EXPECT_TRUE(EndedWith(1, result)) << result.out << result.err;
  EXPECT_EQ(result.err, "");
}

TEST(LoadCommandTest, WrongUsageIsTwoAndSaysWhatIsTaken) {
  struct Case {
    const char* arguments;
    const char* message;
  };
  for (const Case& wrong : {
           Case{"", "a command is missing: run, sweep or compare"},
           Case{"run --rate 10 --concurrency 2",
                "--rate excludes --concurrency"},
           Case{"run --rate 0", "--rate"},
           Case{"run --slo p99", "--slo: "},
           Case{"run --weights minilm", "--weights is minilm, must be "},
           Case{"run --tls-ca /dev/null", "need --tls"},
           Case{"run --token-file /nowhere", "--token-file: /nowhere cannot"},
           Case{"run --workload /nowhere.json", "/nowhere.json"},
           Case{"compare", "--against is required"},
           Case{"run --verify 2", "--verify"},
           // The server that is not there is not asked.
           Case{"run --target 127.0.0.1:1 --json /nowhere/run.json",
                "/nowhere/run.json cannot be written"},
       }) {
    const CommandResult result = Load(wrong.arguments);
    EXPECT_EQ(result.exit_code, 2) << wrong.arguments << result.out;
    EXPECT_THAT(result.err, StartsWith("attention-load: ")) << wrong.arguments;
    EXPECT_THAT(result.err, HasSubstr(wrong.message));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1);
  }
}

TEST(LoadCommandTest, AServerThatIsNotThereIsThree) {
  std::string address;
  {
    address = TimedService({}).address();
  }
  const CommandResult result =
      Load("run --connect-timeout 0.3 --target " + address);
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr(address + " cannot be reached"));
}

TEST(LoadCommandTest, AServerThatTakesNoOtherTokenIsThree) {
  TimedService service({.token = "secret"});
  const CommandResult result = Load("run --target " + service.address());
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("target " + service.address()));
  EXPECT_THAT(result.err, HasSubstr("UNAUTHENTICATED: "));
}

TEST(LoadCommandTest, AClientThatDropsRequestsIsFour) {
  TimedService service(After(milliseconds(400)));
  const CommandResult result =
      Load("run --quiet --rate 100 --duration 1 --max-in-flight 5 --target " +
           service.address() + SmallRequests());
  EXPECT_EQ(result.exit_code, 4) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("INVALID"));
  EXPECT_THAT(result.out, HasSubstr("--max-in-flight"));
}

TEST(LoadCommandTest, ASweepThatTheClientCannotOfferIsFour) {
  TimedService service(After(milliseconds(400)));
  const CommandResult result = Load(
      "sweep --quiet --first-rate 1000 --duration 0.2 --warm-up 0.1"
      " --max-in-flight 1 --slo p50=2s --target " +
      service.address() + SmallRequests());
  EXPECT_EQ(result.exit_code, 4) << result.out << result.err;
}

TEST(LoadCommandTest, AWrongAnswerIsFive) {
  // It answers zeros, which are no attention over random numbers.
  TimedService service({});
  const CommandResult result =
      Load("run --quiet --rate 20 --duration 1 --verify 1 --target " +
           service.address() +
           Workload(R"({"model": "sdpa", "num_heads": 2, "head_dim": 8})"));
  EXPECT_EQ(result.exit_code, 5) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("wrong answer: contexts"));
  EXPECT_THAT(result.out, Not(HasSubstr("wrong answer: wrong")));
}

TEST(LoadCommandTest, NoAnswerThatCouldBeVerifiedIsFiveToo) {
  TimedService service({.script = [](int) {
    return TimedService::Behaviour{.status =
                                       absl::InternalError("out of luck")};
  }});
  const CommandResult result =
      Load("run --quiet --rate 20 --duration 1 --verify 1 --target " +
           service.address() +
           Workload(R"({"model": "sdpa", "num_heads": 2, "head_dim": 8})"));
  EXPECT_EQ(result.exit_code, 5) << result.out << result.err;
}

TEST(LoadCommandTest, VerifyingAModelNeedsItsWeights) {
  TimedService service({});
  const CommandResult result =
      Load("run --verify 0.1 --target " + service.address() + SmallRequests());
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("--weights"));
}

TEST(LoadCommandTest, TlsAndTokensReachAServerThatWantsThem) {
  TimedService service(
      {.tls = TimedService::Tls{.certificate = ReadTlsFile("server.pem"),
                                .private_key = ReadTlsFile("server.key"),
                                .client_ca = ReadTlsFile("ca.pem")},
       .token = "secret"});
  const std::string token = TempPath("token");
  std::ofstream(token) << "secret\n";
  const std::string run = "run --quiet --rate 20 --duration 1 --target " +
                          service.address() + SmallRequests() + " --tls" +
                          " --tls-ca " + Quoted(TlsPath("ca.pem"));
  const CommandResult result = Load(
      run + " --tls-cert " + Quoted(TlsPath("client.pem")) + " --tls-key " +
      Quoted(TlsPath("client.key")) + " --token-file " + Quoted(token));
  EXPECT_TRUE(EndedWith(0, result)) << result.out << result.err;
  EXPECT_EQ(Load(run + " --connect-timeout 0.3").exit_code, 3)
      << "without a certificate";
}

TEST(LoadCommandTest, ASweepFindsTheKneeOfAKnownServer) {
  // Two at a time, 20 ms each: a hundred a second and not one more.
  TimedService::Options options = After(milliseconds(20));
  options.capacity = TimedService::Capacity{.servers = 2, .queue = 20};
  TimedService service(std::move(options));
  const std::string json = TempPath("sweep.json");
  const std::string arguments =
      "sweep --quiet --arrivals constant --first-rate 30 --duration 1"
      " --warm-up 0.3 --recovery 1 --resolution 1.2 --slo p90=100ms,errors=1"
      " --target " +
      service.address() + SmallRequests() + " --json " + Quoted(json);
  // A busy machine makes the client too slow to tell, and then it says so.
  constexpr int kRuns = 3;
  CommandResult result;
  nlohmann::json sweep = {{"limited_by", "client"}};
  for (int run = 0; run < kRuns && sweep["limited_by"] == "client"; ++run) {
    result = Load(arguments);
    sweep = nlohmann::json::parse(ReadFile(json))["sweep"];
  }
  if (sweep["limited_by"] == "client") {
    GTEST_SKIP() << "this machine is too busy to find a knee: " << result.out;
  }
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_EQ(sweep["limited_by"], "server") << result.out;
  const double knee = sweep["knee_rate_per_s"];
  EXPECT_GE(knee, 75) << result.out;
  EXPECT_LE(knee, 105) << result.out;
  // The first one that the client cannot offer is the last one.
  const auto& overloads = sweep["overloads"];
  ASSERT_FALSE(overloads.empty()) << result.out;
  EXPECT_TRUE(overloads.size() == 3 ||
              !overloads.back()["step"]["invalid"].empty())
      << result.out;
}

TEST(LoadCommandTest, ASweepWithoutAKneeIsOneAndSaysWhatWasMissed) {
  // So slow that a client which is late on a busy machine does not matter.
  TimedService service(After(milliseconds(400)));
  const std::string json = TempPath("no_knee.json");
  const CommandResult result = Load(
      "sweep --quiet --first-rate 100 --duration 0.3 --warm-up 0"
      " --slo p50=5ms --target " +
      service.address() + SmallRequests() + " --json " + Quoted(json));
  ASSERT_TRUE(EndedWith(1, result)) << result.out << result.err;
  const auto report = nlohmann::json::parse(ReadFile(json));
  EXPECT_TRUE(report["sweep"]["knee"].is_null());
  ASSERT_EQ(report["objectives"].size(), 1) << result.out;
  EXPECT_EQ(report["objectives"][0]["objective"], "p50=5ms");
  EXPECT_EQ(report["objectives"][0]["held"], false);
  EXPECT_GE(report["objectives"][0]["value"], 399);
  EXPECT_EQ(report["headline"],
            result.exit_code == 1
                ? "Holds less than 100 requests/s at p50=5ms"
                : "Every load that was tried was too much for the client");
}

TEST(LoadCommandTest, AComparisonTellsTheFasterServer) {
  TimedService slow(After(milliseconds(40)));
  TimedService fast(After(milliseconds(20)));
  const CommandResult result = Load(
      "compare --quiet --concurrency 4 --duration 0.5 --warm-up 0.1"
      " --rounds 3 --target " +
      slow.address() + " --against " + fast.address() + SmallRequests());
  EXPECT_TRUE(EndedWith(0, result)) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr(fast.address() + " is"));
  EXPECT_THAT(result.out, ContainsRegex("faster|more"));
}

TEST(LoadCommandTest, AComparisonWithAServerThatAnswersNothingIsOne) {
  TimedService good(After(milliseconds(5)));
  TimedService bad({.script = [](int) {
    return TimedService::Behaviour{.status = absl::InternalError("broken")};
  }});
  const CommandResult result = Load(
      "compare --quiet --concurrency 1 --duration 0.3 --warm-up 0.1"
      " --rounds 2 --target " +
      good.address() + " --against " + bad.address() + SmallRequests());
  EXPECT_TRUE(EndedWith(1, result)) << result.out << result.err;
  EXPECT_THAT(result.out, StartsWith("Result        " + bad.address() +
                                     " answered nothing in turns 1, 2\n"));
  EXPECT_THAT(result.out, Not(HasSubstr("No difference")));
}

// The real server, the real model, and every answer compared with the
// reference.
TEST(LoadCommandTest, TheRealServersAnswersAreVerified) {
  ServerProcess server({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                        "--http-port=-1", "--metrics-port=-1"});
  const std::string target = server.WaitForAddress();
  ASSERT_NE(target, "") << server.log();
  // Of a stream it reads 32 requests that it has not answered.
  for (const auto& [streams, in_flight] :
       {std::pair("0", "10000"), std::pair("1", "32")}) {
    const CommandResult result =
        Load("run --quiet --rate 20 --duration 1 --verify 1 --weights minilm=" +
             Quoted(ATTENTION_DEMO_MODEL) + " --streams " + streams +
             " --target " + target);
    EXPECT_TRUE(EndedWith(0, result)) << result.out << result.err;
    EXPECT_THAT(result.out, ContainsRegex(std::string("most[ \n]+") +
                                          in_flight + "[ \n]+requests"));
    EXPECT_THAT(result.out, ContainsRegex("Verified +[1-9][0-9]* answers, 0 "
                                          "wrong"));
  }
}

// The others would wait in the client and count as the server's.
TEST(LoadCommandTest, AClosedLoopHasNoMoreRequestsThanItsStreamsCarry) {
  ServerProcess server({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                        "--http-port=-1", "--metrics-port=-1"});
  const std::string target = server.WaitForAddress();
  ASSERT_NE(target, "") << server.log();
  const std::string run =
      "run --quiet --duration 0.2 --warm-up 0 --streams 1 --threads 2"
      " --target " +
      target + SmallRequests() + " --concurrency ";
  const CommandResult most = Load(run + "64");
  EXPECT_TRUE(EndedWith(0, most)) << most.out << most.err;
  const CommandResult more = Load(run + "65");
  EXPECT_EQ(more.exit_code, 2) << more.out;
  EXPECT_EQ(more.err,
            "attention-load: --concurrency is 65, must be at most 64 on "
            "streams: --streams 1 times --threads 2 times the server's "
            "max_stream_requests, 32; raise --streams\n");
}

// All that a request of the Open Inference Protocol can say, call by call and
// on a stream.
TEST(LoadCommandTest, TheOpenInferenceProtocolsAnswersAreVerified) {
  ServerProcess server({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                        "--http-port=-1", "--metrics-port=-1"});
  const std::string target = server.WaitForAddress();
  ASSERT_NE(target, "") << server.log();
  const std::string workload = Workload(
      R"({"lengths": {"lognormal": {"mean": 8, "sigma": 0.5, "max": 20}},
          "batch": 3, "attn_weights": "average", "mask": "float",
          "deadline_ms": 9000},
         {"lengths": 5, "batch": 2, "packed": true, "priority": 1,
          "dtype": "f16", "output_dtype": "f32"},
         {"model": "sdpa", "lengths": 6, "num_heads": 4, "num_kv_heads": 2,
          "head_dim": 16, "mask": "causal", "attn_weights": "per_head"},
         {"lengths": 4, "mask": "boolean", "dtype": "bf16"})");
  const std::string json = TempPath("oip.json");
  const std::string run =
      "run --quiet --rate 20 --duration 1 --verify 1 --slo errors=0"
      " --protocol oip --weights minilm=" +
      Quoted(ATTENTION_DEMO_MODEL) + " --target " + target + workload +
      " --json " + Quoted(json) + " --streams ";
  for (const char* streams : {"0", "1"}) {
    const CommandResult result = Load(run + streams);
    EXPECT_TRUE(EndedWith(0, result)) << result.out << result.err;
    EXPECT_THAT(result.out, ContainsRegex("Protocol +oip\n"));
    EXPECT_THAT(result.out, ContainsRegex("Verified +[1-9][0-9]* answers, 0 "
                                          "wrong"));
    const auto report = nlohmann::json::parse(ReadFile(json));
    EXPECT_EQ(report["protocol"], "oip");
    EXPECT_GT(report["step"]["server_compute_ms"]["p100"], 0);
  }
}

TEST(LoadCommandTest, WhatTheOpenInferenceProtocolRefusesIsCountedAsRefused) {
  ServerProcess server({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                        "--http-port=-1", "--metrics-port=-1", "--workers=1",
                        "--max-batch-requests=1", "--max-queue-requests=1"});
  const std::string target = server.WaitForAddress();
  ASSERT_NE(target, "") << server.log();
  const std::string json = TempPath("refused.json");
  const std::string run =
      "run --quiet --concurrency 16 --duration 1 --warm-up 0 --protocol oip"
      " --target " +
      target + Workload(R"({"lengths": 512})") + " --json " + Quoted(json) +
      " --streams ";
  for (const auto& [streams, said] :
       {std::pair("0", "UNAVAILABLE: queue: 1 requests wait"),
        std::pair("2", "error_message: queue: 1 requests wait")}) {
    const CommandResult result = Load(run + streams);
    EXPECT_TRUE(EndedWith(0, result)) << result.out << result.err;
    const auto step = nlohmann::json::parse(ReadFile(json))["step"];
    EXPECT_GT(step["answered"], 0) << result.out;
    EXPECT_GT(step["refused"], 0) << result.out;
    EXPECT_EQ(step["failed"], 0) << result.out;
    EXPECT_THAT(std::string(step["messages"][0]["text"]), StartsWith(said));
  }
}

TEST(LoadCommandTest, TheTwoProtocolsOfAServerCanBeCompared) {
  ServerProcess server({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                        "--http-port=-1", "--metrics-port=-1"});
  const std::string target = server.WaitForAddress();
  ASSERT_NE(target, "") << server.log();
  const std::string json = TempPath("both.json");
  const CommandResult result = Load(
      "compare --quiet --concurrency 1 --duration 0.3 --warm-up 0.1 --rounds 2"
      " --target " +
      target + " --against " + target + " --against-protocol oip" +
      SmallRequests() + " --json " + Quoted(json));
  EXPECT_TRUE(EndedWith(0, result)) << result.out << result.err;
  const auto report = nlohmann::json::parse(ReadFile(json));
  EXPECT_EQ(report["protocol"], "typed, oip");
  EXPECT_EQ(report["comparison"]["a"], target + " (typed)");
  EXPECT_EQ(report["comparison"]["b"], target + " (oip)");
  EXPECT_GT(report["comparison"]["steps_b"][0]["answered"], 0);
}

}  // namespace
}  // namespace attention
