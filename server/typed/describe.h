// Models, limits and the server itself as the messages that describe them.
#ifndef SERVER_TYPED_DESCRIBE_H_
#define SERVER_TYPED_DESCRIBE_H_

#include "attention/v1/attention.pb.h"
#include "core/model/model.h"
#include "server/base/options.h"
#include "server/request/service_context.h"

namespace attention {

void DescribeModel(const Model& model, const ServerOptions& options,
                   v1::Model& to);

// The built-in model, whose widths are the request's: all 0.
void DescribeSdpa(const ServerOptions& options, v1::Model& to);

void DescribeServer(const ServiceContext& context,
                    v1::GetServerInfoResponse& to);

}  // namespace attention

#endif  // SERVER_TYPED_DESCRIBE_H_
