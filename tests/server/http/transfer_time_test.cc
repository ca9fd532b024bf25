// Proves that a transfer has two minutes and its bytes at 64 KiB a second.
#include "server/http/transfer_time.h"

#include "gtest/gtest.h"

namespace attention::http {
namespace {

using std::chrono::seconds;

TEST(TransferTimeTest, IsTwoMinutesAndTheBytesAtTheLeastPace) {
  EXPECT_EQ(TransferTime(0), seconds(120));
  EXPECT_EQ(TransferTime(65535), seconds(120));
  EXPECT_EQ(TransferTime(10 * 65536), seconds(130));
  // 2 GiB take nine hours and six minutes.
  EXPECT_EQ(TransferTime(std::int64_t{1} << 31), seconds(32888));
}

}  // namespace
}  // namespace attention::http
