// One ModelInferRequest, whether it came by gRPC or by HTTP, to its answer.
//
// The namespace is oip, Open Inference Protocol, as ::inference is the package
// of its messages.
#ifndef SERVER_INFERENCE_INFER_H_
#define SERVER_INFERENCE_INFER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "core/tensor/fragments.h"
#include "inference/grpc_service.pb.h"
#include "server/inference/inference_context.h"
#include "server/request/convert_outputs.h"
#include "server/request/rpc_request.h"

namespace attention::oip {

// One entry of raw_input_contents, where it arrived.
struct RawContents {
  // Null for one in several pieces.
  const std::byte* data = nullptr;
  // Null for one in one piece.
  std::shared_ptr<const Fragments> fragments{};
  std::int64_t bytes = 0;
};

// A request in two parts: what is small, and the tensors where they arrived.
struct InferMessage {
  // Without raw_input_contents.
  ::inference::ModelInferRequest header{};
  // One for each entry of raw_input_contents.
  std::vector<RawContents> raw{};
  // Keeps the memory behind `raw` alive.
  std::shared_ptr<const void> memory{};
  // Of the whole message.
  std::int64_t bytes = 0;
};

// An answer in two parts.
struct InferAnswer {
  // With Triton's codes: UNAVAILABLE where something that passes is exhausted.
  absl::Status status{};
  // Without raw_output_contents; after an error only the id.
  ::inference::ModelInferResponse header{};
  // One for each output of `header`; one in shared memory has no data and no
  // bytes.
  std::vector<OutputTensor> raw{};
  // To be kept as long as the memory of `raw`.
  std::shared_ptr<const MemoryBudget::Reservation> reservation{};
};

using InferDone = absl::AnyInvocable<void(InferAnswer) &&>;

// Checks, computes and calls `done` exactly once, here or on a worker thread.
void StartInfer(const InferenceContext& context, InferMessage message,
                const RpcTerms& terms, InferDone done);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFER_H_
