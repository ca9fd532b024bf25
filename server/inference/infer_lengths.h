// q_lengths and kv_lengths, which a request has as a tensor or a parameter.
#ifndef SERVER_INFERENCE_INFER_LENGTHS_H_
#define SERVER_INFERENCE_INFER_LENGTHS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/inference/parameter_reader.h"
#include "server/request/request_inputs.h"

namespace attention::oip {

// Lengths that one list may hold, the most that --max-sequences may be.
inline constexpr std::int64_t kMaxLengths = 65536;

// From `tensor`, INT64 or INT32 of shape [batch], or from the parameter of that
// name, "3,5,2"; empty when there is neither. InvalidArgument for both, and for
// what is no list of at most kMaxLengths whole numbers.
absl::StatusOr<std::vector<std::int64_t>> ReadLengths(
    const std::string& name, const std::optional<InputTensor>& tensor,
    const ParameterReader& parameters);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFER_LENGTHS_H_
