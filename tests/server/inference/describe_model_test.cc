// Proves what clients hear of a model: the inputs that it must have, outputs
// that differ between its two names, limits, and a configuration that agrees
// with all that; and whether it is ready. The numbers are those of catalog.h.
#include "server/inference/describe_model.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/inference/catalog.h"

namespace attention::oip {
namespace {

using ::inference::ModelConfig;
using ::inference::ModelMetadataResponse;
using ::testing::ElementsAre;

ModelMetadataResponse Metadata(const Catalog& catalog,
                               const std::string& name) {
  ::inference::ModelMetadataRequest request;
  request.set_name(name);
  ModelMetadataResponse response;
  const absl::Status status =
      DescribeMetadata(catalog.context(), request, response);
  EXPECT_TRUE(status.ok()) << status;
  return response;
}

ModelConfig Config(const Catalog& catalog, const std::string& name) {
  ::inference::ModelConfigRequest request;
  request.set_name(name);
  ::inference::ModelConfigResponse response;
  const absl::Status status =
      DescribeConfig(catalog.context(), request, response);
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_TRUE(response.has_config());
  return response.config();
}

// "queries FP32 -1,-1,8", one for each tensor.
template <typename Tensors>
std::vector<std::string> Declared(const Tensors& tensors) {
  std::vector<std::string> lines;
  for (const auto& tensor : tensors) {
    lines.push_back(absl::StrCat(tensor.name(), " ", tensor.datatype(), " ",
                                 absl::StrJoin(tensor.shape(), ",")));
  }
  return lines;
}

// The same of a configuration, which leaves out the batch: "queries
// TYPE_FP32 -1,8".
template <typename Tensors>
std::vector<std::string> Configured(const Tensors& tensors) {
  std::vector<std::string> lines;
  for (const auto& tensor : tensors) {
    lines.push_back(absl::StrCat(tensor.name(), " ",
                                 ::inference::DataType_Name(tensor.data_type()),
                                 " ", absl::StrJoin(tensor.dims(), ",")));
  }
  return lines;
}

TEST(DescribeModelTest, SelfAttentionNeedsQueriesAlone) {
  const Catalog catalog;
  const ModelMetadataResponse model = Metadata(catalog, "bert/0");
  EXPECT_EQ(model.name(), "bert/0");
  EXPECT_THAT(model.versions(), ElementsAre("1"));
  EXPECT_EQ(model.platform(), "attention_server");
  EXPECT_THAT(Declared(model.inputs()), ElementsAre("queries FP32 -1,-1,8"));
  EXPECT_THAT(Declared(model.outputs()), ElementsAre("contexts FP32 -1,-1,8"));
  EXPECT_EQ(model.properties().at("optional_inputs"),
            "keys,values,attn_mask,q_lengths,kv_lengths");
}

TEST(DescribeModelTest, TheOtherNameHasWeightsToo) {
  const Catalog catalog;
  const ModelMetadataResponse model = Metadata(catalog, "bert/1@weights");
  EXPECT_EQ(model.name(), "bert/1@weights");
  EXPECT_THAT(Declared(model.inputs()), ElementsAre("queries FP32 -1,-1,8"));
  EXPECT_THAT(
      Declared(model.outputs()),
      ElementsAre("contexts FP32 -1,-1,8", "attn_weights FP32 -1,2,-1,-1"));
}

TEST(DescribeModelTest, OtherWidthsNeedKeysAndValues) {
  const Catalog catalog;
  const ModelMetadataResponse model = Metadata(catalog, "cross");
  EXPECT_THAT(Declared(model.inputs()),
              ElementsAre("queries FP32 -1,-1,8", "keys FP32 -1,-1,6",
                          "values FP32 -1,-1,5"));
  EXPECT_EQ(model.properties().at("optional_inputs"),
            "attn_mask,q_lengths,kv_lengths");
}

TEST(DescribeModelTest, SdpaLeavesItsWidthsToTheRequest) {
  const Catalog catalog;
  const ModelMetadataResponse model = Metadata(catalog, "sdpa@weights");
  EXPECT_THAT(Declared(model.inputs()),
              ElementsAre("queries FP32 -1,-1,-1,-1", "keys FP32 -1,-1,-1,-1",
                          "values FP32 -1,-1,-1,-1"));
  EXPECT_THAT(Declared(model.outputs()),
              ElementsAre("contexts FP32 -1,-1,-1,-1",
                          "attn_weights FP32 -1,-1,-1,-1"));
  EXPECT_FALSE(model.properties().contains("num_heads"));
  EXPECT_EQ(model.properties().at("compute_dtype"), "FP32");
}

TEST(DescribeModelTest, LimitsArePublished) {
  ServerOptions options;
  options.max_sequences = 17;
  options.max_request_bytes = 5000;
  options.max_response_bytes = 6000;
  const Catalog catalog(options);
  const auto properties = Metadata(catalog, "bert/0").properties();
  EXPECT_EQ(properties.at("max_sequences"), "17");
  EXPECT_EQ(properties.at("max_request_bytes"), "5000");
  EXPECT_EQ(properties.at("max_response_bytes"), "6000");
  EXPECT_EQ(properties.at("max_tokens"), "65536");
  EXPECT_EQ(properties.at("num_heads"), "2");
  EXPECT_EQ(properties.at("head_dim"), "4");
  EXPECT_EQ(properties.at("compute_dtype"), "FP32");
  const ModelConfig config = Config(catalog, "bert/0");
  EXPECT_EQ(config.max_batch_size(), 17);
  EXPECT_EQ(config.parameters().size(), properties.size());
  for (const auto& [name, parameter] : config.parameters()) {
    EXPECT_EQ(parameter.string_value(), properties.at(name)) << name;
  }
}

// perf_analyzer ends when it finds a tensor in one that is not in the other,
// and takes the first dimension of the metadata for the batch.
TEST(DescribeModelTest, TheConfigurationIsTheMetadataWithoutTheBatch) {
  const Catalog catalog;
  for (const char* name :
       {"bert/0", "bert/0@weights", "cross", "sdpa", "sdpa@weights"}) {
    const ModelMetadataResponse metadata = Metadata(catalog, name);
    const ModelConfig config = Config(catalog, name);
    EXPECT_EQ(config.name(), name);
    EXPECT_EQ(config.platform(), metadata.platform());
    EXPECT_GT(config.max_batch_size(), 0);
    ASSERT_EQ(config.input_size(), metadata.inputs_size());
    for (int i = 0; i < config.input_size(); ++i) {
      EXPECT_EQ("-1," + absl::StrJoin(config.input(i).dims(), ","),
                absl::StrJoin(metadata.inputs(i).shape(), ","));
      EXPECT_EQ(config.input(i).name(), metadata.inputs(i).name());
    }
    ASSERT_EQ(config.output_size(), metadata.outputs_size());
    for (int i = 0; i < config.output_size(); ++i) {
      EXPECT_EQ("-1," + absl::StrJoin(config.output(i).dims(), ","),
                absl::StrJoin(metadata.outputs(i).shape(), ","));
      EXPECT_EQ(config.output(i).name(), metadata.outputs(i).name());
    }
  }
}

TEST(DescribeModelTest, TheConfigurationSaysHowRequestsAreScheduled) {
  ServerOptions options;
  options.engine.max_queue_requests = 4096;
  const Catalog catalog(options);
  const ModelConfig config = Config(catalog, "bert/0@weights");
  EXPECT_EQ(config.backend(), "attention");
  EXPECT_THAT(Configured(config.input()),
              ElementsAre("queries TYPE_FP32 -1,8"));
  EXPECT_THAT(
      Configured(config.output()),
      ElementsAre("contexts TYPE_FP32 -1,8", "attn_weights TYPE_FP32 2,-1,-1"));
  ASSERT_EQ(config.instance_group_size(), 1);
  EXPECT_EQ(config.instance_group(0).kind(),
            ::inference::ModelInstanceGroup::KIND_CPU);
  EXPECT_EQ(config.instance_group(0).count(), 2);
  ASSERT_TRUE(config.has_dynamic_batching());
  const auto& batching = config.dynamic_batching();
  EXPECT_EQ(batching.max_queue_delay_microseconds(), 0u);
  EXPECT_EQ(batching.priority_levels(), 5u);
  EXPECT_EQ(batching.default_priority_level(), 3u);
  const auto& policy = batching.default_queue_policy();
  EXPECT_EQ(policy.timeout_action(), ::inference::ModelQueuePolicy::REJECT);
  EXPECT_TRUE(policy.allow_timeout_override());
  EXPECT_EQ(policy.max_queue_size(), 4096u);
  ASSERT_TRUE(config.has_model_transaction_policy());
  EXPECT_FALSE(config.model_transaction_policy().decoupled());
}

template <typename Request, typename Response, typename Describe>
void ExpectNotFound(const Catalog& catalog, const std::string& name,
                    const std::string& version, Describe describe) {
  Request request;
  request.set_name(name);
  request.set_version(version);
  Response response;
  const absl::Status status = describe(catalog.context(), request, response);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << name;
  EXPECT_EQ(response.ByteSizeLong(), 0u) << name;
}

TEST(DescribeModelTest, UnknownModelsAndVersionsAreNotFound) {
  const Catalog catalog;
  for (const auto& [name, version] :
       std::vector<std::pair<std::string, std::string>>{
           {"nobody", ""}, {"", ""}, {"bert", ""}, {"bert/0", "2"}}) {
    ExpectNotFound<::inference::ModelMetadataRequest, ModelMetadataResponse>(
        catalog, name, version, DescribeMetadata);
    ExpectNotFound<::inference::ModelConfigRequest,
                   ::inference::ModelConfigResponse>(catalog, name, version,
                                                     DescribeConfig);
    ExpectNotFound<::inference::ModelReadyRequest,
                   ::inference::ModelReadyResponse>(catalog, name, version,
                                                    DescribeReady);
  }
}

bool Ready(const Catalog& catalog, const std::string& name) {
  ::inference::ModelReadyRequest request;
  request.set_name(name);
  request.set_version("1");
  ::inference::ModelReadyResponse response;
  const absl::Status status =
      DescribeReady(catalog.context(), request, response);
  EXPECT_TRUE(status.ok()) << status;
  return response.ready();
}

TEST(DescribeModelTest, ModelsAreReadyWhileTheyCanBeAsked) {
  Catalog catalog;
  EXPECT_TRUE(Ready(catalog, "bert/0"));
  EXPECT_TRUE(Ready(catalog, "bert/0@weights"));
  EXPECT_TRUE(Ready(catalog, "sdpa"));
  ASSERT_TRUE(catalog.context().models.Unload("bert/0").ok());
  EXPECT_FALSE(Ready(catalog, "bert/0"));
  EXPECT_FALSE(Ready(catalog, "bert/0@weights"));
  EXPECT_TRUE(Ready(catalog, "bert/1"));
  catalog.SetReady(false);
  EXPECT_FALSE(Ready(catalog, "bert/1"));
  EXPECT_FALSE(Ready(catalog, "sdpa@weights"));
}

}  // namespace
}  // namespace attention::oip
