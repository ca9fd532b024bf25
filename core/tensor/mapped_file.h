// A file mapped into memory for reading.
#ifndef CORE_TENSOR_MAPPED_FILE_H_
#define CORE_TENSOR_MAPPED_FILE_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace attention {

// Unmaps when destroyed. Thread-safe.
class MappedFile {
 public:
  // NotFound, PermissionDenied or InvalidArgument (not a regular file), each
  // with the path.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(
      const std::string& path);

  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  explicit MappedFile(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

}  // namespace attention

#endif  // CORE_TENSOR_MAPPED_FILE_H_
