// Proves what is answered to each path without sockets: as Triton answers it,
// with numbers where its clients expect numbers.
#include "server/rest/rest_service.h"

#include <optional>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/inference/catalog.h"
#include "tests/server/rest/rest_requests.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RestServiceTest : public ::testing::Test {
 protected:
  RestAnswer Get(const std::string& path) {
    return Ask(service_, MakeHttpRequest("GET", path));
  }
  RestAnswer Post(const std::string& path, const std::string& body = "") {
    return Ask(service_, MakeHttpRequest("POST", path, body));
  }
  void ExpectError(const RestAnswer& answer, int status,
                   const std::string& text) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_THAT(answer.Error(), HasSubstr(text));
    EXPECT_EQ(answer.Header("Content-Type"), "application/json");
  }

  Catalog catalog_;
  RestService service_{catalog_.context()};
};

TEST_F(RestServiceTest, ServerMetadata) {
  const RestAnswer answer = Get("/v2");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.Header("Content-Type"), "application/json");
  EXPECT_TRUE(answer.Json()["name"].is_string());
  EXPECT_TRUE(answer.Json()["version"].is_string());
  EXPECT_TRUE(answer.Json()["extensions"].is_array());
}

TEST_F(RestServiceTest, Health) {
  EXPECT_EQ(Get("/v2/health/live").body, R"({"live":true})");
  EXPECT_EQ(Get("/v2/health/ready").body, R"({"ready":true})");
  EXPECT_EQ(Get("/v2/models/bert/0/ready").body,
            R"({"name":"bert/0","ready":true})");
  EXPECT_EQ(Get("/v2/models/bert/0/versions/1/ready").status, 200);

  catalog_.SetReady(false);

  EXPECT_EQ(Get("/v2/health/live").status, 200);
  ExpectError(Get("/v2/health/ready"), 400, "Server not ready");
  ExpectError(Get("/v2/models/bert/0/ready"), 400, "Model version not ready");
}

TEST_F(RestServiceTest, ModelMetadata) {
  const auto json = Get("/v2/models/bert/0@weights").Json();
  EXPECT_EQ(json["name"], "bert/0@weights");
  EXPECT_EQ(json["versions"].dump(), R"(["1"])");
  ASSERT_EQ(json["inputs"].size(), 1U);
  EXPECT_EQ(json["inputs"][0]["name"], "queries");
  EXPECT_EQ(json["inputs"][0]["datatype"], "FP32");
  EXPECT_EQ(json["inputs"][0]["shape"].dump(), "[-1,-1,8]");
  EXPECT_EQ(json["outputs"].size(), 2U);
}

TEST_F(RestServiceTest, ModelConfigHasNothingAroundIt) {
  const auto json = Get("/v2/models/bert/0/versions/1/config").Json();
  EXPECT_EQ(json["name"], "bert/0");
  EXPECT_TRUE(json["max_batch_size"].is_number());
  EXPECT_EQ(json["input"][0]["data_type"], "TYPE_FP32");
  EXPECT_TRUE(json["input"][0]["dims"][0].is_number());
}

TEST_F(RestServiceTest, ModelStatisticsAreNumbers) {
  const auto one = Get("/v2/models/bert/0/stats").Json();
  ASSERT_EQ(one["model_stats"].size(), 1U);
  const auto& model = one["model_stats"][0];
  EXPECT_EQ(model["name"], "bert/0");
  EXPECT_EQ(model["inference_count"], 0);
  EXPECT_EQ(model["inference_stats"]["queue"]["count"], 0);
  EXPECT_EQ(model["inference_stats"]["success"]["ns"], 0);
  EXPECT_GT(Get("/v2/models/stats").Json()["model_stats"].size(), 1U);
}

TEST_F(RestServiceTest, UnknownModelsAreNotFound) {
  const std::string why =
      "model \"no/0\" is not loaded; there are sdpa, bert/0, bert/1, "
      "... (4 in all)";
  for (const char* path : {"/v2/models/no/0", "/v2/models/no/0/ready",
                           "/v2/models/no/0/config", "/v2/models/no/0/stats"}) {
    ExpectError(Get(path), 404, why);
  }
  ExpectError(Post("/v2/models/no/0/infer", R"({"inputs":[]})"), 404, why);
  ExpectError(Get("/v2/models/bert/0/versions/2"), 404,
              "model bert/0 has no version \"2\"; ask for \"1\"");
}

TEST_F(RestServiceTest, OtherPathsAndMethodsAreRefused) {
  ExpectError(Get("/v3"), 404, "Not Found: there is no \"/v3\"");
  ExpectError(Get("/v2/models/\xff"), 400, "path: is not UTF-8");
  // U+FFFD is a character like any other.
  ExpectError(Get("/v2/models/\xef\xbf\xbd"), 404, "is not loaded");
  const RestAnswer get = Get("/v2/models/bert/0/infer");
  ExpectError(get, 405, "Method Not Allowed: \"GET\", allowed: POST");
  EXPECT_EQ(get.Header("Allow"), "POST");
  const RestAnswer post = Post("/v2/models/bert/0");
  ExpectError(post, 405, "Method Not Allowed: \"POST\", allowed: GET, HEAD");
  EXPECT_EQ(post.Header("Allow"), "GET, HEAD");
  ExpectError(Post("/v2/models/bert/0/generate"), 501, "does not generate");
  ExpectError(Get("/v2/trace/setting"), 501, "keeps no traces");
  ExpectError(Post("/v2/models/bert/0/trace/setting"), 501, "keeps no traces");
}

TEST_F(RestServiceTest, TheRepositoryIsAList) {
  const auto all = Post("/v2/repository/index").Json();
  ASSERT_TRUE(all.is_array());
  EXPECT_EQ(all[0]["name"], "sdpa");
  EXPECT_EQ(all[0]["state"], "READY");
  const std::size_t count = all.size();

  EXPECT_EQ(Post("/v2/repository/models/bert/0/unload",
                 R"({"parameters":{"unload_dependents":false}})")
                .status,
            200);
  EXPECT_LT(Post("/v2/repository/index", R"({"ready":true})").Json().size(),
            count);
  EXPECT_EQ(Post("/v2/models/bert/0/infer", R"({"inputs":[]})").status, 404);
  const RestAnswer loaded = Post("/v2/repository/models/bert/0/load", "{}");
  EXPECT_EQ(loaded.status, 200);
  EXPECT_THAT(loaded.body, IsEmpty());
  EXPECT_EQ(Get("/v2/models/bert/0/ready").status, 200);

  ExpectError(Post("/v2/repository/index", R"({"ready":1})"), 400,
              "Unable to parse 'ready', it must be true or false");
  ExpectError(Post("/v2/repository/index", "{"), 400, "is not valid");
  EXPECT_EQ(Post("/v2/repository/models/no/load").status, 404);
  EXPECT_EQ(Post("/v2/repository/models/no/unload").status, 404);
  EXPECT_EQ(Post("/v2/repository/models/bert/load",
                 R"({"parameters":{"config":"{}"}})")
                .status,
            400);
  ExpectError(Post("/v2/repository/models/bert/load", R"({"parameters":1})"),
              400, "Unable to parse 'parameters'");
}

TEST_F(RestServiceTest, SharedMemoryIsRegisteredAndListed) {
  const ShmObject object(4096);
  const std::string path = "/v2/systemsharedmemory/region/r/x/register";
  const std::string body =
      R"({"key":")" + object.key() + R"(","offset":64,"byte_size":128})";

  const RestAnswer registered = Post(path, body);
  EXPECT_EQ(registered.status, 200) << registered.body;
  EXPECT_THAT(registered.body, IsEmpty());
  ExpectError(Post(path, body), 400, "is registered already");
  const std::string listed = R"([{"byte_size":128,"key":")" + object.key() +
                             R"(","name":"r/x","offset":64}])";
  EXPECT_EQ(Get("/v2/systemsharedmemory/status").Json().dump(), listed);
  EXPECT_EQ(Get("/v2/systemsharedmemory/region/r/x/status").Json().dump(),
            listed);
  EXPECT_EQ(Get("/v2/systemsharedmemory/region/no/status").status, 404);
  EXPECT_EQ(Post("/v2/systemsharedmemory/region/no/unregister").status, 200);
  EXPECT_EQ(Post("/v2/systemsharedmemory/region/r/x/unregister").status, 200);
  EXPECT_EQ(Get("/v2/systemsharedmemory/status").body, "[]");
  EXPECT_EQ(Post("/v2/systemsharedmemory/unregister").status, 200);
}

TEST_F(RestServiceTest, BadRegionsAreToldWhy) {
  const std::string path = "/v2/systemsharedmemory/region/r/register";
  ExpectError(Post(path), 400,
              "Shared memory register request has no 'key' field");
  ExpectError(Post(path, R"({"key":"/a"})"), 400,
              "Shared memory register request has no 'byte_size' field");
  ExpectError(Post(path, R"({"key":1,"byte_size":1})"), 400,
              "Unable to parse 'key', it must be a string");
  ExpectError(Post(path, R"({"key":"/a","byte_size":-1})"), 400,
              "Unable to parse 'byte_size', it must be a whole number");
  ExpectError(Post(path, R"({"key":"/a","byte_size":1,"offset":"1"})"), 400,
              "Unable to parse 'offset'");
  ExpectError(Post(path, R"({"key":"../a","byte_size":1})"), 400,
              "its key must be a slash");
  ExpectError(
      Post("/v2/systemsharedmemory/register", R"({"key":"/a","byte_size":1})"),
      400, "its name has 0 bytes");
}

TEST_F(RestServiceTest, ClientsElsewhereMayOnlyLookAtModelsAndTheLog) {
  const auto ask = [this](const char* method, const char* path,
                          const char* body) {
    const auto request = MakeHttpRequest(method, path, body);
    request->peer = "10.0.0.1";
    return Ask(service_, request);
  };
  const std::string why =
      ": only for clients on the server's machine, not "
      "from 10.0.0.1; --model-control any lets them";
  ExpectError(ask("POST", "/v2/repository/models/bert/unload", "{}"), 403,
              "unloading models" + why);
  ExpectError(ask("POST", "/v2/repository/models/bert/load", "{}"), 403,
              "loading models" + why);
  ExpectError(ask("POST", "/v2/logging", R"({"log_info":true})"), 403,
              "changing the log" + why);
  EXPECT_EQ(ask("POST", "/v2/repository/index", "{}").status, 200);
  EXPECT_EQ(ask("GET", "/v2/logging", "").status, 200);
}

TEST_F(RestServiceTest, ClientsElsewhereHaveNoSharedMemory) {
  const std::string memory = "/v2/systemsharedmemory";
  const std::string infer = R"({"inputs":[{"name":"queries","datatype":"FP32",
      "shape":[1,1,8],"parameters":{"shared_memory_region":"nobody",
      "shared_memory_byte_size":32}}]})";
  for (const auto& request :
       {MakeHttpRequest("POST", memory + "/region/r/register",
                        R"({"key":"/a","byte_size":1})"),
        MakeHttpRequest("POST", memory + "/unregister"),
        MakeHttpRequest("GET", memory + "/status"),
        MakeHttpRequest("GET", memory + "/region/nobody/status"),
        MakeHttpRequest("POST", "/v2/models/bert/0/infer", infer)}) {
    request->peer = "10.0.0.1";
    ExpectError(Ask(service_, request), 403,
                "shared memory: only for clients on the server's machine");
  }
}

TEST_F(RestServiceTest, ThereIsNoCudaSharedMemory) {
  const std::string why = "this server computes on CPUs";
  ExpectError(Get("/v2/cudasharedmemory/status"), 501, why);
  EXPECT_EQ(Post("/v2/cudasharedmemory/unregister").status, 200);
  ExpectError(Post("/v2/cudasharedmemory/region/r/register", "{}"), 501, why);
}

TEST_F(RestServiceTest, LogSettingsAreFlat) {
  const auto before = Get("/v2/logging").Json();
  EXPECT_TRUE(before["log_info"].is_boolean());
  EXPECT_TRUE(before["log_verbose_level"].is_number());
  EXPECT_TRUE(before["log_format"].is_string());

  const auto after =
      Post("/v2/logging", R"({"log_verbose_level":1,"log_file":null})").Json();
  EXPECT_EQ(after["log_verbose_level"], 1);
  EXPECT_EQ(Post("/v2/logging", before.dump()).Json(), before);

  ExpectError(Post("/v2/logging", R"({"log_info":[]})"), 400,
              "\"log_info\": must be true, false, a string or a number");
  ExpectError(Post("/v2/logging", R"({"log_verbose_level":4294967296})"), 400,
              "\"log_verbose_level\": must be");
  EXPECT_EQ(Post("/v2/logging", R"({"nothing":true})").status, 400);
}

TEST_F(RestServiceTest, ARequestIsOpenUntilItsAnswerIsSent) {
  const OpenRequests& open = catalog_.context().service.open_requests;
  std::optional<http::Response> sending;
  service_.Handle(MakeHttpRequest("GET", "/v2"),
                  [&](http::Response answer) { sending = std::move(answer); });

  ASSERT_TRUE(sending.has_value());
  EXPECT_EQ(open.count(), 1);
  sending.reset();
  EXPECT_EQ(open.count(), 0);
}

}  // namespace
}  // namespace attention::oip
