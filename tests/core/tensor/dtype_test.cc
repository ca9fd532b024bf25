// Proves that every element type has the size and name of the safetensors
// format, and that nothing else is taken for one.
#include "core/tensor/dtype.h"

#include <string>

#include "gtest/gtest.h"

namespace attention {
namespace {

struct Case {
  DType dtype;
  const char* name;
  std::size_t size;
  bool is_floating;
};

// From the format's documentation.
constexpr Case kCases[] = {
    {DType::kF32, "F32", 4, true},   {DType::kF16, "F16", 2, true},
    {DType::kBF16, "BF16", 2, true}, {DType::kBool, "BOOL", 1, false},
    {DType::kF64, "F64", 8, false},  {DType::kI64, "I64", 8, false},
    {DType::kI32, "I32", 4, false},  {DType::kI16, "I16", 2, false},
    {DType::kI8, "I8", 1, false},    {DType::kU64, "U64", 8, false},
    {DType::kU32, "U32", 4, false},  {DType::kU16, "U16", 2, false},
    {DType::kU8, "U8", 1, false},
};

TEST(DTypeTest, EveryTypeHasItsNameAndSize) {
  for (const Case& c : kCases) {
    EXPECT_EQ(DTypeName(c.dtype), c.name);
    EXPECT_EQ(DTypeSize(c.dtype), c.size) << c.name;
    EXPECT_EQ(ParseDType(c.name), c.dtype);
    EXPECT_EQ(IsFloating(c.dtype), c.is_floating) << c.name;
  }
}

TEST(DTypeTest, OtherNamesAreNoTypes) {
  for (const char* name : {"", "f32", "F8_E4M3", "F32 ", "C64", "BOOLEAN"}) {
    EXPECT_EQ(ParseDType(name), std::nullopt) << name;
  }
}

}  // namespace
}  // namespace attention
