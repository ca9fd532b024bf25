// Proves that the index has each model under both its names with what became
// of it, and that clients load and unload by either name, in Triton's words or
// KServe's, but cannot send a configuration or files.
#include "server/inference/repository.h"

#include <future>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/inference/catalog.h"

namespace attention::oip {
namespace {

using ::inference::RepositoryModelLoadRequest;
using ::inference::RepositoryModelUnloadRequest;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;

constexpr char kHere[] = "127.0.0.1";

// "bert/0 1 READY", with ": REASON" where there is one.
std::vector<std::string> Index(const Catalog& catalog, bool ready = false) {
  ::inference::RepositoryIndexRequest request;
  request.set_ready(ready);
  ::inference::RepositoryIndexResponse response;
  DescribeRepository(catalog.context(), request, response);
  std::vector<std::string> lines;
  for (const auto& model : response.models()) {
    lines.push_back(
        absl::StrCat(model.name(), " ", model.version(), " ", model.state(),
                     model.reason().empty() ? "" : ": ", model.reason()));
  }
  return lines;
}

RepositoryModelLoadRequest LoadRequest(const std::string& name) {
  RepositoryModelLoadRequest request;
  request.set_model_name(name);
  return request;
}

absl::Status Load(const Catalog& catalog,
                  const RepositoryModelLoadRequest& request) {
  std::promise<absl::Status> loaded;
  LoadModel(catalog.context(), kHere, request,
            [&](absl::Status status) { loaded.set_value(std::move(status)); });
  return loaded.get_future().get();
}

absl::Status Unload(const Catalog& catalog, const std::string& name) {
  RepositoryModelUnloadRequest request;
  request.set_model_name(name);
  return UnloadModel(catalog.context(), kHere, request);
}

TEST(RepositoryTest, EveryModelIsThereUnderBothNames) {
  const Catalog catalog;
  const auto all = {"sdpa 1 READY",   "sdpa@weights 1 READY",
                    "bert/0 1 READY", "bert/0@weights 1 READY",
                    "bert/1 1 READY", "bert/1@weights 1 READY",
                    "cross 1 READY",  "cross@weights 1 READY"};
  EXPECT_THAT(Index(catalog), ElementsAreArray(all));
  EXPECT_THAT(Index(catalog, true), ElementsAreArray(all));
}

TEST(RepositoryTest, WhatWasUnloadedIsListedWithTheReason) {
  const Catalog catalog;
  ASSERT_TRUE(Unload(catalog, "bert/1").ok());
  EXPECT_THAT(Index(catalog),
              IsSupersetOf({"bert/0 1 READY", "bert/1 1 UNAVAILABLE: unloaded",
                            "bert/1@weights 1 UNAVAILABLE: unloaded"}));
  EXPECT_THAT(Index(catalog, true),
              ElementsAre("sdpa 1 READY", "sdpa@weights 1 READY",
                          "bert/0 1 READY", "bert/0@weights 1 READY",
                          "cross 1 READY", "cross@weights 1 READY"));
}

TEST(RepositoryTest, WhatIsBeingLoadedIsListedAsLoading) {
  Catalog catalog;
  ASSERT_TRUE(Unload(catalog, "cross").ok());
  std::promise<void> reading;
  std::promise<void> go_on;
  catalog.BeforeRead([&] {
    reading.set_value();
    go_on.get_future().wait();
    return absl::OkStatus();
  });
  std::promise<absl::Status> loaded;
  LoadModel(catalog.context(), kHere, LoadRequest("cross"),
            [&](absl::Status status) { loaded.set_value(std::move(status)); });
  reading.get_future().wait();
  EXPECT_THAT(Index(catalog),
              IsSupersetOf({"cross 1 LOADING", "cross@weights 1 LOADING"}));
  EXPECT_EQ(Index(catalog, true).size(), 6u);
  go_on.set_value();
  EXPECT_TRUE(loaded.get_future().get().ok());
  EXPECT_THAT(Index(catalog), IsSupersetOf({"cross 1 READY"}));
}

TEST(RepositoryTest, BothNamesOfAModelAreOneModel) {
  const Catalog catalog;
  EXPECT_TRUE(Unload(catalog, "bert/0@weights").ok());
  EXPECT_EQ(Unload(catalog, "bert/0").code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(Load(catalog, LoadRequest("bert/0@weights")).ok());
  EXPECT_THAT(Index(catalog), IsSupersetOf({"bert/0 1 READY"}));
}

TEST(RepositoryTest, AllLayersOfAnOriginGoByItsName) {
  const Catalog catalog;
  EXPECT_TRUE(Unload(catalog, "bert").ok());
  EXPECT_EQ(Index(catalog, true).size(), 4u);
  EXPECT_TRUE(Load(catalog, LoadRequest("bert")).ok());
  EXPECT_EQ(Index(catalog, true).size(), 8u);
}

// KServe's messages have the model where Triton's have the repository.
TEST(RepositoryTest, KServeSendsTheModelInTheFirstField) {
  const Catalog catalog;
  RepositoryModelUnloadRequest unload;
  unload.set_repository_name("cross");
  EXPECT_TRUE(UnloadModel(catalog.context(), kHere, unload).ok());
  EXPECT_EQ(Index(catalog, true).size(), 6u);
  RepositoryModelLoadRequest load;
  load.set_repository_name("cross");
  EXPECT_TRUE(Load(catalog, load).ok());
  EXPECT_EQ(Index(catalog, true).size(), 8u);
}

TEST(RepositoryTest, ARequestNeedsAName) {
  const Catalog catalog;
  const absl::Status expected = absl::InvalidArgumentError(
      "model_name: empty, name a model of the repository index");
  EXPECT_EQ(Load(catalog, {}), expected);
  EXPECT_EQ(UnloadModel(catalog.context(), kHere, {}), expected);
}

TEST(RepositoryTest, ConfigurationsAndFilesAreRefused) {
  const Catalog catalog;
  for (const char* name : {"config", "file:1/model.safetensors"}) {
    RepositoryModelLoadRequest request = LoadRequest("cross");
    (*request.mutable_parameters())[name].set_string_param("{}");
    const absl::Status status = Load(catalog, request);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(name));
  }
}

// Whether there is such a model or not.
TEST(RepositoryTest, ClientsElsewhereMayOnlyLook) {
  constexpr char kElsewhere[] = "10.0.0.1";
  const Catalog catalog;
  for (const char* name : {"cross", "nobody", ""}) {
    RepositoryModelUnloadRequest unload;
    unload.set_model_name(name);
    EXPECT_EQ(UnloadModel(catalog.context(), kElsewhere, unload),
              absl::PermissionDeniedError(
                  "unloading models: only for clients on the server's machine, "
                  "not from 10.0.0.1; --model-control any lets them"));
    absl::Status loaded;
    LoadModel(catalog.context(), kElsewhere, LoadRequest(name),
              [&](absl::Status status) { loaded = std::move(status); });
    EXPECT_EQ(loaded.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(loaded.message(), HasSubstr("loading models: only for"));
  }
  EXPECT_EQ(Index(catalog, true).size(), 8u);

  ServerOptions options;
  options.model_control = "any";
  const Catalog open(options);
  RepositoryModelUnloadRequest unload;
  unload.set_model_name("cross");
  EXPECT_TRUE(UnloadModel(open.context(), kElsewhere, unload).ok());
}

TEST(RepositoryTest, NothingDependsOnAModel) {
  const Catalog catalog;
  RepositoryModelUnloadRequest request;
  request.set_model_name("cross");
  (*request.mutable_parameters())["unload_dependents"].set_bool_param(true);
  EXPECT_TRUE(UnloadModel(catalog.context(), kHere, request).ok());
}

TEST(RepositoryTest, TheStoreSaysWhatCannotBeLoadedOrUnloaded) {
  Catalog catalog;
  EXPECT_EQ(Load(catalog, LoadRequest("nobody")).code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Unload(catalog, "nobody").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Unload(catalog, "sdpa@weights").code(),
            absl::StatusCode::kFailedPrecondition);
  catalog.BeforeRead([] { return absl::InvalidArgumentError("/y: torn"); });
  EXPECT_EQ(Load(catalog, LoadRequest("cross")),
            absl::InvalidArgumentError("--model cross=/y: /y: torn"));
  EXPECT_THAT(Index(catalog), IsSupersetOf({"cross 1 READY"}));
}

}  // namespace
}  // namespace attention::oip
