// Triton's settings of the log, for ours.
#ifndef SERVER_INFERENCE_LOG_SETTINGS_H_
#define SERVER_INFERENCE_LOG_SETTINGS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "inference/grpc_service.pb.h"
#include "server/inference/inference_context.h"

namespace attention::oip {

// Changes what the request names, all of it or, after an error, nothing; then
// says what all settings are. Of the process; thread-safe. PermissionDenied
// when the request names any and --model-control does not let its client, whose
// address is `peer`.
//
// Our levels hold each other: log_verbose_level, which is 0 or 1, turns on
// debug lines and with them log_info; that log_warning; that log_error, which
// is always on. Turning one off turns off those that hold it. log_file, always
// empty as lines go to stderr, and log_format, "text" or "json", are decided
// when the server starts. InvalidArgument for what cannot be: a setting that
// there is not, a value of another type, one on and another off that it holds,
// or a change of what is decided.
absl::Status ApplyLogSettings(const InferenceContext& context,
                              absl::string_view peer,
                              const ::inference::LogSettingsRequest& request,
                              ::inference::LogSettingsResponse& response);

}  // namespace attention::oip

#endif  // SERVER_INFERENCE_LOG_SETTINGS_H_
