// Who may register shared memory: the one rule, whichever protocol asks.
#ifndef SERVER_INFERENCE_REGISTER_REGION_H_
#define SERVER_INFERENCE_REGISTER_REGION_H_

#include <string>

#include "absl/status/status.h"
#include "server/inference/inference_context.h"
#include "server/inference/shared_memory.h"

namespace attention::oip {

// SharedMemory::Register, where --shared-memory lets `peer_address` do so:
// PermissionDenied for "off", and for "local" unless it is on this machine.
// The address is as gRPC writes it ("ipv4:127.0.0.1:4000", "unix:/path") or
// bare ("127.0.0.1", "::1").
absl::Status RegisterRegion(const InferenceContext& context,
                            const std::string& peer_address,
                            const RegionStatus& region);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_REGISTER_REGION_H_
