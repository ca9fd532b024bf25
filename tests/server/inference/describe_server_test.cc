// Proves that the server says its version, and names the extensions that work.
#include "server/inference/describe_server.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/base/version.h"
#include "tests/server/inference/catalog.h"

namespace attention::oip {
namespace {

using ::testing::Contains;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

::inference::ServerMetadataResponse Describe(const ServerOptions& options) {
  const Catalog catalog(options);
  ::inference::ServerMetadataResponse response;
  DescribeServerMetadata(catalog.context(), response);
  return response;
}

// perf_analyzer looks for "statistics" and switches on what it shows of them.
TEST(DescribeServerTest, NamesWhatWorks) {
  const auto server = Describe({});
  EXPECT_EQ(server.name(), "attention-server");
  EXPECT_EQ(server.version(), kVersion);
  EXPECT_THAT(server.extensions(),
              UnorderedElementsAre("model_repository", "schedule_policy",
                                   "model_configuration",
                                   "system_shared_memory", "binary_tensor_data",
                                   "parameters", "statistics", "logging"));
}

TEST(DescribeServerTest, SharedMemoryIsAnExtensionUnlessItIsOff) {
  ServerOptions options;
  options.shared_memory = "any";
  EXPECT_THAT(Describe(options).extensions(), Contains("system_shared_memory"));
  options.shared_memory = "off";
  EXPECT_THAT(Describe(options).extensions(),
              Not(Contains("system_shared_memory")));
}

}  // namespace
}  // namespace attention::oip
