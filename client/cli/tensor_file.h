// Calls from files and answers to files.
#ifndef CLIENT_CLI_TENSOR_FILE_H_
#define CLIENT_CLI_TENSOR_FILE_H_

#include <map>
#include <string>

#include "absl/status/status.h"
#include "client/cpp/attention_client.h"

namespace attention {

// InvalidArgument unless `path` ends in .safetensors or .npy.
absl::Status CheckTensorPath(const std::string& path);

// Fills the tensors and lengths of `call` from a .safetensors file (queries,
// and if there: keys, values, attn_mask, q_lengths, kv_lengths) or a .npy file
// (queries). Errors name the path, the tensor, and what is allowed.
absl::Status ReadCall(const std::string& path, AttendCall& call);

// Writes contexts and attn_weights to a .safetensors file with `metadata`, or
// contexts alone to a .npy file. Errors name the path.
absl::Status WriteResult(
    const std::string& path, const AttendResult& result,
    const std::map<std::string, std::string, std::less<>>& metadata);

}  // namespace attention

#endif  // CLIENT_CLI_TENSOR_FILE_H_
