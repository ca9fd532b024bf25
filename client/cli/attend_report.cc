// What `attend` prints about an answer.
#include "client/cli/attend_report.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/cli/tensor_convert.h"
#include "client/cli/weights_view.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

constexpr std::size_t kFirstValues = 4;
// Sequences without words of their own: enough to see that it works.
constexpr std::int64_t kMaxNameless = 2;

std::string Describe(const Tensor& tensor) {
  return absl::StrCat("[", absl::StrJoin(tensor.shape, ", "), "] ",
                      ElementName(tensor.dtype));
}

std::string Milliseconds(std::chrono::nanoseconds time) {
  return absl::StrFormat(
      "%.2f ms", std::chrono::duration<double, std::milli>(time).count());
}

std::string Count(std::int64_t count, absl::string_view what) {
  return absl::StrCat(count, " ", what, count == 1 ? "" : "s");
}

std::int64_t TokensOf(const AttendCall& call) {
  std::int64_t tokens = 0;
  for (const SequenceLengths& lengths : LengthsOf(call)) {
    tokens += std::max(lengths.q_len, lengths.kv_len);
  }
  return tokens;
}

// "the suitcase is big": pieces as words again, without [CLS] and [SEP].
std::string Sentence(const std::vector<std::string>& tokens) {
  std::string text;
  for (std::size_t i = 1; i + 1 < tokens.size(); ++i) {
    absl::string_view piece = tokens[i];
    const bool continues = absl::ConsumePrefix(&piece, "##");
    absl::StrAppend(&text, text.empty() || continues ? "" : " ", piece);
  }
  return text;
}

std::vector<std::string> Indices(std::int64_t count) {
  std::vector<std::string> labels;
  labels.reserve(count);
  for (std::int64_t i = 0; i < count; ++i) {
    labels.push_back(absl::StrCat(i));
  }
  return labels;
}

// A model has one type; `sdpa` takes the call's.
ElementType ComputedIn(const AttendCall& call, const ModelInfo& model) {
  return model.compute_dtype.value_or(
      call.compute_dtype.value_or(ElementType::kF32));
}

std::string HeadName(const AttendFlags& flags, const ModelInfo& model,
                     std::int64_t heads, std::optional<int> head) {
  if (head) {
    return absl::StrCat("head ", *head, " of ", heads);
  }
  const std::int64_t averaged =
      flags.weights == ReturnWeights::kPerHead ? heads : model.num_heads;
  return averaged > 0 ? absl::StrCat("average of ", Count(averaged, "head"))
                      : "average of the heads";
}

}  // namespace

std::string DescribeAnswer(const AttendInput& input, const ModelInfo& model,
                           const AttendResult& result,
                           std::chrono::nanoseconds round_trip) {
  const AttendCall& call = input.call;
  const std::int64_t tokens = TokensOf(call);
  std::string out = absl::StrCat(
      "\n  model         ", model.name,
      model.num_heads == 0
          ? " (no weights of its own)"
          : absl::StrCat(" (", Count(model.num_heads, "head"), " of ",
                         model.head_dim, ", embed_dim ", model.embed_dim, ")"),
      "\n  computed in   ", ElementName(ComputedIn(call, model)),
      "\n  queries       ", Describe(call.queries), ", ",
      Count(static_cast<std::int64_t>(LengthsOf(call).size()), "sequence"),
      ", ", Count(tokens, "token"), IsPacked(call) ? ", packed" : "",
      "\n  contexts      ", Describe(result.contexts));
  if (result.attn_weights) {
    absl::StrAppend(&out, "\n  attn_weights  ", Describe(*result.attn_weights));
  }
  const double seconds = std::chrono::duration<double>(round_trip).count();
  absl::StrAppend(
      &out, "\n  time          ", Milliseconds(round_trip),
      " there and back: ", Milliseconds(result.queue), " queued, ",
      Milliseconds(result.compute), " computed in a batch of ",
      Count(result.batch_requests, "request"), "\n  throughput    ",
      absl::StrFormat("%.0f tokens/s", static_cast<double>(tokens) / seconds));
  // Of the first rows only: converting all of a large answer would show.
  Tensor first{.dtype = result.contexts.dtype,
               .bytes = result.contexts.bytes.first(std::min(
                   result.contexts.bytes.size(),
                   kFirstValues * ElementSize(result.contexts.dtype)))};
  first = ConvertTensor(first, ElementType::kF32);
  out += "\n  first values ";
  for (const float value : first.f32()) {
    absl::StrAppendFormat(&out, " %.4f", value);
  }
  return absl::StrCat(out, " ...\n");
}

absl::StatusOr<std::string> DescribeWeights(const AttendInput& input,
                                            const AttendFlags& flags,
                                            const ModelInfo& model,
                                            const AttendResult& result,
                                            const HeatMapStyle& style) {
  if (!result.attn_weights) {
    return std::string();
  }
  const Tensor attn_weights =
      ConvertTensor(*result.attn_weights, ElementType::kF32);
  const std::int64_t heads = NumHeads(input.call, attn_weights);
  std::vector<std::optional<int>> shown(flags.heads.begin(), flags.heads.end());
  if (shown.empty()) {
    shown.emplace_back();
  }
  const std::vector<SequenceLengths> lengths = LengthsOf(input.call);
  const auto batch = static_cast<std::int64_t>(lengths.size());
  const bool named = !input.tokens.empty();
  const std::int64_t count = named ? batch : std::min(batch, kMaxNameless);
  std::string out;
  for (std::int64_t b = 0; b < count; ++b) {
    for (const std::optional<int>& head : shown) {
      HeatMap map{
          .queries = named ? input.tokens[b] : Indices(lengths[b].q_len),
          .keys = named ? input.tokens[b] : Indices(lengths[b].kv_len)};
      ATTENTION_ASSIGN_OR_RETURN(map.weights,
                                 WeightsOf(input.call, attn_weights, b, head));
      absl::StrAppend(
          &out, "\n  ",
          named ? Sentence(input.tokens[b]) : absl::StrCat("sequence ", b),
          "\n  ", model.name, ", ", HeadName(flags, model, heads, head),
          "; rows attend to columns\n\n", RenderHeatMap(map, style));
    }
  }
  if (count < batch) {
    absl::StrAppend(&out, "\n  and ", Count(batch - count, "more sequence"),
                    "; --output FILE writes all\n");
  }
  return out;
}

}  // namespace attention
