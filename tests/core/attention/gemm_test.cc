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

namespace attention {
namespace {

// Rounding of k products of numbers below 1 that are summed in some order.
double Tolerance(std::int64_t k) { return 6e-8 * static_cast<double>(k); }

class GemmTest : public testing::Test {
 protected:
  std::vector<float> Random(std::int64_t count) {
    std::uniform_real_distribution<float> uniform(-1, 1);
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = uniform(random_);
    return values;
  }

  std::mt19937 random_{3};
  Slab slab_{1 << 20};
  GemmRunner gemm_;
};

TEST_F(GemmTest, MultipliesWithPackedWeightsAndBias) {
  for (const std::int64_t n : {1, 6, 64}) {
    for (const std::int64_t k : {1, 6, 100}) {
      const auto weight = Random(n * k);
      const auto bias = Random(n);
      const auto matrix =
          PackedMatrix::Create(k, n, weight.data(), bias.data(), slab_);
      ASSERT_TRUE(matrix.ok()) << matrix.status();
      const std::int64_t m = 2 * matrix->row_multiple();
      const auto a = Random(m * k);
      std::vector<float> c(static_cast<std::size_t>(m * n));
      ASSERT_TRUE(gemm_.Multiply(m, a.data(), *matrix, c.data()).ok());
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
TEST_F(GemmTest, ARowHasTheSameBitsInEveryTile) {
  for (const std::int64_t k : {1, 3, 24, 384, 768, 4096}) {
    for (const std::int64_t n : {1, 6, 48, 64, 128}) {
      const auto weight = Random(n * k);
      const auto matrix =
          PackedMatrix::Create(k, n, weight.data(), nullptr, slab_);
      ASSERT_TRUE(matrix.ok()) << matrix.status();
      const std::int64_t step = matrix->row_multiple();
      const auto row = Random(k);
      std::vector<float> expected;
      for (std::int64_t m = step; m <= 288; m += step) {
        std::vector<float> a;
        for (std::int64_t r = 0; r < m; ++r) {
          a.insert(a.end(), row.begin(), row.end());
        }
        std::vector<float> c(static_cast<std::size_t>(m * n));
        ASSERT_TRUE(gemm_.Multiply(m, a.data(), *matrix, c.data()).ok());
        if (expected.empty()) expected.assign(c.begin(), c.begin() + n);
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
TEST_F(GemmTest, ShapesThatWereDroppedAreCompiledAgain) {
  constexpr std::int64_t kShapes = 1100;
  const float two = 2.0F;
  const auto matrix = *PackedMatrix::Create(1, 1, &two, nullptr, slab_);
  const std::int64_t step = matrix.row_multiple();
  const std::vector<float> ones(static_cast<std::size_t>(kShapes * step), 1.0F);
  std::vector<float> product(ones.size());
  const auto expect_twos = [&](std::int64_t m) {
    std::fill(product.begin(), product.end(), 0.0F);
    ASSERT_TRUE(gemm_.Multiply(m, ones.data(), matrix, product.data()).ok());
    ASSERT_EQ(std::count(product.begin(), product.end(), 2.0F), m);
  };
  for (std::int64_t i = 1; i <= kShapes; ++i) expect_twos(i * step);
  for (std::int64_t i = 1; i <= 16; ++i) expect_twos(i * step);
}

TEST_F(GemmTest, ThreadsShareAMatrix) {
  const auto weight = Random(64 * 64);
  const auto matrix =
      *PackedMatrix::Create(64, 64, weight.data(), nullptr, slab_);
  const auto a = Random(96 * 64);
  std::vector<std::vector<float>> results(4, std::vector<float>(96 * 64));
  {
    std::vector<std::jthread> threads;
    for (auto& result : results) {
      threads.emplace_back([&a, &matrix, &result] {
        GemmRunner gemm;
        for (int i = 0; i < 20; ++i) {
          ASSERT_TRUE(gemm.Multiply(96, a.data(), matrix, result.data()).ok());
        }
      });
    }
  }
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
}

TEST(GemmIsaNameTest, NamesTheLibrary) {
  EXPECT_THAT(GemmIsaName(), testing::HasSubstr("oneDNN "));
}

}  // namespace
}  // namespace attention
