// A POSIX shared memory object of a test, as its client sees it.
#ifndef TESTS_SUPPORT_SHM_OBJECT_H_
#define TESTS_SUPPORT_SHM_OBJECT_H_

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace attention {

// Mapped, and gone with its name when it is destroyed.
class ShmObject {
 public:
  explicit ShmObject(std::uint64_t bytes)
      : key_(absl::StrCat("/attention-test-", getpid(), "-", next_++)),
        fd_(shm_open(key_.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600)),
        bytes_(bytes) {
    EXPECT_GE(fd_, 0);
    Resize(bytes);
    data_ = static_cast<char*>(
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_, 0));
    EXPECT_NE(data_, MAP_FAILED);
  }
  ~ShmObject() {
    munmap(data_, bytes_);
    close(fd_);
    Unlink();
  }
  ShmObject(const ShmObject&) = delete;
  ShmObject& operator=(const ShmObject&) = delete;

  void Resize(std::uint64_t bytes) const {
    EXPECT_EQ(ftruncate(fd_, static_cast<off_t>(bytes)), 0);
  }

  // For a process that ends without destructors.
  void Unlink() const { shm_unlink(key_.c_str()); }

  const std::string& key() const { return key_; }
  char* data() const { return data_; }

 private:
  static inline std::atomic<int> next_ = 0;

  const std::string key_;
  const int fd_;
  const std::uint64_t bytes_;
  char* data_ = nullptr;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_SHM_OBJECT_H_
