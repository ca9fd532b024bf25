#include "server/base/library_logs.h"

#include <string>

#include "google/protobuf/stubs/logging.h"
#include "grpc/support/log.h"
#include "server/base/log.h"

namespace attention {
namespace {

void LogGrpcMessage(gpr_log_func_args* args) {
  Log(LogLevel::kDebug, "grpc",
      {{"severity", std::string(gpr_log_severity_string(args->severity))},
       {"message", std::string(args->message)}});
}

void LogProtobufMessage(google::protobuf::LogLevel, const char*, int,
                        const std::string& message) {
  Log(LogLevel::kDebug, "protobuf", {{"message", message}});
}

}  // namespace

void RouteLibraryLogs() {
  gpr_set_log_function(LogGrpcMessage);
  google::protobuf::SetLogHandler(LogProtobufMessage);
}

}  // namespace attention
