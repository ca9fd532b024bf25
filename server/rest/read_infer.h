// The body of POST .../infer -> InferMessage: JSON, and behind it tensors as
// they are.
#ifndef SERVER_REST_READ_INFER_H_
#define SERVER_REST_READ_INFER_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "server/http/http_listener.h"
#include "server/inference/infer.h"
#include "server/request/memory_budget.h"
#include "server/rest/route.h"

namespace attention::oip {

// Bytes of JSON in front of the tensors, in requests and in answers.
inline constexpr char kJsonLengthHeader[] = "Inference-Header-Content-Length";

// How the outputs of an answer are sent: behind its JSON, or in it.
struct OutputForms {
  bool all_binary = false;
  // Of outputs that say it themselves, by name.
  std::map<std::string, bool, std::less<>> binary{};

  bool IsBinary(absl::string_view output) const;
};

struct InferBody {
  InferMessage message{};
  OutputForms forms{};
};

// Of the body; the tensors are behind it. InvalidArgument when the header says
// what cannot be.
absl::StatusOr<std::size_t> JsonBytes(const http::Request& request);

// Reads what Triton's HTTP protocol has. Binary data stays in the body of
// `request`, which the message keeps; elements in JSON are converted once.
// InvalidArgument, naming the field, for what is not that protocol, and for
// more JSON than `budget` can ever hold; ResourceExhausted when it has no room
// now.
absl::StatusOr<InferBody> ReadInferBody(
    std::shared_ptr<const http::Request> request, const Route& route,
    MemoryBudget& budget);

}  // namespace attention::oip

#endif  // SERVER_REST_READ_INFER_H_
