// Proves that .npy files written by NumPy 2 are read, that ours are the bytes
// that NumPy writes, and that everything else is refused with a reason.
#include "client/cli/npy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The head of a file, padded as numpy.save pads it.
std::string Head(int version, absl::string_view dictionary) {
  const std::size_t prefix = version == 1 ? 10 : 12;
  std::string header(dictionary);
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  std::string file("\x93NUMPY", 6);
  file += static_cast<char>(version);
  file += '\0';
  file += static_cast<char>(header.size());
  file.append(version == 1 ? 1 : 3, '\0');
  return file + header;
}

// numpy.save of [[1, 2.5, -3], [0, 1e-3, 65504]] as '<f4'.
std::string FloatFile() {
  return Head(1,
              "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }") +
         std::string(
             "\x00\x00\x80\x3f\x00\x00\x20\x40\x00\x00\x40\xc0"
             "\x00\x00\x00\x00\x6f\x12\x83\x3a\x00\xe0\x7f\x47",
             24);
}

std::string Refusal(const std::string& file) {
  const auto tensor = ParseNpy(file);
  EXPECT_EQ(tensor.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(tensor.status().message());
}

TEST(NpyTest, ReadsFloats) {
  const auto tensor = ParseNpy(FloatFile());

  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->dtype, ElementType::kF32);
  EXPECT_THAT(tensor->shape, ElementsAre(2, 3));
  EXPECT_THAT(tensor->f32(),
              ElementsAre(1.0F, 2.5F, -3.0F, 0.0F, 1e-3F, 65504.0F));
}

TEST(NpyTest, ReadsHalfPrecisionAsItIs) {
  // numpy.save of [1.5, -2] as '<f2'.
  const auto tensor = ParseNpy(
      Head(1, "{'descr': '<f2', 'fortran_order': False, 'shape': (2,), }") +
      std::string("\x00\x3e\x00\xc0", 4));

  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_EQ(tensor->dtype, ElementType::kF16);
  EXPECT_THAT(tensor->shape, ElementsAre(2));
  EXPECT_THAT(tensor->bytes, ElementsAre(std::byte{0}, std::byte{0x3e},
                                         std::byte{0}, std::byte{0xc0}));
}

TEST(NpyTest, RoundsDoublesOfVersion2) {
  // numpy.save of [[0.1, 1/3]] as '<f8' in version 2.
  const auto tensor = ParseNpy(
      Head(2, "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 2), }") +
      std::string("\x9a\x99\x99\x99\x99\x99\xb9\x3f"
                  "\x55\x55\x55\x55\x55\x55\xd5\x3f",
                  16));

  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_THAT(tensor->f32(), ElementsAre(0.1F, 1.0F / 3));
}

TEST(NpyTest, ReadsAScalarOfVersion3) {
  const auto tensor = ParseNpy(
      Head(3, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }") +
      std::string("\x00\x00\xe0\x40", 4));

  ASSERT_TRUE(tensor.ok()) << tensor.status();
  EXPECT_TRUE(tensor->shape.empty());
  EXPECT_THAT(tensor->f32(), ElementsAre(7.0F));
}

TEST(NpyTest, WritesTheBytesThatNumPyWrites) {
  const auto file = SerializeNpy(
      Tensor::Own({2, 3}, {1.0F, 2.5F, -3.0F, 0.0F, 1e-3F, 65504.0F}));

  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*file, FloatFile());
}

TEST(NpyTest, WritesOneDimensionWithItsComma) {
  const auto file = SerializeNpy(Tensor::Own({2}, {1, 2}));

  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_THAT(*file, HasSubstr("'shape': (2,), }"));
}

TEST(NpyTest, RefusesToWriteBfloat16) {
  EXPECT_EQ(
      SerializeNpy(Tensor::Own(ElementType::kBF16, {1}, "ab")).status().code(),
      absl::StatusCode::kInvalidArgument);
}

TEST(NpyTest, RefusesEveryTruncation) {
  const std::string file = FloatFile();
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(ParseNpy(absl::string_view(file).substr(0, size)).ok())
        << size;
  }
}

TEST(NpyTest, RefusesWhatItCannotSendSayingWhatItCan) {
  const std::string data(8, '\0');
  EXPECT_THAT(Refusal(Head(1,
                           "{'descr': '>f4', 'fortran_order': False, "
                           "'shape': (2,), }") +
                      data),
              HasSubstr("'>f4', allowed are '<f4', '<f2' and '<f8'"));
  EXPECT_THAT(Refusal(Head(1,
                           "{'descr': '<i8', 'fortran_order': False, "
                           "'shape': (1,), }") +
                      data),
              HasSubstr("astype"));
  EXPECT_THAT(Refusal(Head(1,
                           "{'descr': '<f4', 'fortran_order': True, "
                           "'shape': (2, 1), }") +
                      data),
              HasSubstr("Fortran order"));
  EXPECT_THAT(Refusal(Head(1,
                           "{'descr': [('a', '<f4')], 'fortran_order': "
                           "False, 'shape': (2,), }") +
                      data),
              HasSubstr("records"));
}

TEST(NpyTest, RefusesBrokenHeaders) {
  for (const absl::string_view dictionary :
       {"", "[]", "{", "{'descr'}", "{'descr': '<f4'}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(99999999999999999999,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': "
        "(4611686018427387904, 4)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': '1'}",
        "{'descr': '<f4, 'fortran_order': False, 'shape': (2,)}"}) {
    EXPECT_FALSE(ParseNpy(Head(1, dictionary) + std::string(8, '\0')).ok())
        << dictionary;
  }
}

TEST(NpyTest, RefusesElementsThatDoNotMatchTheShape) {
  EXPECT_THAT(Refusal(FloatFile() + "more"),
              HasSubstr("takes 24 bytes of elements, it has 28"));
}

TEST(NpyTest, RefusesAnUnknownVersion) {
  std::string file = FloatFile();
  file[6] = 4;

  EXPECT_THAT(Refusal(file), HasSubstr("version 4"));
}

}  // namespace
}  // namespace attention
