// Proves that a mapping shows the file's bytes and that whatever is no readable
// regular file is refused with its path.
#include "core/tensor/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

class MappedFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = ::testing::TempDir() + "mapped_file_XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string PathOf(const std::string& name) const {
    return directory_ + "/" + name;
  }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(PathOf(name), std::ios::binary) << text;
    return PathOf(name);
  }

  static void ExpectError(const std::string& path, absl::StatusCode code) {
    const absl::Status status = MappedFile::Open(path).status();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }

  std::string directory_;
};

TEST_F(MappedFileTest, ShowsTheBytesOfTheFile) {
  const std::string text("a\0b\xff", 4);

  const auto file = MappedFile::Open(Write("file", text));

  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_EQ((*file)->bytes().size(), text.size());
  EXPECT_EQ(std::memcmp((*file)->bytes().data(), text.data(), text.size()), 0);
}

TEST_F(MappedFileTest, AnEmptyFileHasNoBytes) {
  const auto file = MappedFile::Open(Write("empty", ""));
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->bytes().empty());
}

TEST_F(MappedFileTest, AMissingFileIsNotFound) {
  ExpectError(PathOf("missing"), absl::StatusCode::kNotFound);
  ExpectError(Write("file", "x") + "/below", absl::StatusCode::kNotFound);
}

TEST_F(MappedFileTest, ADirectoryIsNoFile) {
  ExpectError(directory_, absl::StatusCode::kInvalidArgument);
}

TEST_F(MappedFileTest, APipeIsNoFileAndDoesNotBlock) {
  ASSERT_EQ(mkfifo(PathOf("pipe").c_str(), 0600), 0);
  ExpectError(PathOf("pipe"), absl::StatusCode::kInvalidArgument);
}

TEST_F(MappedFileTest, AnUnreadableFileIsPermissionDenied) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read every file";
  const std::string path = Write("secret", "x");
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  ExpectError(path, absl::StatusCode::kPermissionDenied);
}

TEST_F(MappedFileTest, OtherFailuresAreInvalidArguments) {
  ExpectError(PathOf(std::string(5000, 'a')),
              absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace attention
