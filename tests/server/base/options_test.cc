// Proves that options out of their range are refused, all at once, with the
// flag, the value and what is allowed.
#include "server/base/options.h"

#include <functional>
#include <limits>
#include <optional>
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
  EXPECT_EQ(Complaint([](auto& o) { o.http_port = -1; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.http_port = 65536; }),
            "--http-port is 65536, allowed is [-1, 65535]");
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

TEST(OptionsTest, AModelMayHaveATypeToComputeIn) {
  const auto none = ParseModelSource("bert=/models/bert");
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->compute_dtype, std::nullopt);
  const auto f32 = ParseModelSource("bert=/models/bert,compute_dtype=f32");
  ASSERT_TRUE(f32.ok()) << f32.status();
  EXPECT_EQ(f32->path, "/models/bert");
  EXPECT_EQ(f32->compute_dtype, DType::kF32);
  const auto bf16 = ParseModelSource("b=/a,b=c,d,compute_dtype=bf16");
  ASSERT_TRUE(bf16.ok()) << bf16.status();
  EXPECT_EQ(bf16->name, "b");
  EXPECT_EQ(bf16->path, "/a,b=c,d");
  EXPECT_EQ(bf16->compute_dtype, DType::kBF16);
}

TEST(OptionsTest, OnlyTheWholeSuffixIsNoPartOfAPath) {
  for (const char* path : {"/a,b", "/a,", "/a,compute_dtype", "/a,dtype=bf16",
                           "/a compute_dtype=bf16", "/compute_dtype=bf16"}) {
    const auto source = ParseModelSource(std::string("m=") + path);
    ASSERT_TRUE(source.ok()) << source.status();
    EXPECT_EQ(source->path, path);
    EXPECT_EQ(source->compute_dtype, std::nullopt);
  }
}

TEST(OptionsTest, AnUnknownTypeToComputeInIsRefused) {
  for (const std::string type :
       {"f16", "BF16", "", "bf16 ", "bf16,compute_dtype=bf16"}) {
    const std::string model = "m=/x,compute_dtype=" + type;
    EXPECT_EQ(Complaint([&](auto& o) { o.models = {model}; }),
              "--model is '" + model +
                  "', allowed as its compute_dtype is f32, bf16");
  }
  EXPECT_EQ(Complaint([](auto& o) { o.models = {"m=,compute_dtype=bf16"}; }),
            "--model is 'm=,compute_dtype=bf16', allowed is NAME=PATH, for "
            "example bert=/models/bert-base");
  EXPECT_EQ(Complaint([](auto& o) { o.compute_dtype = "bf16"; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.compute_dtype = "f16"; }),
            "--compute-dtype is 'f16', allowed is f32, bf16");
}

// Or a model would compute in f32 that was meant to compute in bf16.
TEST(OptionsTest, ATypeThatWasCutOffItsModelIsNoModel) {
  EXPECT_EQ(
      Complaint([](auto& o) { o.models = {"m=/x", "compute_dtype=bf16"}; }),
      "--model is 'compute_dtype=bf16', allowed is "
      "NAME=PATH,compute_dtype=bf16 as one value, in a file in quotes");
}

TEST(OptionsTest, PortsMustDiffer) {
  EXPECT_EQ(Complaint([](auto& o) { o.metrics_port = o.grpc_port; }),
            "--grpc-port and --metrics-port are both 8001, they must differ");
  EXPECT_EQ(Complaint([](auto& o) { o.http_port = o.grpc_port; }),
            "--grpc-port and --http-port are both 8001, they must differ");
  EXPECT_EQ(Complaint([](auto& o) { o.http_port = o.metrics_port; }),
            "--http-port and --metrics-port are both 8002, they must differ");
  EXPECT_EQ(Complaint([](auto& o) { o.http_port = o.metrics_port = -1; }), "");
  EXPECT_EQ(Complaint([](auto& o) { o.http_port = o.metrics_port = 0; }), "");
}

TEST(OptionsTest, WhatIsForSomeClientsSaysWhom) {
  for (const char* whom : {"local", "any", "off"}) {
    EXPECT_EQ(Complaint([whom](auto& o) {
                o.shared_memory = o.model_control = whom;
              }),
              "");
  }
  EXPECT_EQ(Complaint([](auto& o) { o.shared_memory = "mine"; }),
            "--shared-memory is 'mine', allowed is local, any, off");
  EXPECT_EQ(Complaint([](auto& o) { o.model_control = "none"; }),
            "--model-control is 'none', allowed is local, any, off");
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
