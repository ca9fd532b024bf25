#include "server/inference/register_region.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace attention::oip {
namespace {

// An object of shm_open is one of this machine: who is elsewhere names one that
// belongs to somebody else.
bool IsLocal(absl::string_view peer) {
  if (absl::StartsWith(peer, "unix:") || absl::StartsWith(peer, "inproc")) {
    return true;
  }
  // Of gRPC, "ipv6:%5B::1%5D:4000" or, in older ones, "ipv6:[::1]:4000".
  if (absl::ConsumePrefix(&peer, "ipv6:")) {
    if (!absl::ConsumePrefix(&peer, "%5B")) absl::ConsumePrefix(&peer, "[");
  } else {
    absl::ConsumePrefix(&peer, "ipv4:");
  }
  // An IPv4 client of an IPv6 socket.
  absl::ConsumePrefix(&peer, "::ffff:");
  return absl::StartsWith(peer, "127.") || peer == "::1" ||
         absl::StartsWith(peer, "::1]") || absl::StartsWith(peer, "::1%5D");
}

}  // namespace

absl::Status CheckRegionUser(const ServerOptions& options,
                             const std::string& peer_address) {
  const std::string& allowed = options.shared_memory;
  if (allowed == "off") {
    return absl::PermissionDeniedError(
        "shared memory: the server was started with --shared-memory off");
  }
  if (allowed != "any" && !IsLocal(peer_address)) {
    return absl::PermissionDeniedError(absl::StrCat(
        "shared memory: only for clients on the server's machine, not from ",
        peer_address, "; --shared-memory any lets them"));
  }
  return absl::OkStatus();
}

absl::Status RegisterRegion(const InferenceContext& context,
                            const std::string& peer_address,
                            const RegionStatus& region) {
  ATTENTION_RETURN_IF_ERROR(
      CheckRegionUser(context.service.options, peer_address));
  return context.shared_memory.Register(region);
}

absl::Status UnregisterRegion(const InferenceContext& context,
                              const std::string& peer_address,
                              const std::string& name) {
  ATTENTION_RETURN_IF_ERROR(
      CheckRegionUser(context.service.options, peer_address));
  context.shared_memory.Unregister(name);
  return absl::OkStatus();
}

}  // namespace attention::oip
