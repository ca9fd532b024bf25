#include "server/inference/served_name.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/quote.h"
#include "core/base/status_macros.h"

namespace attention::oip {

ServedName ParseServedName(absl::string_view name) {
  ServedName served;
  served.has_weights = absl::ConsumeSuffix(&name, kWeightsSuffix);
  served.model = std::string(name);
  return served;
}

absl::StatusOr<ServedModel> FindServed(const ModelRegistry& registry,
                                       absl::string_view name,
                                       absl::string_view version) {
  ServedModel served = {.name = ParseServedName(name)};
  if (served.name.model != kSdpaModelName) {
    ATTENTION_ASSIGN_OR_RETURN(served.model, registry.Find(served.name.model));
  }
  if (!version.empty() && version != kModelVersion) {
    return absl::NotFoundError(
        absl::StrCat("model ", name, " has no version ", Quote(version),
                     "; ask for \"", kModelVersion, "\", or leave it out"));
  }
  return served;
}

}  // namespace attention::oip
