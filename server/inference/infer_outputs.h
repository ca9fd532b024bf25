// Which tensors the answer to a request has, and where they go.
#ifndef SERVER_INFERENCE_INFER_OUTPUTS_H_
#define SERVER_INFERENCE_INFER_OUTPUTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "inference/grpc_service.pb.h"
#include "server/inference/client_regions.h"
#include "server/inference/infer_tensors.h"
#include "server/inference/served_name.h"

namespace attention::oip {

inline constexpr absl::string_view kContextsName = "contexts";
inline constexpr absl::string_view kAttnWeightsName = "attn_weights";

struct InferOutput {
  // Otherwise contexts.
  bool is_weights = false;
  // Where the client wants it; nothing: in the answer.
  std::optional<RegionUse> place{};

  std::string name() const {
    return std::string(is_weights ? kAttnWeightsName : kContextsName);
  }
};

// In the order of the request; all that the model has when it names none.
// InvalidArgument for one that the model does not have, one that is asked for
// twice, and bad parameters.
absl::StatusOr<std::vector<InferOutput>> ReadOutputs(
    const ::inference::ModelInferRequest& request, const ServedName& served,
    const ClientRegions& regions);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFER_OUTPUTS_H_
