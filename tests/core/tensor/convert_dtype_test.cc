// Proves that conversion is exact where it can be and rounds to nearest even
// where it cannot, on every instruction set that this CPU has. What is expected
// comes from the definition of the formats, in double precision: a value is
// sign * mantissa * 2^exponent, and the nearest of two neighbours is found by
// looking at both.
#include "core/tensor/convert_dtype.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/vector_target_test.h"

namespace attention {
namespace {

struct Format {
  DType dtype;
  int mantissa_bits;
  int exponent_bias;
  std::uint16_t inf;  // also the number of finite codes without sign
};

constexpr Format kFormats[] = {{DType::kF16, 10, 15, 0x7C00},
                               {DType::kBF16, 7, 127, 0x7F80}};

// The value of a code without sign. Inf gets the power of two that it stands
// for when numbers are rounded to it.
double Magnitude(const Format& format, std::uint32_t code) {
  const int exponent = static_cast<int>(code >> format.mantissa_bits);
  const int mantissa =
      static_cast<int>(code & ((1u << format.mantissa_bits) - 1));
  const int one = exponent == 0 ? 0 : 1 << format.mantissa_bits;
  return std::ldexp(one + mantissa, (exponent == 0 ? 1 : exponent) -
                                        format.exponent_bias -
                                        format.mantissa_bits);
}

// The code nearest to a number, the even one of two.
std::uint16_t NearestCode(const Format& format, float value) {
  const double magnitude = std::fabs(static_cast<double>(value));
  std::uint32_t low = 0;
  std::uint32_t high = format.inf;
  while (high - low > 1) {
    const std::uint32_t middle = (low + high) / 2;
    (Magnitude(format, middle) <= magnitude ? low : high) = middle;
  }
  const double below = magnitude - Magnitude(format, low);
  const double above = Magnitude(format, high) - magnitude;
  const bool take_low = below < above || (below == above && low % 2 == 0);
  const std::uint32_t sign = std::signbit(value) ? 0x8000 : 0;
  return static_cast<std::uint16_t>(sign | (take_low ? low : high));
}

std::vector<std::uint16_t> Narrow(const Format& format,
                                  const std::vector<float>& values) {
  std::vector<std::uint16_t> codes(values.size());
  ConvertFromF32(values.data(), static_cast<std::int64_t>(values.size()),
                 format.dtype, reinterpret_cast<std::byte*>(codes.data()));
  return codes;
}

std::vector<float> Widen(const Format& format,
                         const std::vector<std::uint16_t>& codes) {
  std::vector<float> values(codes.size());
  ConvertToF32(reinterpret_cast<const std::byte*>(codes.data()), format.dtype,
               static_cast<std::int64_t>(codes.size()), values.data());
  return values;
}

// Every value runs at every place of a vector and in a tail somewhere, as the
// counts are no multiples of a vector.
class ConvertDTypeTest : public VectorTargetTest {};

TEST_P(ConvertDTypeTest, EveryCodeWidensExactly) {
  for (const Format& format : kFormats) {
    std::vector<std::uint16_t> codes;
    for (std::uint32_t code = 0; code <= 0xFFFF; ++code) {
      codes.push_back(static_cast<std::uint16_t>(code));
    }

    const std::vector<float> values = Widen(format, codes);

    for (const std::uint16_t code : codes) {
      const float value = values[code];
      const std::uint16_t magnitude = code & 0x7FFF;
      EXPECT_EQ(std::signbit(value), code >= 0x8000) << code;
      if (magnitude > format.inf) {
        EXPECT_TRUE(std::isnan(value)) << code;
      } else if (magnitude == format.inf) {
        EXPECT_TRUE(std::isinf(value)) << code;
      } else {
        EXPECT_EQ(std::fabs(value), Magnitude(format, magnitude)) << code;
      }
    }
  }
}

TEST_P(ConvertDTypeTest, EveryCodeComesBackFromF32) {
  for (const Format& format : kFormats) {
    std::vector<std::uint16_t> codes;
    for (std::uint32_t code = 0; code <= 0xFFFF; ++code) {
      codes.push_back(static_cast<std::uint16_t>(code));
    }

    const std::vector<std::uint16_t> back =
        Narrow(format, Widen(format, codes));

    for (const std::uint16_t code : codes) {
      if ((code & 0x7FFF) <= format.inf) {
        EXPECT_EQ(back[code], code);
      } else {
        EXPECT_GT(back[code] & 0x7FFF, format.inf) << "NaN lost: " << code;
        EXPECT_EQ(back[code] & 0x8000, code & 0x8000);
      }
    }
  }
}

TEST_P(ConvertDTypeTest, TiesAndTheirNeighboursRoundToNearestEven) {
  for (const Format& format : kFormats) {
    std::vector<float> values;
    for (std::uint32_t code = 0; code < format.inf; ++code) {
      const auto tie = static_cast<float>(
          (Magnitude(format, code) + Magnitude(format, code + 1)) / 2);
      values.push_back(tie);
      values.push_back(std::nextafter(tie, 0.0f));
      values.push_back(-std::nextafter(tie, 1e38f));
    }

    const std::vector<std::uint16_t> codes = Narrow(format, values);

    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(codes[i], NearestCode(format, values[i]))
          << DTypeName(format.dtype) << " " << values[i];
    }
  }
}

TEST_P(ConvertDTypeTest, AnyBitsRoundToNearestEven) {
  constexpr std::uint32_t kSeed = 20240607;
  SCOPED_TRACE(::testing::Message() << "seed=" << kSeed);
  std::mt19937 random(kSeed);
  for (const Format& format : kFormats) {
    std::vector<float> values;
    for (int i = 0; i < 100003; ++i) {
      values.push_back(
          std::bit_cast<float>(static_cast<std::uint32_t>(random())));
    }

    const std::vector<std::uint16_t> codes = Narrow(format, values);

    for (std::size_t i = 0; i < values.size(); ++i) {
      if (std::isnan(values[i])) {
        ASSERT_GT(codes[i] & 0x7FFF, format.inf);
      } else if (std::isinf(values[i])) {
        ASSERT_EQ(codes[i] & 0x7FFF, format.inf);
      } else {
        ASSERT_EQ(codes[i], NearestCode(format, values[i])) << values[i];
      }
    }
  }
}

TEST_P(ConvertDTypeTest, TheLargestNumbersBecomeInf) {
  constexpr float kMax = std::numeric_limits<float>::max();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  // 65520 is half-way between the largest f16, 65504, and 65536.
  EXPECT_EQ(Narrow(kFormats[0], {65504, 65519.996f, 65520, kMax, kInf, -kInf}),
            (std::vector<std::uint16_t>{0x7BFF, 0x7BFF, 0x7C00, 0x7C00, 0x7C00,
                                        0xFC00}));
  EXPECT_EQ(Narrow(kFormats[1], {kMax, -kMax, kInf}),
            (std::vector<std::uint16_t>{0x7F80, 0xFF80, 0x7F80}));
}

// NaNs whose payload lies only in the bits that are cut off.
TEST_P(ConvertDTypeTest, NaNWithASmallPayloadStaysNaN) {
  for (const Format& format : kFormats) {
    for (const std::uint32_t bits : {0x7F800001u, 0xFF800001u, 0x7FFFFFFFu}) {
      const std::vector<std::uint16_t> codes =
          Narrow(format, {std::bit_cast<float>(bits)});
      EXPECT_GT(codes[0] & 0x7FFF, format.inf) << bits;
    }
  }
}

TEST_P(ConvertDTypeTest, UnalignedDataOfEveryLengthAndNothingBeyond) {
  constexpr int kMaxCount = 70;
  constexpr std::byte kCanary{0xA5};
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    const std::size_t size = DTypeSize(dtype);
    for (int count = 0; count <= kMaxCount; ++count) {
      std::vector<float> values;
      for (int i = 0; i < count; ++i) values.push_back(0.25f * i - 4);
      const std::size_t bytes = size * static_cast<std::size_t>(count);
      std::vector<std::byte> stored(bytes + 2, kCanary);
      std::vector<float> back(count + 1, -99);

      ConvertFromF32(values.data(), count, dtype, stored.data() + 1);
      ConvertToF32(stored.data() + 1, dtype, count, back.data());

      EXPECT_EQ(stored.front(), kCanary);
      EXPECT_EQ(stored.back(), kCanary);
      EXPECT_EQ(back.back(), -99);
      back.pop_back();
      EXPECT_EQ(back, values) << DTypeName(dtype) << " count " << count;
    }
  }
}

ATTENTION_ON_EVERY_VECTOR_TARGET(ConvertDTypeTest);

}  // namespace
}  // namespace attention
