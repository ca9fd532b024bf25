// The JSON that a request has as its body, or in front of its tensors.
#ifndef SERVER_REST_JSON_BODY_H_
#define SERVER_REST_JSON_BODY_H_

#include <cstddef>
#include <deque>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace attention::oip {

// Bytes of JSON in a request for inference; larger tensors come as binary data.
inline constexpr std::size_t kMaxJsonBytes = std::size_t{64} << 20;

// Of all other requests, which are read where connections are served.
inline constexpr std::size_t kMaxControlBytes = std::size_t{1} << 20;

// Arrays and objects within each other.
inline constexpr int kMaxJsonDepth = 32;

// Values and keys outside of `data`.
inline constexpr int kMaxJsonValues = 65536;

// What parsing takes for each byte of JSON at most, and what the tensors that
// come of it take, together.
inline constexpr std::size_t kMemoryPerJsonByte = 8;

// The elements of an input, in the order of the text, however they are nested.
// Booleans are 0 and 1.
struct JsonElements {
  // Grows without moving what it has.
  std::deque<double> values{};
  bool has_numbers = false;
  bool has_booleans = false;
};

// The body of a request for inference.
struct InferJson {
  // In place of each array `inputs[i].data` it has its index in `data`.
  nlohmann::json object{};
  std::vector<JsonElements> data{};
};

// InvalidArgument for more than kMaxJsonBytes.
absl::Status CheckJsonSize(std::size_t bytes);

// Of a request other than for inference. InvalidArgument for what is no JSON
// object in UTF-8, and for more than the limits above. An empty text is an
// empty object.
absl::StatusOr<nlohmann::json> ParseJsonBody(absl::string_view text);

// Of a request for inference. The same, and for `data` that is no array of
// numbers or booleans. NaN, Infinity and -Infinity are numbers there, as such
// and as strings: JSON has none for them, but clients of Triton write these.
absl::StatusOr<InferJson> ParseInferJson(absl::string_view text);

}  // namespace attention::oip

#endif  // SERVER_REST_JSON_BODY_H_
