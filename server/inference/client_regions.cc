#include "server/inference/client_regions.h"

#include "core/base/status_macros.h"
#include "server/base/client_rule.h"

namespace attention::oip {

absl::Status ClientRegions::CheckClient() const {
  return attention::CheckClient(
      {.what = "shared memory", .flag = "--shared-memory", .allowed = allowed_},
      peer_);
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
