// The models that there are, and loading and unloading them by request.
#ifndef SERVER_INFERENCE_REPOSITORY_H_
#define SERVER_INFERENCE_REPOSITORY_H_

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "inference/grpc_service.pb.h"
#include "server/inference/inference_context.h"

namespace attention::oip {

// Every model under both its names, in the order of ModelStore::Index; only
// those that can be asked now if the request says so. There is one repository,
// whatever name a request has for it.
void DescribeRepository(const InferenceContext& context,
                        const ::inference::RepositoryIndexRequest& request,
                        ::inference::RepositoryIndexResponse& response);

// Both take the name of a model, NAME or NAME@weights, or of all layers that
// came from one --model, from either field of the request. PermissionDenied for
// a client whom --model-control does not let; `peer` is its address.

// ModelStore::Load. InvalidArgument for a request without a name, or with a
// configuration or files of its own.
void LoadModel(const InferenceContext& context, absl::string_view peer,
               const ::inference::RepositoryModelLoadRequest& request,
               absl::AnyInvocable<void(absl::Status) &&> done);

// ModelStore::Unload. InvalidArgument for a request without a name.
absl::Status UnloadModel(
    const InferenceContext& context, absl::string_view peer,
    const ::inference::RepositoryModelUnloadRequest& request);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_REPOSITORY_H_
