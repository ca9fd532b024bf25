// Proves that options out of their range are refused, all at once, with the
// flag, the value and what is allowed.
#include "server/options.h"

#include <functional>
#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace attention {
namespace {

std::string Complaint(const std::function<void(ServerOptions&)>& spoil) {
  ServerOptions options;
  spoil(options);
  return std::string(options.Validate().message());
}

TEST(OptionsTest, DefaultsAreValid) {
  EXPECT_TRUE(ServerOptions{}.Validate().ok());
}

TEST(OptionsTest, EachLimitIsAllowedAndOneMoreIsNot) {
  EXPECT_EQ(Complaint([](auto& o) { o.grpc_port = 65535; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.grpc_port = 65536; }),
            "--grpc-port is 65536, allowed is [0, 65535]");
  EXPECT_EQ(Complaint([](auto& o) { o.metrics_port = -1; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.metrics_port = -2; }),
            "--metrics-port is -2, allowed is [-1, 65535]");
  EXPECT_EQ(Complaint([](auto& o) { o.engine.num_workers = 1024; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.engine.num_workers = 1025; }),
            "--workers is 1025, allowed is [0, 1024]");
  EXPECT_EQ(Complaint([](auto& o) { o.max_request_bytes = 1023; }),
            "--max-request-bytes is 1023, allowed is [1024, 2147483647]");
  EXPECT_EQ(Complaint([](auto& o) { o.max_request_bytes = 2147483647; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.max_response_bytes = 2147483648; }),
            "--max-response-bytes is 2147483648, allowed is [4096, "
            "2147483647]");
  EXPECT_EQ(Complaint([](auto& o) { o.engine.max_batch_bytes = 1048575; }),
            "--max-batch-bytes is 1048575, allowed is [1048576, "
            "1099511627776]");
  EXPECT_EQ(Complaint([](auto& o) { o.max_sequences = 0; }),
            "--max-sequences is 0, allowed is [1, 65536]");
  EXPECT_EQ(Complaint([](auto& o) { o.drain_seconds = -0.5; }),
            "--drain-seconds is -0.5, allowed is [0, 3600]");
  EXPECT_EQ(Complaint([](auto& o) { o.drain_delay_seconds = 3601; }),
            "--drain-delay-seconds is 3601, allowed is [0, 3600]");
}

TEST(OptionsTest, NotANumberIsOutOfRange) {
  EXPECT_EQ(Complaint([](auto& o) {
              o.drain_seconds = std::numeric_limits<double>::quiet_NaN();
            }),
            "--drain-seconds is nan, allowed is [0, 3600]");
}

TEST(OptionsTest, AQueueHoldsAtLeastOneBatch) {
  EXPECT_EQ(Complaint([](auto& o) { o.engine.max_queue_tokens = 1000; }),
            "--max-queue-tokens is 1000, allowed is [65536, 2147483647]");
}

TEST(OptionsTest, OneLargestRequestAndItsAnswerMayBeUnderWay) {
  EXPECT_EQ(Complaint([](auto& o) { o.max_inflight_bytes = 512 << 20; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.max_inflight_bytes = (512 << 20) - 1; }),
            "--max-inflight-bytes is 536870911, allowed is [536870912, "
            "1099511627776]");
}

TEST(OptionsTest, WordsAreChecked) {
  EXPECT_EQ(Complaint([](auto& o) { o.max_isa = "sse9"; }),
            "--max-isa is 'sse9', allowed is any, avx2, avx512");
  EXPECT_EQ(Complaint([](auto& o) { o.log_level = "loud"; }),
            "--log-level is 'loud', allowed is debug, info, warning, error");
  EXPECT_EQ(Complaint([](auto& o) { o.log_format = "xml"; }),
            "--log-format is 'xml', allowed is text, json");
}

TEST(OptionsTest, ModelsAreNamesAndPaths) {
  for (const char* wrong : {"bert", "=path", "bert="}) {
    EXPECT_FALSE(ParseModelSource(wrong).ok()) << wrong;
  }
  const auto source = ParseModelSource("bert=/models/a=b");
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->name, "bert");
  EXPECT_EQ(source->path, "/models/a=b");
}

TEST(OptionsTest, PortsMustDiffer) {
  EXPECT_EQ(Complaint([](auto& o) { o.metrics_port = o.grpc_port; }),
            "--grpc-port and --metrics-port are both 8001, they must differ");
}

TEST(OptionsTest, AllMistakesAreToldAtOnce) {
  EXPECT_EQ(Complaint([](auto& o) {
              o.grpc_port = -1;
              o.models = {"bert"};
              o.log_level = "loud";
            }),
            "--model is 'bert', allowed is NAME=PATH, for example "
            "bert=/models/bert-base\n"
            "--grpc-port is -1, allowed is [0, 65535]\n"
            "--log-level is 'loud', allowed is debug, info, warning, error");
}

}  // namespace
}  // namespace attention
