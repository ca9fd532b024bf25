// Proves which path and which method ask for what; names of models and regions
// may have slashes, and words that end paths.
#include "server/rest/route.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace attention::oip {
namespace {

struct Case {
  std::string path;
  Route route;
};

TEST(RouteTest, EveryPathOfTheProtocol) {
  const std::vector<Case> cases = {
      {"/v2", {Endpoint::kServerMetadata}},
      {"/v2/health/live", {Endpoint::kServerLive}},
      {"/v2/health/ready", {Endpoint::kServerReady}},
      {"/v2/models/bert", {Endpoint::kModelMetadata, "bert"}},
      {"/v2/models/bert/versions/1", {Endpoint::kModelMetadata, "bert", "1"}},
      {"/v2/models/bert/ready", {Endpoint::kModelReady, "bert"}},
      {"/v2/models/bert/config", {Endpoint::kModelConfig, "bert"}},
      {"/v2/models/bert/stats", {Endpoint::kModelStatistics, "bert"}},
      {"/v2/models/stats", {Endpoint::kModelStatistics}},
      {"/v2/models/bert/infer", {Endpoint::kModelInfer, "bert"}},
      {"/v2/models/bert/versions/12/infer",
       {Endpoint::kModelInfer, "bert", "12"}},
      {"/v2/models/bert/generate", {Endpoint::kModelGenerate, "bert"}},
      {"/v2/models/bert/generate_stream", {Endpoint::kModelGenerate, "bert"}},
      {"/v2/models/bert/trace/setting", {Endpoint::kModelTrace, "bert"}},
      {"/v2/trace/setting", {Endpoint::kModelTrace}},
      {"/v2/logging", {Endpoint::kLogSettings}},
      {"/v2/repository/index", {Endpoint::kRepositoryIndex}},
      {"/v2/repository/models/bert/load", {Endpoint::kModelLoad, "bert"}},
      {"/v2/repository/models/bert/unload", {Endpoint::kModelUnload, "bert"}},
      {"/v2/systemsharedmemory/status", {Endpoint::kRegionStatus}},
      {"/v2/systemsharedmemory/unregister", {Endpoint::kRegionUnregister}},
      {"/v2/systemsharedmemory/region/r/status",
       {Endpoint::kRegionStatus, "r"}},
      {"/v2/systemsharedmemory/region/r/register",
       {Endpoint::kRegionRegister, "r"}},
      {"/v2/systemsharedmemory/region/r/unregister",
       {Endpoint::kRegionUnregister, "r"}},
      {"/v2/cudasharedmemory/status", {Endpoint::kCudaStatus}},
      {"/v2/cudasharedmemory/region/r/register",
       {Endpoint::kCudaRegister, "r"}},
      {"/v2/cudasharedmemory/unregister", {Endpoint::kCudaUnregister}},
  };
  for (const Case& a_case : cases) {
    EXPECT_EQ(ParseRoute(a_case.path), a_case.route) << a_case.path;
  }
}

TEST(RouteTest, NamesMayHaveSlashesAndWordsOfPaths) {
  const std::vector<Case> cases = {
      {"/v2/models/minilm/0/infer", {Endpoint::kModelInfer, "minilm/0"}},
      {"/v2/models/minilm/0@weights/versions/1/infer",
       {Endpoint::kModelInfer, "minilm/0@weights", "1"}},
      {"/v2/models/minilm/0", {Endpoint::kModelMetadata, "minilm/0"}},
      {"/v2/models/infer/infer", {Endpoint::kModelInfer, "infer"}},
      {"/v2/models/a/versions/x/infer",
       {Endpoint::kModelInfer, "a/versions/x"}},
      {"/v2/models/a/versions/1/2/infer",
       {Endpoint::kModelInfer, "a/versions/1/2"}},
      {"/v2/models/a/versions/3/versions/1/ready",
       {Endpoint::kModelReady, "a/versions/3", "1"}},
      {"/v2/repository/models/minilm/0/load",
       {Endpoint::kModelLoad, "minilm/0"}},
      {"/v2/systemsharedmemory/region/a/b/register",
       {Endpoint::kRegionRegister, "a/b"}},
  };
  for (const Case& a_case : cases) {
    EXPECT_EQ(ParseRoute(a_case.path), a_case.route) << a_case.path;
  }
}

TEST(RouteTest, ASlashAtTheEndDoesNotMatter) {
  EXPECT_EQ(ParseRoute("/v2/"), (Route{Endpoint::kServerMetadata}));
  EXPECT_EQ(ParseRoute("/v2/health/live/"), (Route{Endpoint::kServerLive}));
  EXPECT_EQ(ParseRoute("/v2/models/minilm/0/"),
            (Route{Endpoint::kModelMetadata, "minilm/0"}));
  EXPECT_EQ(ParseRoute("/v2/models/minilm/0/versions/1/infer/"),
            (Route{Endpoint::kModelInfer, "minilm/0", "1"}));
}

TEST(RouteTest, OtherPathsAreNone) {
  for (const char* path : {"",
                           "/",
                           "/v1",
                           "/v2//",
                           "v2",
                           "/v2/health",
                           "/v2/health/dead",
                           "/v2/models",
                           "/v2/models/",
                           "/v2/models//infer",
                           "/v2/models/versions/1/infer//",
                           "/v2/models/trace/setting/x/",
                           "/v2/repository",
                           "/v2/repository/models/load",
                           "/v2/repository/models//load",
                           "/v2/repository/models/bert",
                           "/v2/repository/r/index",
                           "/v2/systemsharedmemory",
                           "/v2/systemsharedmemory/region//register",
                           "/v2/systemsharedmemory/r/register",
                           "/v2/systemsharedmemoryx/status",
                           "/v2/cudasharedmemory/region/r",
                           "/metrics",
                           "/V2"}) {
    const auto route = ParseRoute(path);
    // What comes after /v2/models/ is a name unless it is empty.
    if (std::string(path).rfind("/v2/models/", 0) == 0 && route.has_value()) {
      EXPECT_EQ(route->endpoint, Endpoint::kModelMetadata) << path;
      continue;
    }
    EXPECT_EQ(route, std::nullopt) << path;
  }
}

TEST(RouteTest, EachEndpointHasItsMethods) {
  EXPECT_TRUE(AllowsMethod(Endpoint::kModelInfer, "POST"));
  EXPECT_FALSE(AllowsMethod(Endpoint::kModelInfer, "GET"));
  EXPECT_FALSE(AllowsMethod(Endpoint::kModelInfer, "HEAD"));
  EXPECT_TRUE(AllowsMethod(Endpoint::kModelMetadata, "GET"));
  EXPECT_TRUE(AllowsMethod(Endpoint::kModelMetadata, "HEAD"));
  EXPECT_FALSE(AllowsMethod(Endpoint::kModelMetadata, "POST"));
  EXPECT_FALSE(AllowsMethod(Endpoint::kModelMetadata, "get"));
  EXPECT_TRUE(AllowsMethod(Endpoint::kLogSettings, "GET"));
  EXPECT_TRUE(AllowsMethod(Endpoint::kLogSettings, "POST"));
  EXPECT_FALSE(AllowsMethod(Endpoint::kLogSettings, "DELETE"));
  EXPECT_FALSE(AllowsMethod(Endpoint::kLogSettings, ""));
}

}  // namespace
}  // namespace attention::oip
