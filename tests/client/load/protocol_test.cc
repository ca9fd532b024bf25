// Proves of each protocol that its methods are those of the service, that ids
// reach the message, that whole answers are read on both ways, and that every
// error is counted as what it is.
#include "client/load/protocol.h"

#include <grpcpp/support/slice.h>
#include <grpcpp/support/status_code_enum.h>

#include <string>

#include "attention/v1/attention.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/grpc_service.grpc.pb.h"

namespace attention::load {
namespace {

using ::testing::ElementsAre;

grpc::ByteBuffer Buffer(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return {&slice, 1};
}

std::string Bytes(const std::vector<MessagePiece>& pieces) {
  std::string bytes;
  for (const MessagePiece& piece : pieces) {
    bytes.append(reinterpret_cast<const char*>(piece.bytes.data()),
                 piece.bytes.size());
  }
  return bytes;
}

TEST(ProtocolTest, EachIsFoundByItsName) {
  EXPECT_THAT(ProtocolNames(), ElementsAre("typed", "oip"));
  EXPECT_EQ(FindProtocol("typed"), &TypedProtocol());
  EXPECT_EQ(FindProtocol("oip"), &OpenInferenceProtocol());
  EXPECT_EQ(FindProtocol("rest"), nullptr);
}

TEST(ProtocolTest, MethodsAreThoseOfTheServices) {
  const std::string typed = v1::AttentionService::service_full_name();
  EXPECT_EQ(TypedProtocol().Method(Way::kUnary), "/" + typed + "/Attend");
  EXPECT_EQ(TypedProtocol().Method(Way::kStream),
            "/" + typed + "/AttendStream");
  const std::string oip =
      ::inference::GRPCInferenceService::service_full_name();
  EXPECT_EQ(OpenInferenceProtocol().Method(Way::kUnary),
            "/" + oip + "/ModelInfer");
  EXPECT_EQ(OpenInferenceProtocol().Method(Way::kStream),
            "/" + oip + "/ModelStreamInfer");
}

TEST(ProtocolTest, AnIdMayFollowItsMessage) {
  const AttendCall call{
      .model = "minilm/0", .queries = Tensor::Own({1, 1, 1}, {1}), .id = "old"};
  v1::AttendRequest typed;
  ASSERT_TRUE(typed.ParseFromString(Bytes(*TypedProtocol().Serialize(call)) +
                                    TypedProtocol().SerializeId("12")));
  EXPECT_EQ(typed.id(), "12");
  EXPECT_EQ(typed.model(), "minilm/0");
  ::inference::ModelInferRequest oip;
  ASSERT_TRUE(
      oip.ParseFromString(Bytes(*OpenInferenceProtocol().Serialize(call)) +
                          OpenInferenceProtocol().SerializeId("12")));
  EXPECT_EQ(oip.id(), "12");
  EXPECT_EQ(oip.model_name(), "minilm/0");
  EXPECT_EQ(oip.raw_input_contents_size(), 1);
}

TEST(ProtocolTest, ReadsItsAnswersOnBothWays) {
  v1::AttendResponse typed;
  typed.set_id("7");
  typed.mutable_contexts()->set_dtype(v1::DTYPE_F32);
  typed.mutable_contexts()->add_shape(2);
  typed.mutable_contexts()->set_data(std::string(8, 'c'));
  v1::AttendStreamResponse typed_streamed;
  *typed_streamed.mutable_response() = typed;

  ::inference::ModelInferResponse oip;
  oip.set_id("7");
  auto* output = oip.add_outputs();
  output->set_name("contexts");
  output->set_datatype("FP32");
  output->add_shape(2);
  oip.add_raw_output_contents(std::string(8, 'c'));
  ::inference::ModelStreamInferResponse oip_streamed;
  *oip_streamed.mutable_infer_response() = oip;

  struct Case {
    const Protocol& protocol;
    Way way;
    const google::protobuf::Message& answer;
  };
  for (const Case& read :
       {Case{TypedProtocol(), Way::kUnary, typed},
        Case{TypedProtocol(), Way::kStream, typed_streamed},
        Case{OpenInferenceProtocol(), Way::kUnary, oip},
        Case{OpenInferenceProtocol(), Way::kStream, oip_streamed}}) {
    SCOPED_TRACE(read.protocol.Method(read.way));
    grpc::ByteBuffer bytes = Buffer(read.answer);
    const auto header = read.protocol.ReadHeader(bytes, read.way);
    ASSERT_TRUE(header.has_value());
    EXPECT_EQ(header->id, "7");
    EXPECT_EQ(header->contexts_bytes, 8);
    EXPECT_FALSE(header->is_error);
    const auto result = read.protocol.Parse(bytes, read.way);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(result->id, "7");
    EXPECT_THAT(result->contexts.shape, ElementsAre(2));
  }
}

TEST(ProtocolTest, BytesThatAreNoAnswerAreSaidToBeNone) {
  const grpc::Slice slice("\xff\xff\xff");
  grpc::ByteBuffer bytes(&slice, 1);
  for (const Protocol* protocol :
       {&TypedProtocol(), &OpenInferenceProtocol()}) {
    for (const Way way : {Way::kUnary, Way::kStream}) {
      EXPECT_FALSE(protocol->ReadHeader(bytes, way).has_value());
      EXPECT_EQ(protocol->Parse(bytes, way).status().code(),
                absl::StatusCode::kInternal);
    }
  }
}

TEST(ProtocolTest, CodesMeanTheSameInBoth) {
  for (const Protocol* protocol :
       {&TypedProtocol(), &OpenInferenceProtocol()}) {
    EXPECT_EQ(protocol->EndingOf(grpc::StatusCode::OK, ""), Ending::kAnswered);
    EXPECT_EQ(protocol->EndingOf(grpc::StatusCode::DEADLINE_EXCEEDED, ""),
              Ending::kExpired);
    EXPECT_EQ(protocol->EndingOf(grpc::StatusCode::INVALID_ARGUMENT,
                                 "try again later"),
              Ending::kFailed);
    EXPECT_EQ(protocol->EndingOf(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                 "Received message larger than max (9 vs. 8)"),
              Ending::kFailed);
  }
  EXPECT_EQ(TypedProtocol().EndingOf(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                     "queue: 8 requests wait"),
            Ending::kRefused);
  EXPECT_EQ(TypedProtocol().EndingOf(grpc::StatusCode::UNAVAILABLE,
                                     "the server is stopping"),
            Ending::kFailed);
}

// The texts are those of server/inference and core/engine, and of gRPC where a
// connection is lost.
TEST(ProtocolTest, UnavailableIsToldApartByItsText) {
  const struct {
    const char* text;
    Ending ending;
  } cases[] = {
      {"queue: 8 requests wait, the limit is 8; try again later",
       Ending::kRefused},
      {"queue: 900 tokens wait and the request has 200, the limit is 1000; try "
       "again later",
       Ending::kRefused},
      {"memory: requests and answers under way hold 9 bytes and this one takes "
       "2 more, the limit is 10 (--max-inflight-bytes); try again later",
       Ending::kRefused},
      {"the server has no memory left for the request; send less at once or "
       "lower --max-batch-bytes",
       Ending::kRefused},
      {"Request timeout expired: it was not done within its timeout of 5000 "
       "microseconds; allow more time or send less at once",
       Ending::kExpired},
      {"the server is stopping; send the request to another one",
       Ending::kFailed},
      {"failed to connect to all addresses", Ending::kFailed},
      {"queries: embed_dim is 512, model minilm/0 takes 384", Ending::kFailed},
  };
  for (const auto& [text, ending] : cases) {
    for (const int code : {int{grpc::StatusCode::UNAVAILABLE}, kNoCode}) {
      EXPECT_EQ(OpenInferenceProtocol().EndingOf(code, text), ending) << text;
    }
  }
}

}  // namespace
}  // namespace attention::load
