// Who may register, use and unregister shared memory: the one rule, whichever
// protocol asks.
#ifndef SERVER_INFERENCE_REGISTER_REGION_H_
#define SERVER_INFERENCE_REGISTER_REGION_H_

#include <string>

#include "absl/status/status.h"
#include "server/inference/inference_context.h"
#include "server/inference/shared_memory.h"

namespace attention::oip {

// All are PermissionDenied when --shared-memory is "off", and when it is
// "local" unless `peer_address` is on this machine.
// The address is as gRPC writes it ("ipv4:127.0.0.1:4000", "unix:/path") or
// bare ("127.0.0.1", "::1").

// Before a request reads or writes a region: whoever is elsewhere could take
// what others on this machine have in theirs.
absl::Status CheckRegionUser(const ServerOptions& options,
                             const std::string& peer_address);

// SharedMemory::Register.
absl::Status RegisterRegion(const InferenceContext& context,
                            const std::string& peer_address,
                            const RegionStatus& region);

// SharedMemory::Unregister: others must not take away what a client uses.
absl::Status UnregisterRegion(const InferenceContext& context,
                              const std::string& peer_address,
                              const std::string& name);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_REGISTER_REGION_H_
