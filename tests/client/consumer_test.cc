// Proves the CMake package: installs it into an empty prefix, builds an
// application of ten lines with find_package against it alone, and runs that
// against a fake server and against none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/client/fake_attention_service.h"
#include "tests/client/run_command.h"

namespace attention {
namespace {

void ExpectSuccess(const std::string& command) {
  const CommandResult result = RunCommand(command);
  ASSERT_EQ(result.exit_code, 0) << command << "\n" << result.out << result.err;
}

TEST(ConsumerTest, BuildsAndRunsAgainstTheInstalledPackage) {
  const FakeAttentionService fake;
  const std::string prefix = TempPath("prefix");
  const std::string build = TempPath("consumer");
  const std::string cmake = ATTENTION_CMAKE;

  ExpectSuccess(absl::StrCat(cmake, " --install ", ATTENTION_BUILD_DIR,
                             " --component client --prefix ", Quoted(prefix)));
  ExpectSuccess(absl::StrCat(
      cmake, " -S ", ATTENTION_CONSUMER_DIR, " -B ", Quoted(build),
      " -DCMAKE_PREFIX_PATH=", Quoted(prefix), " -DCMAKE_BUILD_TYPE=Release",
      " -G ", Quoted(ATTENTION_CMAKE_GENERATOR),
      " -DCMAKE_CXX_COMPILER=", ATTENTION_CXX_COMPILER,
      " -DCMAKE_CXX_FLAGS=", Quoted(ATTENTION_CXX_FLAGS),
      " -DCMAKE_EXE_LINKER_FLAGS=", Quoted(ATTENTION_LINKER_FLAGS)));
  ExpectSuccess(absl::StrCat(cmake, " --build ", Quoted(build)));
  const std::string consumer = Quoted(build + "/consumer");
  const CommandResult served = RunCommand(consumer + " " + fake.address());
  const CommandResult alone = RunCommand(consumer + " 127.0.0.1:1");

  EXPECT_EQ(served.exit_code, 0) << served.err;
  EXPECT_EQ(served.out, "768 contexts\n");
  EXPECT_EQ(alone.exit_code, 1);
  EXPECT_THAT(alone.out, ::testing::StartsWith("UNAVAILABLE: "));
  std::filesystem::remove_all(prefix);
  std::filesystem::remove_all(build);
}

}  // namespace
}  // namespace attention
