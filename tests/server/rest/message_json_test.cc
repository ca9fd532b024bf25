// Proves the shape of messages as JSON: every kind of field, with the defaults
// and the numbers that HTTP clients of Triton expect.
#include "server/rest/message_json.h"

#include "gtest/gtest.h"
#include "inference/grpc_service.pb.h"

namespace attention::oip {
namespace {

TEST(MessageJsonTest, FieldsHaveTheirDefaults) {
  EXPECT_EQ(ToJson(::inference::ModelMetadataResponse()).dump(),
            R"({"name":"","versions":[],"platform":"","inputs":[],)"
            R"("outputs":[],"properties":{}})");
}

TEST(MessageJsonTest, NumbersOf64BitsAreNumbers) {
  ::inference::ModelMetadataResponse metadata;
  auto& input = *metadata.add_inputs();
  input.set_name("queries");
  input.set_datatype("FP32");
  input.add_shape(-1);
  input.add_shape(9007199254740993);
  (*metadata.mutable_properties())["a"] = "b";

  const Json json = ToJson(metadata);

  EXPECT_EQ(json["inputs"].dump(), R"([{"name":"queries","datatype":"FP32",)"
                                   R"("shape":[-1,9007199254740993]}])");
  EXPECT_EQ(json["properties"].dump(), R"({"a":"b"})");
}

TEST(MessageJsonTest, StatisticsAreNumbersOfMessagesThatAreSet) {
  ::inference::ModelStatisticsResponse statistics;
  auto& model = *statistics.add_model_stats();
  model.set_name("m");
  model.set_last_inference(18446744073709551615ULL);
  model.mutable_inference_stats()->mutable_success()->set_ns(7);

  EXPECT_EQ(ToJson(statistics).dump(),
            R"({"model_stats":[{"name":"m","version":"",)"
            R"("last_inference":18446744073709551615,"inference_count":0,)"
            R"("execution_count":0,"inference_stats":)"
            R"({"success":{"count":0,"ns":7}},"batch_stats":[],)"
            R"("memory_usage":[]}]})");
}

TEST(MessageJsonTest, EnumsAreTheirNames) {
  ::inference::ModelConfig config;
  auto& input = *config.add_input();
  input.set_data_type(::inference::TYPE_FP32);
  input.add_dims(384);
  config.set_max_batch_size(8);
  config.mutable_dynamic_batching();

  const Json json = ToJson(config);

  EXPECT_EQ(json["input"][0]["data_type"], "TYPE_FP32");
  EXPECT_EQ(json["input"][0]["dims"].dump(), "[384]");
  EXPECT_EQ(json["max_batch_size"], 8);
  EXPECT_TRUE(json.contains("dynamic_batching"));
  EXPECT_FALSE(json.contains("model_transaction_policy"));
}

TEST(MessageJsonTest, OfAOneofOnlyWhatIsSet) {
  ::inference::LogSettingsResponse settings;
  (*settings.mutable_settings())["a"].set_bool_param(false);
  EXPECT_EQ(ToJson(settings).dump(),
            R"({"settings":{"a":{"bool_param":false}}})");
}

}  // namespace
}  // namespace attention::oip
