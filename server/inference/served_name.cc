#include "server/inference/served_name.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"
#include "server/inference/quote.h"

namespace attention::oip {

ServedName ParseServedName(absl::string_view name) {
  ServedName served;
  served.has_weights = absl::ConsumeSuffix(&name, kWeightsSuffix);
  served.model = std::string(name);
  return served;
}

absl::StatusOr<ServedName> FindServed(const ModelRegistry& registry,
                                      absl::string_view name,
                                      absl::string_view version) {
  ServedName served = ParseServedName(name);
  if (served.model != kSdpaModelName) {
    ATTENTION_RETURN_IF_ERROR(registry.Find(served.model).status());
  }
  if (!version.empty() && version != kModelVersion) {
    return absl::NotFoundError(
        absl::StrCat("model ", name, " has no version ", Quote(version),
                     "; ask for \"", kModelVersion, "\", or leave it out"));
  }
  return served;
}

}  // namespace attention::oip
