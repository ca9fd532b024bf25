// Products against double arithmetic, and what batch invariance rests on: a row
// has the same bits wherever it stands.
#include "core/attention/gemm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <vector>

#include "core/tensor/convert_dtype.h"

namespace attention {
namespace {

// Rounding of k products of numbers below 1 that are summed in some order.
double Tolerance(std::int64_t k) { return 6e-8 * static_cast<double>(k); }

std::vector<std::byte> As(DType dtype, const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * DTypeSize(dtype));
  ConvertFromF32(values.data(), static_cast<std::int64_t>(values.size()), dtype,
                 bytes.data());
  return bytes;
}

// The parameter is the type that is multiplied.
class GemmTest : public testing::TestWithParam<DType> {
 protected:
  void SetUp() override {
    if (GetParam() == DType::kBF16 && !GemmHasBf16()) {
      GTEST_SKIP() << "this CPU has no AVX512_BF16";
    }
  }

  PackedMatrix Pack(std::int64_t k, std::int64_t n,
                    const std::vector<float>& weight,
                    const float* bias = nullptr) {
    auto matrix =
        PackedMatrix::Create(k, n, GetParam(), weight.data(), bias, slab_);
    EXPECT_TRUE(matrix.ok()) << matrix.status();
    return *std::move(matrix);
  }

  // Of the type under test; numbers that bf16 holds exactly.
  std::vector<float> Random(std::int64_t count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = uniform(random_);
    const auto rounded = As(DType::kBF16, values);
    ConvertToF32(rounded.data(), DType::kBF16, count, values.data());
    return values;
  }

  std::vector<float> Multiply(std::int64_t m, const std::vector<float>& a,
                              const PackedMatrix& b) {
    std::vector<float> c(static_cast<std::size_t>(m * b.n()));
    const absl::Status status =
        gemm_.Multiply(m, As(GetParam(), a).data(), b, DType::kF32,
                       reinterpret_cast<std::byte*>(c.data()));
    EXPECT_TRUE(status.ok()) << status;
    return c;
  }

  std::mt19937 random_{3};
  Slab slab_{1 << 20};
  GemmRunner gemm_;
};

TEST_P(GemmTest, MultipliesWithPackedWeightsAndBias) {
  for (const std::int64_t n : {1, 6, 64}) {
    for (const std::int64_t k : {1, 6, 100}) {
      const auto weight = Random(n * k);
      const auto bias = Random(n);
      const PackedMatrix matrix = Pack(k, n, weight, bias.data());
      const std::int64_t m = 2 * matrix.row_multiple();
      const auto a = Random(m * k);
      const auto c = Multiply(m, a, matrix);
      std::vector<std::byte> rounded(c.size() * DTypeSize(GetParam()));
      ASSERT_TRUE(gemm_
                      .Multiply(m, As(GetParam(), a).data(), matrix, GetParam(),
                                rounded.data())
                      .ok());
      EXPECT_EQ(rounded, As(GetParam(), c)) << "the same, rounded once";
      for (std::int64_t i = 0; i < m * n; ++i) {
        double sum = bias[static_cast<std::size_t>(i % n)];
        for (std::int64_t j = 0; j < k; ++j) {
          sum +=
              static_cast<double>(a[static_cast<std::size_t>(i / n * k + j)]) *
              weight[static_cast<std::size_t>(i % n * k + j)];
        }
        ASSERT_NEAR(c[static_cast<std::size_t>(i)], sum, Tolerance(k + 8));
      }
    }
  }
}

// Row r of a product of `m` rows must not depend on m or r, up to the 288 rows
// that a tile multiplies at once at most.
TEST_P(GemmTest, ARowHasTheSameBitsInEveryTile) {
  for (const std::int64_t k : {1, 3, 24, 384, 768, 4096}) {
    for (const std::int64_t n : {1, 6, 48, 64, 128}) {
      const auto weight = Random(n * k);
      const PackedMatrix matrix = Pack(k, n, weight);
      const std::int64_t step = matrix.row_multiple();
      const auto row = Random(k);
      std::vector<float> expected;
      for (std::int64_t m = step; m <= 288; m += step) {
        std::vector<float> a;
        for (std::int64_t r = 0; r < m; ++r) {
          a.insert(a.end(), row.begin(), row.end());
        }
        const auto c = Multiply(m, a, matrix);
        if (expected.empty()) expected.assign(c.begin(), c.begin() + n);
        std::vector<std::byte> rounded(c.size() * DTypeSize(GetParam()));
        ASSERT_TRUE(gemm_
                        .Multiply(m, As(GetParam(), a).data(), matrix,
                                  GetParam(), rounded.data())
                        .ok());
        ASSERT_EQ(rounded, As(GetParam(), c)) << m << "x" << n << "x" << k;
        for (std::int64_t r = 0; r < m; ++r) {
          ASSERT_TRUE(
              std::equal(expected.begin(), expected.end(), c.begin() + r * n))
              << m << "x" << n << "x" << k << ", row " << r;
        }
      }
    }
  }
}

// More shapes than are kept.
TEST_P(GemmTest, ShapesThatWereDroppedAreCompiledAgain) {
  constexpr std::int64_t kShapes = 1100;
  const PackedMatrix matrix = Pack(1, 1, {2.0F});
  const std::int64_t step = matrix.row_multiple();
  const auto expect_twos = [&](std::int64_t m) {
    const auto product = Multiply(
        m, std::vector<float>(static_cast<std::size_t>(m), 1.0F), matrix);
    ASSERT_EQ(std::count(product.begin(), product.end(), 2.0F), m);
  };
  for (std::int64_t i = 1; i <= kShapes; ++i) expect_twos(i * step);
  for (std::int64_t i = 1; i <= 16; ++i) expect_twos(i * step);
}

TEST_P(GemmTest, ThreadsShareAMatrix) {
  const auto weight = Random(64 * 64);
  const PackedMatrix matrix = Pack(64, 64, weight);
  const auto a = As(GetParam(), Random(96 * 64));
  std::vector<std::vector<float>> results(4, std::vector<float>(96 * 64));
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&a, &matrix, &result] {
        GemmRunner gemm;
        for (int i = 0; i < 20; ++i) {
          ASSERT_TRUE(gemm.Multiply(96, a.data(), matrix, DType::kF32,
                                    reinterpret_cast<std::byte*>(result.data()))
                          .ok());
        }
      });
    }
  }
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

INSTANTIATE_TEST_SUITE_P(Types, GemmTest,
                         testing::Values(DType::kF32, DType::kBF16),
                         [](const testing::TestParamInfo<DType>& dtype) {
                           return std::string(DTypeName(dtype.param));
                         });

TEST(GemmIsaNameTest, NamesTheLibrary) {
  EXPECT_THAT(GemmIsaName(), testing::HasSubstr("oneDNN "));
}

}  // namespace
}  // namespace attention
