#include "server/inference/describe_server.h"

#include "server/base/version.h"

namespace attention::oip {

void DescribeServerMetadata(const InferenceContext& context,
                            ::inference::ServerMetadataResponse& response) {
  response.set_name("attention-server");
  response.set_version(kVersion);
  for (const char* extension :
       {"model_repository", "schedule_policy", "model_configuration",
        "binary_tensor_data", "parameters", "statistics", "logging"}) {
    response.add_extensions(extension);
  }
  if (context.service.options.shared_memory != "off") {
    response.add_extensions("system_shared_memory");
  }
}

}  // namespace attention::oip
