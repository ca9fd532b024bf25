// Proves that well-formed files are read as the format says and that each way
// to be malformed is refused with a message that says what is wrong. The files
// are written here byte by byte, not by the project's own writer.
#include "core/tensor/safetensors.h"

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::StartsWith;

// A file with the given header text and data.
std::string File(const std::string& header, const std::string& data = "") {
  std::string file;
  for (int byte = 0; byte < 8; ++byte) {
    file += static_cast<char>(
        static_cast<std::uint64_t>(header.size()) >> (8 * byte) & 0xFF);
  }
  return file + header + data;
}

std::string FileOfLength(std::uint64_t header_length, const std::string& rest) {
  std::string file;
  for (int byte = 0; byte < 8; ++byte) {
    file += static_cast<char>(header_length >> (8 * byte) & 0xFF);
  }
  return file + rest;
}

// A file with one U8 tensor `w`, whose description is `entry`.
std::string FileWith(const std::string& entry, const std::string& data = "") {
  return File("{\"w\":" + entry + "}", data);
}

// Copied to the heap at its exact size, for AddressSanitizer to see every read
// beyond it.
absl::Status ParseStatus(const std::string& file) {
  const std::vector<char> bytes(file.begin(), file.end());
  return Safetensors::Parse(std::as_bytes(std::span(bytes))).status();
}

float FloatAt(const TensorView& view, int index) {
  float value;
  std::memcpy(&value, view.data + sizeof(value) * index, sizeof(value));
  return value;
}

TEST(SafetensorsTest, ReadsTensorsAndMetadata) {
  // 1.0f and -2.0f, then the bytes 7 and 8.
  const std::string file =
      File(R"({"__metadata__":{"format":"pt","é":"ü"},)"
           R"("b":{"dtype":"U8","shape":[2,1],"data_offsets":[8,10]},)"
           R"("a":{"data_offsets":[0,8],"dtype":"F32","shape":[2]}}   )",
           std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0\x07\x08", 10));

  const auto parsed =
      Safetensors::Parse(std::as_bytes(std::span(file.data(), file.size())));

  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->metadata(),
              ElementsAre(Pair("format", "pt"), Pair("é", "ü")));
  ASSERT_EQ(parsed->tensors().size(), 2u);
  const TensorView a = parsed->Get("a").value();
  EXPECT_EQ(a.dtype, DType::kF32);
  EXPECT_EQ(a.shape, Shape({2}));
  EXPECT_EQ(FloatAt(a, 0), 1.0f);
  EXPECT_EQ(FloatAt(a, 1), -2.0f);
  const TensorView b = parsed->Get("b").value();
  EXPECT_EQ(b.dtype, DType::kU8);
  EXPECT_EQ(b.shape, Shape({2, 1}));
  EXPECT_EQ(b.data[1], std::byte{8});
}

TEST(SafetensorsTest, AFileWithoutTensorsIsLegal) {
  EXPECT_TRUE(ParseStatus(File("{}")).ok());
  EXPECT_TRUE(ParseStatus(File(R"({"__metadata__":{}})")).ok());
}

TEST(SafetensorsTest, EmptyTensorsAndScalarsAreLegal) {
  const std::string file =
      File(R"({"empty":{"dtype":"F32","shape":[3,0],"data_offsets":[1,1]},)"
           R"("scalar":{"dtype":"U8","shape":[],"data_offsets":[0,1]}})",
           "\x2a");

  const auto parsed =
      Safetensors::Parse(std::as_bytes(std::span(file.data(), file.size())));

  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->Get("empty")->shape, Shape({3, 0}));
  EXPECT_EQ(parsed->Get("scalar")->shape.rank(), 0);
  EXPECT_EQ(parsed->Get("scalar")->data[0], std::byte{42});
}

TEST(SafetensorsTest, GetOfAnUnknownNameSaysWhichThereAre) {
  const std::string file =
      File(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
           R"("b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
           R"("c":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
           R"("d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
  const auto parsed =
      Safetensors::Parse(std::as_bytes(std::span(file.data(), file.size())));

  const absl::Status status = parsed->Get("e").status();

  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(std::string(status.message()),
            "there is no tensor \"e\"; there are \"a\", \"b\", \"c\", ... "
            "(4 in all)");
}

struct Malformed {
  const char* name;
  std::string file;
  const char* message;  // a part of it
};

void PrintTo(const Malformed& malformed, std::ostream* out) {
  *out << malformed.name;
}

std::string CaseName(const ::testing::TestParamInfo<Malformed>& malformed) {
  return malformed.param.name;
}

class MalformedSafetensorsTest : public ::testing::TestWithParam<Malformed> {};

TEST_P(MalformedSafetensorsTest, IsRefusedWithAMessage) {
  const absl::Status status = ParseStatus(GetParam().file);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    FileLayout, MalformedSafetensorsTest,
    ::testing::Values(
        Malformed{"Empty", "", "has 0 bytes"},
        Malformed{"SevenBytes", std::string(7, '\0'), "has 7 bytes"},
        Malformed{"HeaderLengthBeyondTheFile", FileOfLength(3, "{}"),
                  "says its header has 3 bytes, but only 2 follow"},
        Malformed{"HeaderAtTheLimitIsOnlyTruncated",
                  FileOfLength(100'000'000, "{}"), "only 2 follow"},
        Malformed{"HeaderAboveTheLimit", FileOfLength(100'000'001, "{}"),
                  "100000000 are allowed"},
        Malformed{"HeaderLengthOfAllOnes", FileOfLength(~0ull, "{}"),
                  "100000000 are allowed"},
        Malformed{"TruncatedData",
                  FileWith(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})",
                           "abc"),
                  "beyond the 3 bytes of data"},
        Malformed{"TrailingBytes",
                  FileWith(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})",
                           "abc"),
                  "has 1 bytes after the last tensor"},
        Malformed{"TrailingBytesWithoutTensors", File("{}", "a"),
                  "has 1 bytes after"},
        Malformed{"DataDoesNotStartAtZero",
                  FileWith(R"({"dtype":"U8","shape":[2],"data_offsets":[1,3]})",
                           "abc"),
                  "leave a hole after byte 0"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Json, MalformedSafetensorsTest,
    ::testing::Values(
        Malformed{"EmptyHeader", File(""), "must begin with '{'"},
        Malformed{"NotJson", File("{nonsense}"), "not valid UTF-8 JSON"},
        Malformed{"NotUtf8", File("{\"a\xff\":1}"), "not valid UTF-8 JSON"},
        Malformed{"Unfinished", File("{\"w\":"), "not valid UTF-8 JSON"},
        Malformed{"TextAfterTheObject", File("{}x"), "not valid UTF-8 JSON"},
        Malformed{"ByteOrderMark", File("\xEF\xBB\xBF{}"),
                  "must begin with '{'"},
        Malformed{"LeadingBlank", File(" {}"), "must begin with '{'"},
        Malformed{"NumberTooLargeForJson", FileWith("1e999"),
                  "not valid UTF-8 JSON"},
        Malformed{"AnArray", File("[]"), "must begin with '{'"},
        Malformed{
            "DuplicateTensor",
            File(R"({"w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},)"
                 R"("w":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
            "tensor \"w\" appears twice"},
        Malformed{"DuplicateField", FileWith(R"({"dtype":"U8","dtype":"U8"})"),
                  "tensor \"w\": dtype appears twice"},
        Malformed{"DuplicateShape", FileWith(R"({"shape":[],"shape":[]})"),
                  "tensor \"w\": shape appears twice"},
        Malformed{"DuplicateMetadata",
                  File(R"({"__metadata__":{},"__metadata__":{}})"),
                  "__metadata__ appears twice"},
        Malformed{"DuplicateMetadataKey",
                  File(R"({"__metadata__":{"k":"1","k":"2"}})"),
                  "metadata key \"k\" appears twice"},
        Malformed{"MetadataIsNoObject", File(R"({"__metadata__":"x"})"),
                  "__metadata__ is a string, must be an object"},
        Malformed{"MetadataValueIsANumber", File(R"({"__metadata__":{"k":1}})"),
                  "metadata \"k\" is a number, must be a string"},
        Malformed{"MetadataValueIsNull", File(R"({"__metadata__":{"k":null}})"),
                  "metadata \"k\" is null, must be a string"},
        Malformed{"MetadataValueIsAnObject",
                  File(R"({"__metadata__":{"k":{}}})"),
                  "metadata \"k\" is an object, must be a string"},
        Malformed{"TensorIsANumber", FileWith("3"),
                  "tensor \"w\" is a number, must be an object"},
        Malformed{"TensorIsAnArray", FileWith("[]"),
                  "tensor \"w\" is an array, must be an object"},
        Malformed{"DeepArrays", FileWith(std::string(1'000'000, '[')),
                  "tensor \"w\" is an array"},
        Malformed{"DeepArraysInTheShape",
                  FileWith("{\"shape\":" + std::string(1'000'000, '[')),
                  "shape has an array"},
        Malformed{"DeepObjects", FileWith([] {
                    std::string text;
                    for (int i = 0; i < 100'000; ++i) text += "{\"dtype\":";
                    return text;
                  }()),
                  "dtype is an object"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Fields, MalformedSafetensorsTest,
    ::testing::Values(
        Malformed{"NoDType", FileWith(R"({"shape":[0],"data_offsets":[0,0]})"),
                  "tensor \"w\" has no dtype"},
        Malformed{"NoShape", FileWith(R"({"dtype":"U8","data_offsets":[0,0]})"),
                  "tensor \"w\" has no shape"},
        Malformed{"NoOffsets", FileWith(R"({"dtype":"U8","shape":[0]})"),
                  "tensor \"w\" has no data_offsets"},
        Malformed{"UnknownField", FileWith(R"({"stride":[1]})"),
                  "has a field \"stride\""},
        Malformed{
            "UnknownDType",
            FileWith(R"({"dtype":"X7","shape":[0],"data_offsets":[0,0]})"),
            "tensor \"w\": dtype \"X7\" is not supported"},
        Malformed{
            "DTypeOfTheFormatThatIsNotSupported",
            FileWith(R"({"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]})",
                     "a"),
            "tensor \"w\": dtype \"F8_E4M3\" is not supported"},
        Malformed{"DTypeIsANumber", FileWith(R"({"dtype":1})"),
                  "tensor \"w\": dtype is a number, must be a string"},
        Malformed{"DTypeIsAnArray", FileWith(R"({"dtype":["U8"]})"),
                  "tensor \"w\": dtype is an array, must be a string"},
        Malformed{"DTypeIsABoolean", FileWith(R"({"dtype":true})"),
                  "tensor \"w\": dtype is a boolean, must be a string"},
        Malformed{"ShapeIsAString", FileWith(R"({"shape":"3"})"),
                  "shape is a string, must be an array of integers"},
        Malformed{"ShapeIsANumber", FileWith(R"({"shape":3})"),
                  "shape is a number, must be an array of integers"},
        Malformed{"ShapeHasAString", FileWith(R"({"shape":["3"]})"),
                  "shape has a string"},
        Malformed{"NegativeDimension", FileWith(R"({"shape":[2,-1]})"),
                  "shape has the negative number -1"},
        Malformed{"FractionalDimension", FileWith(R"({"shape":[1.5]})"),
                  "shape has the number \"1.5\""},
        Malformed{"DimensionWithExponent", FileWith(R"({"shape":[1e2]})"),
                  "shape has the number \"1e2\""},
        Malformed{"DimensionAbove63Bits",
                  FileWith(R"({"shape":[9223372036854775808]})"),
                  "shape has 9223372036854775808"},
        Malformed{"DimensionAbove64Bits",
                  FileWith(R"({"shape":[18446744073709551616]})"),
                  "shape has the number \"18446744073709551616\""},
        Malformed{"ShapeProductOverflows",
                  FileWith(R"({"dtype":"U8","shape":[4294967296,4294967296],)"
                           R"("data_offsets":[0,0]})"),
                  "has more than 2^63 - 1 elements"},
        Malformed{"ByteCountOverflows",
                  FileWith(R"({"dtype":"F64","shape":[4611686018427387904],)"
                           R"("data_offsets":[0,0]})"),
                  "has more than 2^63 - 1 bytes"}),
    CaseName);

INSTANTIATE_TEST_SUITE_P(
    Offsets, MalformedSafetensorsTest,
    ::testing::Values(
        Malformed{"OneOffset",
                  FileWith(R"({"dtype":"U8","shape":[0],)"
                           R"("data_offsets":[0]})"),
                  "data_offsets has 1 numbers, must have 2"},
        Malformed{"ThreeOffsets",
                  FileWith(R"({"dtype":"U8","shape":[0],)"
                           R"("data_offsets":[0,0,0]})"),
                  "data_offsets has 3 numbers, must have 2"},
        Malformed{"NegativeOffset", FileWith(R"({"data_offsets":[-1,0]})"),
                  "data_offsets has the negative number -1"},
        Malformed{"OffsetAbove63Bits",
                  FileWith(R"({"data_offsets":[0,9223372036854775808]})"),
                  "data_offsets has 9223372036854775808"},
        Malformed{"Reversed",
                  FileWith(R"({"dtype":"U8","shape":[1],"data_offsets":[2,1]})",
                           "ab"),
                  "data_offsets [2, 1] end before they begin"},
        Malformed{"Beyond",
                  FileWith(R"({"dtype":"U8","shape":[1],"data_offsets":)"
                           R"([9223372036854775806,9223372036854775807]})",
                           "ab"),
                  "go beyond the 2 bytes of data"},
        Malformed{
            "SmallerThanTheShape",
            FileWith(R"({"dtype":"F32","shape":[2],"data_offsets":[0,7]})",
                     "1234567"),
            "hold 7 bytes, F32 [2] needs 8"},
        Malformed{"LargerThanTheShape",
                  FileWith(R"({"dtype":"F32","shape":[],"data_offsets":[0,5]})",
                           "12345"),
                  "hold 5 bytes, F32 [] needs 4"},
        Malformed{
            "Overlapping",
            File(R"({"a":{"dtype":"U8","shape":[3],"data_offsets":[0,3]},)"
                 R"("b":{"dtype":"U8","shape":[2],"data_offsets":[2,4]}})",
                 "abcd"),
            "tensor \"b\": data_offsets [2, 4] overlap"},
        Malformed{
            "TheSameBytesTwice",
            File(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},)"
                 R"("b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
                 "ab"),
            "overlap"},
        Malformed{
            "AHoleBetweenTensors",
            File(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                 R"("b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
                 "abc"),
            "tensor \"b\": data_offsets [2, 3] leave a hole after byte "
            "1"}),
    CaseName);

TEST(SafetensorsTest, EveryTruncationOfAGoodFileIsRefused) {
  const std::string file =
      FileWith(R"({"dtype":"U8","shape":[4],"data_offsets":[0,4]})", "abcd");
  ASSERT_TRUE(ParseStatus(file).ok());
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(ParseStatus(file.substr(0, size)).ok()) << size;
  }
}

TEST(SafetensorsTest, NamesInMessagesAreEscapedAndShortened) {
  const std::string name = "a\\n" + std::string(1000, 'x');
  const absl::Status status = ParseStatus(File("{\"" + name + "\":1}"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"a\\nxxx"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("xxx...\""));
  EXPECT_LT(status.message().size(), 200u);
}

class SafetensorsFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "safetensors_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& bytes) const {
    const std::string path = directory_ + "/file.safetensors";
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  std::string directory_;
};

TEST_F(SafetensorsFileTest, ViewsStayValidWhenTheObjectMoves) {
  auto opened = Safetensors::Open(Write(
      FileWith(R"({"dtype":"U8","shape":[2],"data_offsets":[0,2]})", "ab")));
  ASSERT_TRUE(opened.ok()) << opened.status();

  const Safetensors moved = *std::move(opened);

  EXPECT_EQ(moved.Get("w")->data[1], std::byte{'b'});
}

TEST_F(SafetensorsFileTest, ErrorsBeginWithThePath) {
  const std::string path = Write("short");
  EXPECT_THAT(std::string(Safetensors::Open(path).status().message()),
              StartsWith(path + ": has 5 bytes"));
  const std::string missing = directory_ + "/missing";
  const absl::Status status = Safetensors::Open(missing).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), StartsWith(missing + ": "));
}

// A file that PyTorch's tools wrote.
TEST_F(SafetensorsFileTest, ReadsAFileFromElsewhere) {
  const char* data = std::getenv("ATTENTION_TEST_DATA");
  ASSERT_NE(data, nullptr) << "set ATTENTION_TEST_DATA to tests/data";

  const auto opened = Safetensors::Open(
      std::string(data) + "/torch-mha/cross_kdim_vdim.safetensors");

  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->Get("state.k_proj_weight")->shape, Shape({32, 20}));
  EXPECT_EQ(opened->metadata().at("num_heads"), "4");
}

TEST_F(SafetensorsFileTest, WhatIsSerializedIsReadBack) {
  const std::string bytes("\x01\x02\x03\x04\x05\x06", 6);
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  const std::string file =
      SerializeSafetensors({{"half", {DType::kF16, Shape({1, 2}), data}},
                            {"byte", {DType::kU8, Shape(), data + 4}},
                            {"none", {DType::kI64, Shape({0}), nullptr}}},
                           {{"key", "a \"quoted\" value"}});

  const auto parsed =
      Safetensors::Parse(std::as_bytes(std::span(file.data(), file.size())));

  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_THAT(parsed->metadata(),
              ElementsAre(Pair("key", "a \"quoted\" value")));
  const TensorView half = parsed->Get("half").value();
  EXPECT_EQ(half.dtype, DType::kF16);
  EXPECT_EQ(half.shape, Shape({1, 2}));
  EXPECT_EQ(std::memcmp(half.data, data, 4), 0);
  EXPECT_EQ(parsed->Get("byte")->data[0], std::byte{5});
  EXPECT_EQ(parsed->Get("none")->shape, Shape({0}));
  // The header ends at a multiple of 8 bytes.
  EXPECT_EQ(static_cast<unsigned char>(file[0]) % 8, 0);
}

}  // namespace
}  // namespace attention
