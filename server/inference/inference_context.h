// What every call of the Open Inference Protocol needs, owned by the Server.
#ifndef SERVER_INFERENCE_INFERENCE_CONTEXT_H_
#define SERVER_INFERENCE_INFERENCE_CONTEXT_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/base/client_rule.h"
#include "server/inference/client_regions.h"
#include "server/inference/shared_memory.h"
#include "server/request/model_store.h"
#include "server/request/service_context.h"

namespace attention::oip {

// References to thread-safe objects that outlive the listeners.
struct InferenceContext {
  const ServiceContext& service;
  ModelStore& models;
  SharedMemory& shared_memory;

  // For the client with that address, which outlives the result.
  ClientRegions RegionsFor(absl::string_view peer) const {
    return {shared_memory, service.options.shared_memory, peer};
  }

  // CheckClient for what --model-control lets: `what` is "loading models".
  absl::Status CheckControl(absl::string_view what,
                            absl::string_view peer) const {
    return CheckClient({.what = what,
                        .flag = "--model-control",
                        .allowed = service.options.model_control},
                       peer);
  }
};

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_INFERENCE_CONTEXT_H_
