// Elements of a tensor <-> numbers of JSON.
#ifndef SERVER_REST_JSON_ELEMENTS_H_
#define SERVER_REST_JSON_ELEMENTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "core/tensor/dtype.h"
#include "server/rest/json_body.h"

namespace attention::oip {

// Characters of an element of an answer and the comma after it, at most:
// "-1599466766336.0,".
inline constexpr std::int64_t kMaxElementCharacters = 18;

// The elements as bytes of `datatype`, "FP32". InvalidArgument, naming the
// input, for FP16, BF16 and what no input takes, as in Triton, and for a value
// that the type has not: 1e39 in FP32, a fraction or NaN in INT64, a number in
// BOOL.
absl::StatusOr<std::vector<std::byte>> EncodeElements(
    absl::string_view input, absl::string_view datatype,
    const JsonElements& elements);

// Appends `count` elements at `data` as a flat array, "[0.5,1.0,NaN]": the
// shortest number that gives the same element. InvalidArgument for other than
// FP32, naming the output.
absl::Status AppendElements(absl::string_view output, DType dtype,
                            const std::byte* data, std::int64_t count,
                            std::string& to);

}  // namespace attention::oip

#endif  // SERVER_REST_JSON_ELEMENTS_H_
