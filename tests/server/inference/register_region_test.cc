// Proves whose shared memory is mapped, whichever protocol they ask by.
#include "server/inference/register_region.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/inference/catalog.h"
#include "tests/support/shm_object.h"

namespace attention::oip {
namespace {

using ::testing::HasSubstr;

ServerOptions Allowing(const std::string& whose) {
  ServerOptions options;
  options.shared_memory = whose;
  return options;
}

class RegisterRegionTest : public ::testing::Test {
 protected:
  // What `peer` is told, after which nothing is registered.
  absl::Status Register(const Catalog& catalog, const std::string& peer) const {
    const absl::Status status =
        RegisterRegion(catalog.context(), peer,
                       {.name = "r", .key = object_.key(), .byte_size = 64});
    catalog.context().shared_memory.Unregister("");
    return status;
  }

 private:
  const ShmObject object_{64};
};

constexpr const char* kLocalPeers[] = {"127.0.0.1",
                                       "::1",
                                       "::ffff:127.0.0.1",
                                       "ipv4:127.0.0.1:40000",
                                       "ipv4:127.1.2.3:1",
                                       "ipv6:%5B::1%5D:40000",
                                       "ipv6:[::1]:40000",
                                       "ipv6:%5B::ffff:127.0.0.1%5D:1",
                                       "unix:/run/attention",
                                       "unix:",
                                       "inproc"};
constexpr const char* kOtherPeers[] = {"10.0.0.1",
                                       "ipv4:10.0.0.1:40000",
                                       "ipv4:12.7.0.1:1",
                                       "ipv6:%5Bfe80::1%5D:1",
                                       "ipv6:[::12]:1",
                                       "::ffff:10.0.0.1",
                                       "::12",
                                       "",
                                       "ipv4:1.127.0.0:1"};

TEST_F(RegisterRegionTest, LocalIsThisMachine) {
  const Catalog catalog(Allowing("local"));
  for (const char* peer : kLocalPeers) {
    EXPECT_TRUE(Register(catalog, peer).ok()) << peer;
  }
  for (const char* peer : kOtherPeers) {
    const absl::Status status = Register(catalog, peer);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << peer;
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("only for clients on the server's machine"));
  }
}

TEST_F(RegisterRegionTest, AnyIsEverybody) {
  const Catalog catalog(Allowing("any"));
  EXPECT_TRUE(Register(catalog, "127.0.0.1").ok());
  EXPECT_TRUE(Register(catalog, "ipv4:10.0.0.1:40000").ok());
}

TEST_F(RegisterRegionTest, OffIsNobody) {
  const Catalog catalog(Allowing("off"));
  const absl::Status status = Register(catalog, "127.0.0.1");
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()), HasSubstr("--shared-memory off"));
}

TEST_F(RegisterRegionTest, OnlyTheSameMayUnregister) {
  const ShmObject object(64);
  const Catalog catalog(Allowing("local"));
  const InferenceContext& context = catalog.context();
  ASSERT_TRUE(
      RegisterRegion(context, "127.0.0.1",
                     {.name = "r", .key = object.key(), .byte_size = 64})
          .ok());

  EXPECT_EQ(UnregisterRegion(context, "10.0.0.1", "").code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(context.shared_memory.Status("")->size(), 1U);
  EXPECT_TRUE(UnregisterRegion(context, "127.0.0.1", "r").ok());
  EXPECT_TRUE(context.shared_memory.Status("")->empty());
}

}  // namespace
}  // namespace attention::oip
