// POSIX shared memory that clients on this machine have registered.
#ifndef SERVER_INFERENCE_SHARED_MEMORY_H_
#define SERVER_INFERENCE_SHARED_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/base/mutex.h"

namespace attention::oip {

// Regions that may be registered at once.
inline constexpr std::size_t kMaxRegions = 1024;

// Bytes of the name of a region, and of its key.
inline constexpr std::size_t kMaxRegionNameBytes = 255;

// A part of a region. It stays mapped as long as somebody holds `data`, also
// when the region is unregistered. Its client may write there at any time.
struct SharedBytes {
  std::shared_ptr<std::byte[]> data{};
  std::int64_t bytes = 0;
};

struct RegionStatus {
  std::string name{};
  // Of shm_open: "/tensors" or, what is the same, "tensors".
  std::string key{};
  std::uint64_t offset = 0;
  std::uint64_t byte_size = 0;
};

// Thread-safe.
class SharedMemory {
 public:
  SharedMemory() = default;
  ~SharedMemory() = default;

  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  // Maps bytes [offset, offset + byte_size) of the object `key`, as shm_open
  // finds it. AlreadyExists for a name in use, InvalidArgument for what cannot
  // be mapped to be read and written, ResourceExhausted for more than
  // kMaxRegions.
  absl::Status Register(const RegionStatus& region) ABSL_LOCKS_EXCLUDED(mutex_);

  // An empty name means all. No error when there is none, as in Triton: clients
  // clear up before they begin.
  void Unregister(const std::string& name) ABSL_LOCKS_EXCLUDED(mutex_);

  // NotFound when there is none; an empty name means all.
  absl::StatusOr<std::vector<RegionStatus>> Status(
      const std::string& name) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Bytes [offset, offset + byte_size) of a region. NotFound without such a
  // region, InvalidArgument beyond its end and when CheckIntact says so.
  absl::StatusOr<SharedBytes> Find(const std::string& name,
                                   std::uint64_t offset,
                                   std::uint64_t byte_size) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // InvalidArgument when a client has shrunk the object under `bytes`, which
  // Find gave: some of what was read there were zeros, or of what was written
  // is lost. To be asked after the memory was used.
  static absl::Status CheckIntact(const SharedBytes& bytes);

 private:
  class Region;
  struct Lease;

  // OK when `region` has room and a name of its own.
  absl::Status CheckNew(const RegionStatus& region) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, std::shared_ptr<const Region>> regions_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_SHARED_MEMORY_H_
