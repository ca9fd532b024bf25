// A workload file: what requests are made of.
#include "client/load/workload.h"

#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "client/load/json_fields.h"
#include "core/attention/attention_spec.h"
#include "core/base/status_macros.h"
#include "core/engine/priority.h"
#include "core/model/model_registry.h"
#include "core/tensor/mapped_file.h"

extern "C" {
extern const char attention_demo_sentences[];
extern const char attention_demo_sentences_end[];
}

namespace attention::load {
namespace {

using Json = nlohmann::json;

// What a file may hold, so that no file takes more than some megabytes.
constexpr std::size_t kMaxFileBytes = 1 << 20;
constexpr std::size_t kMaxLines = 65536;
constexpr std::size_t kMaxLineBytes = 4096;
constexpr std::size_t kMaxMixes = 64;
constexpr std::int64_t kMaxDistinct = 65536;
constexpr double kMinWeight = 1e-6;
constexpr double kMaxWeight = 1e6;
constexpr std::size_t kMaxNameBytes = 128;
constexpr std::size_t kMaxPathBytes = 4096;
// What servers can be told to take at most: --max-sequences and
// --max-batch-tokens.
constexpr std::int64_t kMaxBatch = 65536;
constexpr std::int64_t kMaxLength = 1 << 20;
// Of the logarithm: half of all are within a factor of 1.007, or of 7.6.
constexpr double kMinSigma = 0.01;
constexpr double kMaxSigma = 3;
constexpr std::int64_t kMaxDeadlineMs = 3'600'000;

bool IsSdpa(const RequestMix& mix) {
  return absl::string_view(mix.model) == kSdpaModelName;
}

// A whole file, which has to be small.
absl::StatusOr<std::string> ReadText(const std::string& path) {
  ATTENTION_ASSIGN_OR_RETURN(const std::unique_ptr<MappedFile> file,
                             MappedFile::Open(path));
  const std::span<const std::byte> bytes = file->bytes();
  if (bytes.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ": has ", bytes.size(), " bytes, allowed are ", kMaxFileBytes));
  }
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

using LineReader =
    std::function<absl::Status(const std::string& place, absl::string_view)>;

// Calls `read` with "path:number" and each line that is not blank.
absl::Status ReadLines(const std::string& path, absl::string_view text,
                       const LineReader& read) {
  std::size_t number = 0;
  std::size_t count = 0;
  for (const absl::string_view whole : absl::StrSplit(text, '\n')) {
    const std::string place = absl::StrCat(path, ":", ++number);
    const absl::string_view line = absl::StripAsciiWhitespace(whole);
    if (line.empty()) {
      continue;
    }
    if (line.size() > kMaxLineBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          place, " has ", line.size(), " bytes, allowed are ", kMaxLineBytes));
    }
    if (++count > kMaxLines) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ": has more than ", kMaxLines, " lines"));
    }
    ATTENTION_RETURN_IF_ERROR(read(place, line));
  }
  if (count == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is empty, must have at least one line"));
  }
  return absl::OkStatus();
}

// Reads one file; the first thing that is wrong is its status.
class WorkloadParser {
 public:
  explicit WorkloadParser(std::string folder) : folder_(std::move(folder)) {}

  absl::StatusOr<Workload> Parse(const Json& object) {
    Workload workload{.name = "workload"};
    JsonFields fields(object, "", status_);
    fields.ReadText("name", kMaxNameBytes, workload.name);
    auto seed = static_cast<std::int64_t>(workload.seed);
    fields.ReadInteger("seed", 0, std::numeric_limits<std::int64_t>::max(),
                       seed);
    workload.seed = static_cast<std::uint64_t>(seed);
    std::int64_t distinct = workload.distinct;
    fields.ReadInteger("distinct", 1, kMaxDistinct, distinct);
    workload.distinct = static_cast<int>(distinct);
    ParseMixes(fields, workload.mixes);
    fields.RefuseOthers();
    ATTENTION_RETURN_IF_ERROR(status_);
    return workload;
  }

 private:
  void ParseMixes(JsonFields& fields, std::vector<RequestMix>& mixes) {
    const Json* array = fields.Find("mixes");
    if (array == nullptr) {
      mixes.emplace_back();
      return;
    }
    if (!array->is_array() || array->empty() || array->size() > kMaxMixes) {
      fields.Fail(absl::StrCat("mixes must be an array of 1 to ", kMaxMixes,
                               " objects"));
      return;
    }
    for (std::size_t i = 0; i < array->size() && status_.ok(); ++i) {
      const std::string path = absl::StrCat("mixes[", i, "]");
      if (!(*array)[i].is_object()) {
        fields.Fail(absl::StrCat(path, " is ", (*array)[i].type_name(),
                                 ", must be an object"));
        return;
      }
      mixes.push_back(ParseMix((*array)[i], path));
    }
  }

  RequestMix ParseMix(const Json& object, const std::string& path) {
    RequestMix mix;
    JsonFields fields(object, path, status_);
    fields.ReadNumber("weight", kMinWeight, kMaxWeight, mix.weight);
    fields.ReadText("model", kMaxNameBytes, mix.model);
    fields.ReadInteger("batch", 1, kMaxBatch, mix.batch);
    fields.ReadBoolean("packed", mix.packed);
    ParseTypes(fields, mix);
    fields.ReadWord<MaskKind>("mask",
                              {{"none", MaskKind::kNone},
                               {"causal", MaskKind::kCausal},
                               {"boolean", MaskKind::kBoolean},
                               {"float", MaskKind::kFloat}},
                              mix.mask);
    fields.ReadWord<ReturnWeights>("attn_weights",
                                   {{"none", ReturnWeights::kNone},
                                    {"average", ReturnWeights::kHeadAverage},
                                    {"per_head", ReturnWeights::kPerHead}},
                                   mix.attn_weights);
    std::int64_t deadline_ms = 0;
    fields.ReadInteger("deadline_ms", 1, kMaxDeadlineMs, deadline_ms);
    if (deadline_ms > 0) {
      mix.deadline = std::chrono::milliseconds(deadline_ms);
    }
    std::int64_t priority = 0;
    fields.ReadInteger("priority", 1,
                       static_cast<std::int64_t>(kPriorityLevels), priority);
    mix.priority = static_cast<std::uint32_t>(priority);
    ParseHeads(fields, mix);
    ParseLengths(fields, mix.lengths);
    ParseSentences(fields, mix);
    fields.RefuseOthers();
    return mix;
  }

  static void ParseTypes(JsonFields& fields, RequestMix& mix) {
    const auto read = [&fields](absl::string_view name, auto& value) {
      fields.ReadWord<ElementType>(name,
                                   {{"f32", ElementType::kF32},
                                    {"f16", ElementType::kF16},
                                    {"bf16", ElementType::kBF16}},
                                   value);
    };
    read("dtype", mix.dtype);
    read("output_dtype", mix.output_dtype);
    fields.ReadWord<ElementType>(
        "compute_dtype",
        {{"f32", ElementType::kF32}, {"bf16", ElementType::kBF16}},
        mix.compute_dtype);
  }

  static void ParseHeads(JsonFields& fields, RequestMix& mix) {
    fields.ReadInteger("num_heads", 1, kMaxHeads, mix.num_heads);
    mix.num_kv_heads = mix.num_heads;
    fields.ReadInteger("num_kv_heads", 1, kMaxHeads, mix.num_kv_heads);
    fields.ReadInteger("head_dim", 1, kMaxHeadDim, mix.head_dim);
    if (mix.num_heads % mix.num_kv_heads != 0) {
      fields.Refuse("num_kv_heads",
                    absl::StrCat("a divisor of num_heads, ", mix.num_heads));
    }
    for (const char* name : {"num_heads", "num_kv_heads", "head_dim"}) {
      if (fields.Has(name) && !IsSdpa(mix)) {
        fields.Fail(absl::StrCat(fields.PathOf(name), " is for sdpa, ",
                                 mix.model, " knows its own; leave it out"));
      }
    }
  }

  void ParseLengths(JsonFields& fields, Lengths& lengths) {
    const Json* field = fields.Find("lengths");
    if (field == nullptr || !field->is_object()) {
      if (field != nullptr && !field->is_number()) {
        fields.Refuse("lengths",
                      "a number of tokens, {\"lognormal\": ...} or "
                      "{\"file\": ...}");
      }
      fields.ReadInteger("lengths", 1, kMaxLength, lengths.value);
      return;
    }
    JsonFields kinds(*field, fields.PathOf("lengths"), status_);
    const Json* lognormal = kinds.Find("lognormal");
    if ((lognormal != nullptr) == kinds.Has("file")) {
      kinds.RefuseOthers();
      kinds.Fail(absl::StrCat(fields.PathOf("lengths"),
                              " must have lognormal or file, and not both"));
    } else if (lognormal == nullptr) {
      ListLengths(kinds, lengths);
    } else if (!lognormal->is_object()) {
      kinds.Refuse("lognormal", "an object with mean, sigma and max");
    } else {
      ParseLogNormal(*lognormal, kinds.PathOf("lognormal"), lengths);
    }
    kinds.RefuseOthers();
  }

  void ParseLogNormal(const Json& object, const std::string& path,
                      Lengths& lengths) {
    lengths = {.kind = Lengths::Kind::kLogNormal,
               .mean = 32,
               .sigma = 0.5,
               .max = 512};
    JsonFields fields(object, path, status_);
    fields.ReadNumber("mean", 1, static_cast<double>(kMaxLength), lengths.mean);
    fields.ReadNumber("sigma", kMinSigma, kMaxSigma, lengths.sigma);
    fields.ReadInteger("max", 1, kMaxLength, lengths.max);
    if (lengths.mean > static_cast<double>(lengths.max)) {
      fields.Fail(absl::StrCat(fields.PathOf("mean"), " is ", lengths.mean,
                               ", must be at most max, ", lengths.max));
    }
    fields.RefuseOthers();
  }

  void ListLengths(JsonFields& fields, Lengths& lengths) {
    lengths = {.kind = Lengths::Kind::kListed};
    ReadNamedFile(fields, "file",
                  [&](const std::string& place, absl::string_view line) {
                    std::int64_t length = 0;
                    if (!absl::SimpleAtoi(line, &length) || length < 1 ||
                        length > kMaxLength) {
                      return absl::InvalidArgumentError(absl::StrCat(
                          place, " is ", Quoted(line),
                          ", must be a whole number from 1 to ", kMaxLength));
                    }
                    lengths.listed.push_back(length);
                    return absl::OkStatus();
                  });
  }

  void ParseSentences(JsonFields& fields, RequestMix& mix) {
    if (!fields.Has("sentences")) {
      return;
    }
    if (fields.Has("lengths")) {
      fields.Fail(absl::StrCat(fields.PathOf("lengths"),
                               " has no effect on sentences; leave one out"));
    }
    if (IsSdpa(mix)) {
      fields.Fail(absl::StrCat(
          fields.PathOf("sentences"),
          " cannot be sent to sdpa; name a model that reads embeddings"));
    }
    ReadNamedFile(fields, "sentences",
                  [&](const std::string& /*place*/, absl::string_view line) {
                    mix.sentences.emplace_back(line);
                    return absl::OkStatus();
                  });
  }

  // Reads the file that the field names, unless something was wrong before.
  void ReadNamedFile(JsonFields& fields, absl::string_view name,
                     const LineReader& read) {
    std::string file;
    fields.ReadText(name, kMaxPathBytes, file);
    if (!status_.ok()) {
      return;
    }
    const std::string path = (std::filesystem::path(folder_) / file).string();
    const auto text = ReadText(path);
    const absl::Status status =
        text.ok() ? ReadLines(path, *text, read) : text.status();
    if (!status.ok()) {
      status_ = absl::Status(
          status.code(),
          absl::StrCat(fields.PathOf(name), ": ", status.message()));
    }
  }

  const std::string folder_;
  absl::Status status_;
};

std::string Describe(const RequestMix& mix) {
  std::string text = mix.model;
  if (IsSdpa(mix)) {
    absl::StrAppend(&text, " ", mix.num_heads, "/", mix.num_kv_heads,
                    " heads of ", mix.head_dim);
  }
  absl::StrAppend(&text, ", ", mix.batch, mix.packed ? " packed" : "", " x ");
  const Lengths& lengths = mix.lengths;
  if (!mix.sentences.empty()) {
    absl::StrAppend(&text, "one of ", mix.sentences.size(), " sentences");
  } else if (lengths.kind == Lengths::Kind::kFixed) {
    absl::StrAppend(&text, lengths.value, " tokens");
  } else if (lengths.kind == Lengths::Kind::kLogNormal) {
    absl::StrAppend(&text, "lognormal tokens (mean ", lengths.mean, ", sigma ",
                    lengths.sigma, ", max ", lengths.max, ")");
  } else {
    absl::StrAppend(&text, "one of ", lengths.listed.size(), " lengths");
  }
  absl::StrAppend(&text, ", ", ElementName(mix.dtype));
  if (mix.output_dtype) {
    absl::StrAppend(&text, " to ", ElementName(*mix.output_dtype));
  }
  if (mix.compute_dtype) {
    absl::StrAppend(&text, " in ", ElementName(*mix.compute_dtype));
  }
  constexpr absl::string_view kMasks[] = {"", ", causal", ", boolean mask",
                                          ", float mask"};
  constexpr absl::string_view kWeights[] = {"", ", average attn_weights",
                                            ", attn_weights per head"};
  absl::StrAppend(&text, kMasks[static_cast<int>(mix.mask)],
                  kWeights[static_cast<int>(mix.attn_weights)]);
  if (mix.deadline) {
    absl::StrAppend(&text, ", within ", mix.deadline->count(), " ms");
  }
  if (mix.priority > 0) {
    absl::StrAppend(&text, ", priority ", mix.priority);
  }
  return text;
}

}  // namespace

std::string Workload::Describe() const {
  double total = 0;
  for (const RequestMix& mix : mixes) {
    total += mix.weight;
  }
  std::string text = name;
  for (const RequestMix& mix : mixes) {
    absl::StrAppend(&text, &mix == mixes.data() ? ": " : "; ");
    if (mixes.size() > 1) {
      absl::StrAppend(&text, 100 * mix.weight / total, " % ");
    }
    absl::StrAppend(&text, load::Describe(mix));
  }
  return text;
}

Workload DefaultWorkload() {
  RequestMix mix;
  // Cannot fail: a test reads the same file.
  ReadLines(
      "sentences.txt",
      absl::string_view(attention_demo_sentences, attention_demo_sentences_end -
                                                      attention_demo_sentences),
      [&](const std::string& /*place*/, absl::string_view line) {
        mix.sentences.emplace_back(line);
        return absl::OkStatus();
      })
      .IgnoreError();
  return {.name = "sentences", .mixes = {std::move(mix)}};
}

absl::StatusOr<Workload> ReadWorkload(const std::string& path) {
  ATTENTION_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  auto workload =
      ParseWorkload(text, std::filesystem::path(path).parent_path().string());
  if (!workload.ok()) {
    return absl::Status(workload.status().code(),
                        absl::StrCat(path, ": ", workload.status().message()));
  }
  return workload;
}

absl::StatusOr<Workload> ParseWorkload(const std::string& json,
                                       const std::string& folder) {
  if (json.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the workload has ", json.size(), " bytes, allowed are ",
                     kMaxFileBytes));
  }
  ATTENTION_ASSIGN_OR_RETURN(const Json object, ParseObject(json));
  return WorkloadParser(folder).Parse(object);
}

}  // namespace attention::load
