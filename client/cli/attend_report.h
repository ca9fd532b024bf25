// What `attend` prints about an answer.
#ifndef CLIENT_CLI_ATTEND_REPORT_H_
#define CLIENT_CLI_ATTEND_REPORT_H_

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "client/cli/attend_input.h"
#include "client/cli/command_line.h"
#include "client/cli/heat_map.h"
#include "client/cpp/attention_client.h"

namespace attention {

// Shapes, timing, throughput and first values: a few lines. `round_trip` is
// what the call took here.
std::string DescribeAnswer(const AttendInput& input, const ModelInfo& model,
                           const AttendResult& result,
                           std::chrono::nanoseconds round_trip);

// A heat map for each sentence (of other inputs, whose tokens have no names,
// for the first few sequences) and head. Empty without attention weights.
// InvalidArgument for a head that the model does not have.
absl::StatusOr<std::string> DescribeWeights(const AttendInput& input,
                                            const AttendFlags& flags,
                                            const ModelInfo& model,
                                            const AttendResult& result,
                                            const HeatMapStyle& style);

}  // namespace attention

#endif  // CLIENT_CLI_ATTEND_REPORT_H_
