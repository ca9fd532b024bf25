// Proves that a request is read as its generated class reads it, however the
// network has cut it, that its tensors stay where they arrived, and that no
// bytes make it take more memory than they are worth.
#include "server/inference/infer_message.h"

#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/stubs/logging.h"
#include "grpcpp/support/slice.h"
#include "gtest/gtest.h"
#include "server/inference/message_parts.h"
#include "server/request/message_pieces.h"
#include "tests/support/infer_requests.h"

namespace attention::oip {
namespace {

using ::inference::ModelInferRequest;
using ::inference::ModelInferRequest_InferInputTensor;
using ::testing::HasSubstr;

// Tag of raw_input_contents: field 7, bytes.
constexpr char kRawTag = 7 << 3 | 2;

grpc::ByteBuffer OneSlice(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<InferMessage> Read(const std::string& bytes) {
  grpc::ByteBuffer buffer = OneSlice(bytes);
  return ReadInferMessage(&buffer);
}

std::string BytesOf(const RawContents& raw) {
  std::string bytes(static_cast<std::size_t>(raw.bytes), '\0');
  auto* const to = reinterpret_cast<std::byte*>(bytes.data());
  if (raw.fragments != nullptr) {
    EXPECT_EQ(raw.fragments->size(), raw.bytes);
    raw.fragments->Copy(0, raw.bytes, to);
  } else if (raw.bytes > 0) {
    std::memcpy(to, raw.data, bytes.size());
  }
  return bytes;
}

void ExpectRefused(const std::string& bytes, const std::string& message) {
  const auto read = Read(bytes);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(read.status().message()), HasSubstr(message));
}

void ExpectBroken(const std::string& bytes) {
  EXPECT_FALSE(ModelInferRequest().ParseFromString(bytes));
  ExpectRefused(bytes, "not an inference.ModelInferRequest");
}

// What the generated class makes of it, and ReadInferMessage of the same bytes
// in pieces.
void ExpectAsGenerated(const std::string& bytes, std::mt19937_64& random) {
  ModelInferRequest expected;
  const bool parses = expected.ParseFromString(bytes);
  grpc::ByteBuffer buffer = CutBuffer(bytes, 1 + random() % 300, random);
  const auto read = ReadInferMessage(&buffer);
  ASSERT_EQ(read.ok(), parses) << read.status();
  if (!parses) return;
  ASSERT_EQ(static_cast<int>(read->raw.size()),
            expected.raw_input_contents_size());
  for (int i = 0; i < expected.raw_input_contents_size(); ++i) {
    EXPECT_EQ(BytesOf(read->raw[static_cast<std::size_t>(i)]),
              expected.raw_input_contents(i));
  }
  expected.clear_raw_input_contents();
  expected.DiscardUnknownFields();
  EXPECT_EQ(CanonicalBytes(read->header), CanonicalBytes(expected));
}

std::string RandomText(std::size_t longest, std::mt19937_64& random) {
  std::string text(random() % (longest + 1), '\0');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

void SetRandomly(::inference::InferParameter& parameter,
                 std::mt19937_64& random) {
  switch (random() % 4) {
    case 0:
      parameter.set_bool_param(true);
      break;
    case 1:
      parameter.set_int64_param(static_cast<std::int64_t>(random()));
      break;
    case 2:
      parameter.set_double_param(0.5);
      break;
    default:
      parameter.set_string_param(RandomText(30, random));
  }
}

void SetRandomly(::inference::InferTensorContents& contents,
                 std::mt19937_64& random) {
  for (std::uint64_t i = random() % 20; i > 0; --i) {
    switch (random() % 4) {
      case 0:
        contents.add_fp32_contents(static_cast<float>(i));
        break;
      case 1:
        contents.add_bool_contents(true);
        break;
      case 2:
        contents.add_int64_contents(static_cast<std::int64_t>(random()));
        break;
      default:
        contents.add_bytes_contents(RandomText(10, random));
    }
  }
}

// One field of a request.
std::string RandomField(std::mt19937_64& random) {
  ModelInferRequest request;
  switch (random() % 7) {
    case 0:
      request.set_model_name(RandomText(20, random));
      break;
    case 1:
      request.set_id(RandomText(20, random));
      break;
    case 2:
      SetRandomly((*request.mutable_parameters())[RandomText(8, random)],
                  random);
      break;
    case 3: {
      auto& input = AddInput(RandomText(9, random), "FP32", {2, 3}, request);
      SetRandomly((*input.mutable_parameters())["p"], random);
      if (random() % 2 == 0) SetRandomly(*input.mutable_contents(), random);
      break;
    }
    case 4:
      request.add_outputs()->set_name(RandomText(9, random));
      break;
    case 5:
      // An unknown field: 1000, a varint, a fixed64, bytes or a group.
      return std::vector<std::string>{"\xC0\x3E\x05",
                                      "\xC1\x3E"
                                      "12345678",
                                      "\xC2\x3E\x03"
                                      "abc",
                                      "\xC3\x3E\xC4\x3E"}[random() % 4];
    default:
      request.add_raw_input_contents(RandomText(400, random));
  }
  return request.SerializeAsString();
}

// Fields in any order.
std::string RandomMessage(std::mt19937_64& random) {
  std::string bytes;
  for (std::uint64_t i = random() % 12; i > 0; --i) {
    bytes += RandomField(random);
  }
  return bytes;
}

void Spoil(std::string& bytes, std::mt19937_64& random) {
  if (bytes.empty()) return;
  const std::size_t at = random() % bytes.size();
  switch (random() % 4) {
    case 0:
      bytes.resize(at);
      break;
    case 1:
      bytes.erase(at, 1);
      break;
    case 2:
      bytes.insert(at, 1, static_cast<char>(random()));
      break;
    default:
      bytes[at] = static_cast<char>(random());
  }
}

class InferMessageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::printf("seed=%lu\n", seed_);
    // It would tell of each text that is no UTF-8.
    google::protobuf::SetLogHandler(nullptr);
  }

  const unsigned long seed_ = std::random_device()();
  std::mt19937_64 random_{seed_};
};

TEST_F(InferMessageTest, ARequestIsReadAsItsGeneratedClassReadsIt) {
  for (int i = 0; i < 3000 && !HasFailure(); ++i) {
    ExpectAsGenerated(RandomMessage(random_), random_);
  }
}

TEST_F(InferMessageTest, ASpoiledRequestIsReadOrRefusedAsByItsGeneratedClass) {
  for (int i = 0; i < 10000 && !HasFailure(); ++i) {
    std::string bytes = RandomMessage(random_);
    Spoil(bytes, random_);
    if (random_() % 2 == 0) Spoil(bytes, random_);
    ExpectAsGenerated(bytes, random_);
  }
}

TEST_F(InferMessageTest, AnEntryStaysWhereItArrived) {
  ModelInferRequest request = InferRequest("m");
  request.add_raw_input_contents(std::string(5000, 'x'));
  const grpc::Slice slice(request.SerializeAsString());
  grpc::ByteBuffer buffer(&slice, 1);

  const auto read = ReadInferMessage(&buffer);

  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->raw.size(), 1U);
  // The last field of the message.
  EXPECT_EQ(static_cast<const void*>(read->raw[0].data),
            static_cast<const void*>(slice.end() - 5000));
  EXPECT_EQ(read->raw[0].fragments, nullptr);
  EXPECT_EQ(read->bytes, static_cast<std::int64_t>(slice.size()));
  EXPECT_EQ(buffer.Length(), 0U);
}

TEST_F(InferMessageTest, AnEntryInPiecesStaysWhereItArrived) {
  ModelInferRequest request;
  request.add_raw_input_contents(std::string(100, 'x'));
  const std::string bytes = request.SerializeAsString();
  const std::vector<grpc::Slice> slices = {grpc::Slice(bytes.substr(0, 42)),
                                           grpc::Slice(bytes.substr(42))};
  grpc::ByteBuffer buffer(slices.data(), slices.size());

  const auto read = ReadInferMessage(&buffer);

  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->raw.size(), 1U);
  ASSERT_NE(read->raw[0].fragments, nullptr);
  // Two bytes are before the first of them.
  EXPECT_NE(read->raw[0].fragments->Contiguous(0, 40), nullptr);
  EXPECT_NE(read->raw[0].fragments->Contiguous(40, 60), nullptr);
  EXPECT_EQ(read->raw[0].fragments->Contiguous(39, 2), nullptr);
}

TEST_F(InferMessageTest, WithoutEntriesTheBytesAreLetGo) {
  const auto read = Read(InferRequest("m").SerializeAsString());
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->memory, nullptr);
}

TEST_F(InferMessageTest, NothingIsARequestWithoutAnything) {
  const auto read = Read("");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->header.ByteSizeLong(), 0U);
  EXPECT_TRUE(read->raw.empty());
}

TEST_F(InferMessageTest, UnknownFieldsAreDropped) {
  const auto read = Read(
      "\xC2\x3E\x03"
      "abc");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->header.GetReflection()
                ->GetUnknownFields(read->header)
                .field_count(),
            0);
}

TEST_F(InferMessageTest, WhatIsNoMessageIsRefused) {
  const std::string raw(1, kRawTag);
  ExpectBroken(raw);  // no length
  ExpectBroken(raw +
               "\x05"
               "abc");                         // too short
  ExpectBroken(raw + "\xff\xff\xff\xff\x07");  // 2 GiB
  ExpectBroken(raw + "\xff\xff\xff\xff\x7f");  // more than 2 GiB
  ExpectBroken(raw + std::string("\x83\x80\x80\x80\x80\x00"
                                 "abc",
                                 9));  // an overlong length
  ExpectBroken(
      std::string("\xBA\x80\x80\x80\x80\x00\x01"
                  "a",
                  8));  // tag
  ExpectBroken(std::string(1, '\0'));
  ExpectBroken(
      "\x02\x01"
      "a");              // field 0
  ExpectBroken("\x0C");  // the end of no group
  ExpectBroken(
      "\x2A\x03\x2A\x05"
      "a");                                // contents beyond their input
  ExpectBroken("\x0A\x02\xC0\x80");        // a name that is no UTF-8
  ExpectBroken(std::string(200, '\x43'));  // groups in groups
}

TEST_F(InferMessageTest, ALargeHeaderIsRefused) {
  // Its tag and its length take four bytes.
  ModelInferRequest request;
  request.set_id(std::string(kMaxHeaderBytes - 4, 'x'));
  EXPECT_TRUE(Read(request.SerializeAsString()).ok());
  request.mutable_id()->push_back('x');
  ExpectRefused(request.SerializeAsString(),
                "names, shapes, parameters and lengths take more than 1048576 "
                "bytes; send tensors in raw_input_contents");
}

TEST_F(InferMessageTest, OnlyElementsThatAreNoLargerInMemoryMayBeMany) {
  const int count = static_cast<int>(kMaxHeaderBytes);
  ModelInferRequest floats;
  floats.add_inputs()->mutable_contents()->mutable_fp32_contents()->Resize(
      count, 1.0F);
  EXPECT_TRUE(Read(floats.SerializeAsString()).ok());
  ModelInferRequest bools;
  bools.add_inputs()->mutable_contents()->mutable_bool_contents()->Resize(
      2 * count, true);
  EXPECT_TRUE(Read(bools.SerializeAsString()).ok());
  ModelInferRequest lengths;
  lengths.add_inputs()->mutable_contents()->mutable_int64_contents()->Resize(
      count, 1);
  ExpectRefused(lengths.SerializeAsString(), "send tensors in");
}

// What has the number of fp32_contents and the type of an int is kept as an
// unknown field, eight times as large, until it is dropped.
TEST_F(InferMessageTest, ElementsOfAnotherWireTypeCountAsTheHeader) {
  std::string contents;
  while (static_cast<std::int64_t>(contents.size()) <= kMaxHeaderBytes) {
    contents += "\x30\x01";
  }
  std::string input;
  AppendFieldHeader(ModelInferRequest_InferInputTensor::kContentsFieldNumber,
                    static_cast<std::int64_t>(contents.size()), input);
  input += contents;
  std::string request;
  AppendFieldHeader(ModelInferRequest::kInputsFieldNumber,
                    static_cast<std::int64_t>(input.size()), request);
  request += input;
  EXPECT_TRUE(ModelInferRequest().ParseFromString(request));
  ExpectRefused(request, "send tensors in");
}

// Each of two bytes, over a hundred in memory.
TEST_F(InferMessageTest, ThereIsALimitToTheTensors) {
  ModelInferRequest request;
  for (int i = 0; i < kMaxTensors; ++i) {
    request.add_inputs();
    request.add_outputs();
    request.add_raw_input_contents("");
  }
  EXPECT_TRUE(Read(request.SerializeAsString()).ok());
  ModelInferRequest inputs = request;
  inputs.add_inputs();
  ExpectRefused(inputs.SerializeAsString(), "request: more than 64 inputs");
  ModelInferRequest outputs = request;
  outputs.add_outputs();
  ExpectRefused(outputs.SerializeAsString(), "request: more than 64 outputs");
  ModelInferRequest raw = request;
  raw.add_raw_input_contents("");
  ExpectRefused(raw.SerializeAsString(),
                "request: more than 64 raw_input_contents; a model has six "
                "inputs");
}

}  // namespace
}  // namespace attention::oip
