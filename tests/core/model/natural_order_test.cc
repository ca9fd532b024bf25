// Proves that names with numbers sort as people count, and that the order is a
// strict total one, which sorting needs.
#include "core/model/natural_order.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace attention {
namespace {

TEST(NaturalOrderTest, EveryNameComesBeforeTheNext) {
  const std::vector<std::string> expected = {
      "",       "01",         "1",    "2",     "10",  "99999999999999999999999",
      "a",      "a.layer2.q", "a/0",  "a/1",   "a/2", "a/10",
      "a/10/x", "a1",         "a1b2", "a1b10", "ab",  "b"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    for (std::size_t j = 0; j < expected.size(); ++j) {
      EXPECT_EQ(NaturalLess(expected[i], expected[j]), i < j)
          << expected[i] << " and " << expected[j];
    }
  }
}

}  // namespace
}  // namespace attention
