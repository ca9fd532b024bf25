#include "server/inference/client_regions.h"

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

absl::Status ClientRegions::CheckClient() const {
  if (allowed_ == "off") {
    return absl::PermissionDeniedError(
        "shared memory: the server was started with --shared-memory off");
  }
  if (allowed_ != "any" && !IsLocal(peer_)) {
    return absl::PermissionDeniedError(absl::StrCat(
        "shared memory: only for clients on the server's machine, not from ",
        peer_, "; --shared-memory any lets them"));
  }
  return absl::OkStatus();
}

absl::Status ClientRegions::Register(const RegionStatus& region) const {
  ATTENTION_RETURN_IF_ERROR(CheckClient());
  return memory_.Register(region);
}

absl::Status ClientRegions::Unregister(const std::string& name) const {
  ATTENTION_RETURN_IF_ERROR(CheckClient());
  memory_.Unregister(name);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RegionStatus>> ClientRegions::Status(
    const std::string& name) const {
  ATTENTION_RETURN_IF_ERROR(CheckClient());
  return memory_.Status(name);
}

absl::StatusOr<SharedBytes> ClientRegions::Find(const std::string& name,
                                                std::uint64_t offset,
                                                std::uint64_t byte_size) const {
  ATTENTION_RETURN_IF_ERROR(CheckClient());
  return memory_.Find(name, offset, byte_size);
}

}  // namespace attention::oip
