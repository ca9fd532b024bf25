// The inputs of a request, each with its elements where they are: in
// raw_input_contents, in typed contents, or in shared memory.
#ifndef SERVER_INFERENCE_INFER_TENSORS_H_
#define SERVER_INFERENCE_INFER_TENSORS_H_

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/inference/client_regions.h"
#include "server/inference/infer.h"
#include "server/inference/parameter_reader.h"
#include "server/inference/shared_memory.h"
#include "server/request/request_inputs.h"

namespace attention::oip {

enum class InputName {
  kQueries,
  kKeys,
  kValues,
  kAttnMask,
  kQLengths,
  kKvLengths,
};

// As on the wire, in the order of InputName.
inline constexpr std::array<absl::string_view, 6> kInputNames = {
    "queries", "keys", "values", "attn_mask", "q_lengths", "kv_lengths"};

// A part of a region, as a tensor's parameters name it.
struct RegionUse {
  std::string region{};
  std::uint64_t offset = 0;
  SharedBytes bytes{};
};

// Reads shared_memory_region, shared_memory_byte_size and shared_memory_offset;
// nothing when there is no shared_memory_region. InvalidArgument for bad
// parameters and beyond the region's end; what ClientRegions::Find says.
absl::StatusOr<std::optional<RegionUse>> ReadRegionUse(
    const ParameterReader& parameters, const ClientRegions& regions);

// A tensor in shared memory.
struct PlacedTensor {
  std::string name{};
  RegionUse place{};
};

struct InferTensors {
  // By InputName.
  std::array<std::optional<InputTensor>, kInputNames.size()> inputs{};
  // Those in shared memory, which is to be kept.
  std::vector<PlacedTensor> placed{};

  std::optional<InputTensor>& operator[](InputName name) {
    return inputs[static_cast<std::size_t>(name)];
  }
};

// InvalidArgument, naming the tensor, unless each input is known, given once,
// of a type that it may have, and has its elements in exactly one place. Points
// into `message` and the regions.
absl::StatusOr<InferTensors> ReadTensors(const InferMessage& message,
                                         const ClientRegions& regions);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFER_TENSORS_H_
