// InferAnswer -> the answer to POST .../infer: JSON, and behind it tensors as
// they are.
#ifndef SERVER_REST_WRITE_INFER_H_
#define SERVER_REST_WRITE_INFER_H_

#include <cstdint>

#include "server/http/http_listener.h"
#include "server/inference/infer.h"
#include "server/request/memory_budget.h"
#include "server/rest/read_infer.h"

namespace attention::oip {

// Bytes of the elements that become text, at most.
std::int64_t MaxTextBytes(const InferAnswer& answer, const OutputForms& forms);

// Binary outputs are sent from where they are. Or the error: the answer's own,
// 400 for elements that JSON has not or whose text `budget` can never hold, 503
// when it has no room for that now.
http::Response WriteInferAnswer(const InferAnswer& answer,
                                const OutputForms& forms, MemoryBudget& budget);

}  // namespace attention::oip

#endif  // SERVER_REST_WRITE_INFER_H_
