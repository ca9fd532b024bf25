// `attention-client attend`.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/attend_input.h"
#include "client/cli/attend_report.h"
#include "client/cli/commands.h"
#include "client/cli/connection.h"
#include "client/cli/tensor_file.h"
#include "client/cli/terminal.h"
#include "client/cli/weights_view.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

// The tokens go with the answer, so that a notebook can label its picture.
std::map<std::string, std::string, std::less<>> MetadataOf(
    const AttendInput& input) {
  std::map<std::string, std::string, std::less<>> metadata = {
      {"model", input.call.model}};
  for (std::size_t b = 0; b < input.tokens.size(); ++b) {
    metadata.emplace(absl::StrCat("sentence", b),
                     absl::StrJoin(input.tokens[b], " "));
  }
  return metadata;
}

absl::Status Save(const AttendInput& input, const AttendResult& result,
                  const std::string& path) {
  const absl::Status status = WriteResult(path, result, MetadataOf(input));
  if (status.ok()) {
    const bool left_out =
        result.attn_weights.has_value() && absl::EndsWith(path, ".npy");
    std::printf("\n  wrote %s%s\n", path.c_str(),
                left_out ? " (contexts only; .safetensors holds attn_weights "
                           "too)"
                         : "");
  }
  return status;
}

// Before the server computes anything. A shape that is wrong is its to refuse.
absl::Status CheckHeads(const AttendInput& input, const AttendFlags& flags,
                        const ModelInfo& model) {
  std::int64_t heads = model.num_heads;
  if (heads == 0) {
    const std::vector<std::int64_t>& shape = input.call.queries.shape;
    if (shape.size() < 2) {
      return absl::OkStatus();
    }
    heads = shape[shape.size() - 2];
  }
  for (const int head : flags.heads) {
    ATTENTION_RETURN_IF_ERROR(CheckHead(head, heads));
  }
  return absl::OkStatus();
}

// What a newcomer may want to try after the first picture.
void PrintHint(const AttendInput& input, const AttendFlags& flags,
               const ModelInfo& model) {
  if (input.tokens.empty()) {
    return;
  }
  if (flags.weights == ReturnWeights::kNone) {
    std::printf("\n  --weights average shows who attends to whom\n");
  } else if (flags.heads.empty() && model.num_heads > 1) {
    std::printf("\n  --head 0 to --head %lld shows one head alone\n",
                static_cast<long long>(model.num_heads - 1));
  }
}

}  // namespace

ExitCode RunAttend(const CommandLine& line) {
  const AttendFlags& flags = line.attend;
  if (!flags.output.empty()) {
    if (absl::Status status = CheckTensorPath(flags.output); !status.ok()) {
      return Fail(ExitCode::kUsage, status);
    }
  }
  const auto input = MakeAttendInput(flags);
  if (!input.ok()) {
    return Fail(ExitCode::kUsage, input.status());
  }
  auto client = ConnectTo(line);
  if (!client.ok()) {
    return Fail(ExitCode::kUsage, client.status());
  }
  // These two also open the connection, which the time below leaves out.
  const auto model = client->GetModel(flags.model);
  if (!model.ok()) {
    return FailCall(line, model.status());
  }
  if (absl::Status status = CheckHeads(*input, flags, *model); !status.ok()) {
    return Fail(ExitCode::kUsage, status);
  }
  if (const auto info = client->GetServerInfo(); !info.ok()) {
    return FailCall(line, info.status());
  }
  const auto start = std::chrono::steady_clock::now();
  const auto result = client->Attend(input->call);
  const auto round_trip = std::chrono::steady_clock::now() - start;
  if (!result.ok()) {
    return FailCall(line, result.status());
  }
  const auto maps = DescribeWeights(*input, flags, *model, *result,
                                    StyleOfStdout(flags.color));
  if (!maps.ok()) {
    return Fail(ExitCode::kUsage, maps.status());
  }
  std::printf("%s%s",
              DescribeAnswer(*input, *model, *result, round_trip).c_str(),
              maps->c_str());
  if (!flags.output.empty()) {
    if (absl::Status status = Save(*input, *result, flags.output);
        !status.ok()) {
      return Fail(ExitCode::kUsage, status);
    }
  }
  PrintHint(*input, flags, *model);
  return ExitCode::kOk;
}

}  // namespace attention
