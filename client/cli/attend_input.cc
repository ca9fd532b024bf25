// What `attend` sends: sentences, a file or random numbers as one call.
#include "client/cli/attend_input.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/cli/demo_embeddings.h"
#include "client/cli/tensor_convert.h"
#include "client/cli/tensor_file.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

constexpr absl::string_view kSdpa = "sdpa";
// 1 GiB of f32: more does not fit one message.
constexpr std::int64_t kMaxRandomElements = std::int64_t{1} << 28;

absl::Status TextInput(const std::vector<std::string>& texts,
                       AttendInput& input) {
  ATTENTION_ASSIGN_OR_RETURN(const DemoEmbeddings demo, DemoEmbeddings::Load());
  std::vector<EmbeddedText> embedded;
  embedded.reserve(texts.size());
  std::int64_t q_len = 0;
  for (const std::string& text : texts) {
    ATTENTION_ASSIGN_OR_RETURN(EmbeddedText one, demo.Embed(text));
    input.tokens.push_back(one.tokens);
    const auto length = static_cast<std::int64_t>(one.tokens.size());
    input.call.q_lengths.push_back(length);
    q_len = std::max(q_len, length);
    embedded.push_back(std::move(one));
  }
  const auto batch = static_cast<std::int64_t>(embedded.size());
  const std::int64_t stride = q_len * demo.embed_dim();
  std::vector<float> padded(batch * stride);
  for (std::int64_t b = 0; b < batch; ++b) {
    std::copy(embedded[b].embeddings.begin(), embedded[b].embeddings.end(),
              padded.begin() + b * stride);
  }
  input.call.queries =
      Tensor::Own({batch, q_len, demo.embed_dim()}, std::move(padded));
  return absl::OkStatus();
}

absl::Status RandomInput(const std::string& text, std::uint64_t seed,
                         AttendCall& call) {
  std::vector<std::int64_t> shape;
  std::int64_t elements = 1;
  bool good = true;
  for (const absl::string_view part : absl::StrSplit(text, 'x')) {
    std::int64_t dim = 0;
    good = good && absl::SimpleAtoi(part, &dim) && dim >= 1 &&
           dim <= kMaxRandomElements / elements;
    if (!good) {
      break;
    }
    elements *= dim;
    shape.push_back(dim);
  }
  const std::size_t rank = call.model == kSdpa ? 4 : 3;
  if (!good || shape.size() != rank) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--random is '", text, "', allowed is BATCHxLENxEMBED such as ",
        "8x128x384, for sdpa BATCHxLENxHEADSxHEAD_DIM, with at most ",
        kMaxRandomElements, " numbers"));
  }
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(elements);
  std::generate(values.begin(), values.end(), [&] { return normal(random); });
  call.queries = Tensor::Own(std::move(shape), std::move(values));
  return absl::OkStatus();
}

// [batch, len, ...] as [tokens, ...] without what lies past the lengths.
absl::StatusOr<Tensor> PackTensor(absl::string_view name, const Tensor& padded,
                                  const std::vector<std::int64_t>& lengths) {
  std::vector<std::int64_t> shape(padded.shape.begin() + 1, padded.shape.end());
  const std::int64_t len = padded.shape[1];
  const std::int64_t rows = padded.shape[0] * len;
  const std::size_t row_bytes = rows == 0 ? 0 : padded.bytes.size() / rows;
  if (static_cast<std::int64_t>(lengths.size()) != padded.shape[0]) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": there are ", lengths.size(),
                     " lengths for a batch of ", padded.shape[0]));
  }
  std::string bytes;
  shape[0] = 0;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    if (lengths[b] < 0 || lengths[b] > len) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, ": length ", b, " is ", lengths[b], ", allowed is 0 to ", len));
    }
    const std::byte* row = padded.bytes.data() + b * len * row_bytes;
    bytes.append(reinterpret_cast<const char*>(row), lengths[b] * row_bytes);
    shape[0] += lengths[b];
  }
  return Tensor::Own(padded.dtype, std::move(shape), std::move(bytes));
}

// Turns a padded call into a packed one; a packed call only gets the lengths
// that a single sequence may leave out.
absl::Status Pack(AttendCall& call) {
  if (call.queries.shape.empty()) {
    return absl::OkStatus();
  }
  const bool packed = IsPacked(call);
  const auto fill = [packed](const Tensor& tensor,
                             std::vector<std::int64_t>& lengths) {
    if (lengths.empty()) {
      lengths =
          packed ? std::vector<std::int64_t>{tensor.shape[0]}
                 : std::vector<std::int64_t>(tensor.shape[0], tensor.shape[1]);
    }
  };
  fill(call.queries, call.q_lengths);
  if (call.keys && call.keys->shape.size() > 1) {
    fill(*call.keys, call.kv_lengths);
  }
  if (packed) {
    return absl::OkStatus();
  }
  ATTENTION_ASSIGN_OR_RETURN(
      call.queries, PackTensor("queries", call.queries, call.q_lengths));
  const std::pair<absl::string_view, std::optional<Tensor>*> others[] = {
      {"keys", &call.keys}, {"values", &call.values}};
  for (const auto& [name, tensor] : others) {
    if (*tensor && (*tensor)->shape.size() > 2) {
      ATTENTION_ASSIGN_OR_RETURN(*tensor,
                                 PackTensor(name, **tensor, call.kv_lengths));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<AttendInput> MakeAttendInput(const AttendFlags& flags) {
  AttendInput input;
  AttendCall& call = input.call;
  call.model = flags.model;
  call.is_causal = flags.is_causal;
  call.scale = flags.scale;
  call.attn_weights = flags.weights;
  call.residual = flags.residual;
  call.output_dtype = flags.output_dtype;
  call.compute_dtype = flags.compute_dtype;
  call.priority = flags.priority;
  if (!flags.texts.empty()) {
    ATTENTION_RETURN_IF_ERROR(TextInput(flags.texts, input));
  } else if (!flags.random.empty()) {
    ATTENTION_RETURN_IF_ERROR(RandomInput(flags.random, flags.seed, call));
  } else {
    ATTENTION_RETURN_IF_ERROR(ReadCall(flags.input, call));
  }
  if (flags.packed || IsPacked(call)) {
    ATTENTION_RETURN_IF_ERROR(Pack(call));
  }
  if (flags.dtype) {
    call.queries = ConvertTensor(call.queries, *flags.dtype);
    for (std::optional<Tensor>* tensor : {&call.keys, &call.values}) {
      if (*tensor) {
        *tensor = ConvertTensor(**tensor, *flags.dtype);
      }
    }
  }
  return input;
}

bool IsPacked(const AttendCall& call) {
  return call.queries.shape.size() < (call.model == kSdpa ? 4U : 3U);
}

std::vector<SequenceLengths> LengthsOf(const AttendCall& call) {
  const bool packed = IsPacked(call);
  const std::int64_t batch =
      packed ? static_cast<std::int64_t>(call.q_lengths.size())
             : call.queries.shape[0];
  std::vector<SequenceLengths> lengths(batch);
  for (std::int64_t b = 0; b < batch; ++b) {
    lengths[b].q_len =
        call.q_lengths.empty() ? call.queries.shape[1] : call.q_lengths[b];
    if (!call.keys) {
      lengths[b].kv_len = lengths[b].q_len;
    } else {
      lengths[b].kv_len =
          call.kv_lengths.empty() ? call.keys->shape[1] : call.kv_lengths[b];
    }
  }
  return lengths;
}

}  // namespace attention
