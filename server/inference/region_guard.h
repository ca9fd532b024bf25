// Memory that is mapped from objects which clients may shrink at any time.
//
// To touch what is no longer behind a mapping raises SIGBUS, which would end
// the server. Here it gets zeros, and whoever touched it can find out.
#ifndef SERVER_INFERENCE_REGION_GUARD_H_
#define SERVER_INFERENCE_REGION_GUARD_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"

namespace attention::oip {

// Mappings that are guarded at once.
inline constexpr int kMaxGuardedRegions = 2048;

// Guards one mapping as long as it lives. Thread-safe.
class RegionGuard {
 public:
  // Guards `bytes` bytes that are mapped at `begin`; both are multiples of the
  // page size. ResourceExhausted for more than kMaxGuardedRegions. The first
  // one sets the handler of SIGBUS, which calls the one that was there for
  // addresses that are not guarded.
  static absl::StatusOr<std::unique_ptr<RegionGuard>> Create(std::byte* begin,
                                                             std::size_t bytes);

  // REQUIRES: the memory is still mapped, and nobody touches it.
  ~RegionGuard();

  RegionGuard(const RegionGuard&) = delete;
  RegionGuard& operator=(const RegionGuard&) = delete;

  // True once somebody has touched memory that was gone. From there to its end
  // the mapping is now memory of this process, at first all zeros.
  bool broken() const;

 private:
  explicit RegionGuard(std::size_t slot) : slot_(slot) {}

  const std::size_t slot_;
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_REGION_GUARD_H_
