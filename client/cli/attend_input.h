// What `attend` sends: sentences, a file or random numbers as one call.
#ifndef CLIENT_CLI_ATTEND_INPUT_H_
#define CLIENT_CLI_ATTEND_INPUT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/command_line.h"
#include "client/cpp/attention_client.h"

namespace attention {

struct AttendInput {
  AttendCall call{};
  // Of each sentence; empty unless the input is text.
  std::vector<std::vector<std::string>> tokens{};
};

// The lengths of one sequence of a call.
struct SequenceLengths {
  std::int64_t q_len = 0;
  std::int64_t kv_len = 0;
};

// InvalidArgument or what reading a file says; the message is for the user.
absl::StatusOr<AttendInput> MakeAttendInput(const AttendFlags& flags);

// The lengths of every sequence, with the defaults that the API has for what
// the call leaves out. REQUIRES: a call that the server has accepted.
std::vector<SequenceLengths> LengthsOf(const AttendCall& call);

// True for [tokens, ...] rather than [batch, q_len, ...].
bool IsPacked(const AttendCall& call);

}  // namespace attention

#endif  // CLIENT_CLI_ATTEND_INPUT_H_
