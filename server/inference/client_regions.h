// Shared memory as one client may use it: the one rule, whichever protocol
// asks.
#ifndef SERVER_INFERENCE_CLIENT_REGIONS_H_
#define SERVER_INFERENCE_CLIENT_REGIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/inference/shared_memory.h"

namespace attention::oip {

// The calls of SharedMemory, each PermissionDenied before anything is looked up
// for a client whom --shared-memory does not let: a key names an object of this
// machine, so whoever is elsewhere could take what others have in their
// regions, or find out which there are.
class ClientRegions {
 public:
  // `allowed` is --shared-memory, `peer` as CheckClient has it. All outlive the
  // object.
  ClientRegions(SharedMemory& memory, absl::string_view allowed,
                absl::string_view peer)
      : memory_(memory), allowed_(allowed), peer_(peer) {}

  absl::Status Register(const RegionStatus& region) const;
  absl::Status Unregister(const std::string& name) const;
  absl::StatusOr<std::vector<RegionStatus>> Status(
      const std::string& name) const;
  absl::StatusOr<SharedBytes> Find(const std::string& name,
                                   std::uint64_t offset,
                                   std::uint64_t byte_size) const;

 private:
  absl::Status CheckClient() const;

  SharedMemory& memory_;
  const absl::string_view allowed_;
  const absl::string_view peer_;
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_CLIENT_REGIONS_H_
