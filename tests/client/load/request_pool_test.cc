// Proves that requests are what the workload says, in every layout; that they
// are messages of the API; that the same seed gives the same bytes; and that a
// workload which the models cannot answer is refused before anything is sent.
#include "client/load/request_pool.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <numeric>
#include <set>

#include "attention/v1/attention.pb.h"
#include "client/cli/demo_embeddings.h"
#include "client/cli/tensor_convert.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "inference/grpc_service.pb.h"

namespace attention::load {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

ModelInfo Layer(const std::string& name, std::int64_t embed_dim,
                std::int64_t kdim, std::int64_t vdim) {
  return {.name = name,
          .embed_dim = embed_dim,
          .kdim = kdim,
          .vdim = vdim,
          .compute_dtype = ElementType::kF32,
          .max_tokens = 4096,
          .masks = {"boolean", "float", "causal", "lengths"}};
}

std::vector<ModelInfo> Models() {
  ModelInfo sdpa = Layer("sdpa", 0, 0, 0);
  sdpa.compute_dtype.reset();
  ModelInfo fast = Layer("fast", 8, 8, 8);
  fast.compute_dtype = ElementType::kBF16;
  return {sdpa, Layer("minilm/0", 384, 384, 384), Layer("cross", 8, 6, 4),
          fast};
}

std::vector<PreparedRequest> Prepare(const RequestMix& mix, int distinct = 1,
                                     std::uint64_t seed = 1) {
  auto requests = PrepareRequests(
      {.seed = seed, .distinct = distinct, .mixes = {mix}}, Models());
  EXPECT_TRUE(requests.ok()) << requests.status();
  return *std::move(requests);
}

std::string Refusal(const RequestMix& mix, int distinct = 2) {
  const auto requests =
      PrepareRequests({.distinct = distinct, .mixes = {{}, mix}}, Models());
  EXPECT_EQ(requests.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(requests.status().message());
}

std::string Bytes(const PreparedRequest& request) {
  std::string bytes;
  for (const MessagePiece& piece : request.message) {
    bytes.append(reinterpret_cast<const char*>(piece.bytes.data()),
                 piece.bytes.size());
  }
  return bytes;
}

v1::AttendRequest Parse(const PreparedRequest& request) {
  v1::AttendRequest message;
  EXPECT_TRUE(message.ParseFromString(Bytes(request)));
  return message;
}

Lengths Listed(std::vector<std::int64_t> lengths) {
  return {.kind = Lengths::Kind::kListed, .listed = std::move(lengths)};
}

TEST(RequestPoolTest, PadsSequencesWithZeros) {
  const auto requests = Prepare({.batch = 3, .lengths = Listed({2, 5, 9})}, 20);

  for (const PreparedRequest& request : requests) {
    const AttendCall& call = request.call;
    ASSERT_EQ(call.q_lengths.size(), 3U);
    const std::int64_t longest =
        *std::max_element(call.q_lengths.begin(), call.q_lengths.end());
    EXPECT_THAT(call.queries.shape, ElementsAre(3, longest, 384));
    EXPECT_THAT(call.kv_lengths, IsEmpty());
    EXPECT_FALSE(call.keys);
    EXPECT_EQ(request.tokens,
              std::accumulate(call.q_lengths.begin(), call.q_lengths.end(),
                              std::int64_t{0}));
    const auto values = call.queries.f32();
    for (std::int64_t i = 0; i < 3 * longest * 384; ++i) {
      const std::int64_t row = i / 384 % longest;
      if (row >= call.q_lengths[i / 384 / longest]) {
        EXPECT_EQ(values[i], 0);
      }
    }
  }
}

TEST(RequestPoolTest, PacksSequences) {
  for (const PreparedRequest& request :
       Prepare({.batch = 4, .lengths = Listed({2, 5, 9}), .packed = true}, 5)) {
    EXPECT_EQ(request.call.q_lengths.size(), 4U);
    EXPECT_THAT(request.call.queries.shape, ElementsAre(request.tokens, 384));
  }
}

TEST(RequestPoolTest, InputsAreNearStandardNormal) {
  const auto requests = Prepare({.lengths = {.value = 256}});
  double sum = 0;
  double squares = 0;
  for (const float value : requests[0].call.queries.f32()) {
    sum += value;
    squares += double{value} * value;
  }
  constexpr double kCount = 256 * 384;
  EXPECT_NEAR(sum / kCount, 0, 0.02);
  EXPECT_NEAR(squares / kCount, 1, 0.02);
}

TEST(RequestPoolTest, MessagesAreTheCallAndShareItsTensors) {
  const auto requests = Prepare({.model = "cross",
                                 .batch = 2,
                                 .lengths = Listed({3, 4}),
                                 .dtype = ElementType::kF16,
                                 .output_dtype = ElementType::kF32,
                                 .compute_dtype = ElementType::kF32,
                                 .mask = MaskKind::kFloat,
                                 .attn_weights = ReturnWeights::kPerHead,
                                 .deadline = std::chrono::milliseconds(7),
                                 .priority = 2});
  const PreparedRequest& request = requests[0];
  const v1::AttendRequest message = Parse(request);

  EXPECT_EQ(request.message_bytes,
            static_cast<std::int64_t>(Bytes(request).size()));
  EXPECT_EQ(request.deadline, std::chrono::milliseconds(7));
  EXPECT_EQ(message.model(), "cross");
  EXPECT_EQ(message.queries().dtype(), v1::DTYPE_F16);
  EXPECT_THAT(message.queries().shape(), testing::SizeIs(3));
  EXPECT_EQ(message.queries().shape(2), 8);
  EXPECT_EQ(message.keys().shape(2), 6);
  EXPECT_EQ(message.values().shape(2), 4);
  EXPECT_EQ(message.attn_mask().dtype(), v1::DTYPE_F16);
  EXPECT_EQ(message.output_dtype(), v1::DTYPE_F32);
  EXPECT_EQ(message.compute_dtype(), v1::DTYPE_F32);
  EXPECT_EQ(message.attn_weights(), v1::ATTN_WEIGHTS_PER_HEAD);
  EXPECT_EQ(message.priority(), 2U);
  EXPECT_FALSE(message.is_causal());
  EXPECT_TRUE(std::equal(message.q_lengths().begin(), message.q_lengths().end(),
                         message.kv_lengths().begin(),
                         message.kv_lengths().end()));
  // Nothing large is copied when it is sent.
  const Tensor* const tensors[] = {&request.call.queries, &*request.call.keys,
                                   &*request.call.values,
                                   &*request.call.attn_mask};
  for (const Tensor* tensor : tensors) {
    EXPECT_NE(tensor->owner, nullptr);
    EXPECT_TRUE(std::any_of(request.message.begin(), request.message.end(),
                            [tensor](const MessagePiece& piece) {
                              return piece.bytes.data() ==
                                         tensor->bytes.data() &&
                                     piece.bytes.size() == tensor->bytes.size();
                            }));
  }
}

TEST(RequestPoolTest, EveryProtocolIsSentTheSameCalls) {
  const Workload workload{.distinct = 4,
                          .mixes = {{.batch = 2, .lengths = Listed({2, 5})}}};
  const auto typed = PrepareRequests(workload, Models());
  const auto oip = PrepareRequests(workload, Models(), kMaxPoolBytes,
                                   OpenInferenceProtocol());
  ASSERT_TRUE(typed.ok() && oip.ok());
  for (std::size_t i = 0; i < 4; ++i) {
    ::inference::ModelInferRequest message;
    ASSERT_TRUE(message.ParseFromString(Bytes((*oip)[i])));
    EXPECT_EQ(message.model_name(), "minilm/0");
    EXPECT_THAT(message.raw_input_contents(),
                testing::Contains(Parse((*typed)[i]).queries().data()));
    EXPECT_EQ((*oip)[i].message_bytes,
              static_cast<std::int64_t>(Bytes((*oip)[i]).size()));
  }
}

TEST(RequestPoolTest, SdpaHasHeadsOfItsOwn) {
  const RequestMix mix{.model = "sdpa",
                       .lengths = {.value = 5},
                       .mask = MaskKind::kCausal,
                       .num_heads = 8,
                       .num_kv_heads = 2,
                       .head_dim = 16};
  const AttendCall call = Prepare(mix)[0].call;

  EXPECT_THAT(call.queries.shape, ElementsAre(1, 5, 8, 16));
  EXPECT_THAT(call.keys->shape, ElementsAre(1, 5, 2, 16));
  EXPECT_THAT(call.values->shape, ElementsAre(1, 5, 2, 16));
  EXPECT_TRUE(call.is_causal);
  EXPECT_FALSE(call.attn_mask);
  EXPECT_EQ(call.compute_dtype, std::nullopt);
}

TEST(RequestPoolTest, BooleanMasksLeaveEveryRowAKeyOfItsSequence) {
  for (const bool packed : {false, true}) {
    const auto requests = Prepare({.batch = 3,
                                   .lengths = Listed({1, 2, 30}),
                                   .packed = packed,
                                   .mask = MaskKind::kBoolean},
                                  10);
    double taking_part = 0;
    double all = 0;
    for (const PreparedRequest& request : requests) {
      const Tensor& mask = *request.call.attn_mask;
      const std::int64_t longest = mask.shape[2];
      EXPECT_THAT(mask.shape, ElementsAre(3, 1, longest, longest));
      EXPECT_EQ(mask.dtype, ElementType::kBool);
      for (std::int64_t b = 0; b < 3; ++b) {
        const std::int64_t length = request.call.q_lengths[b];
        for (std::int64_t q = 0; q < length; ++q) {
          const auto row =
              mask.bytes.subspan((b * longest + q) * longest, length);
          const auto keys = std::count(row.begin(), row.end(), std::byte{1});
          EXPECT_GE(keys, 1);
          taking_part += static_cast<double>(keys);
          all += static_cast<double>(length);
        }
      }
    }
    EXPECT_NEAR(taking_part / all, 0.75, 0.05);
  }
}

TEST(RequestPoolTest, SentencesAreTheirEmbeddings) {
  const std::vector<std::string> sentences{"Hello, world!", "Attention."};
  const DemoEmbeddings demo = DemoEmbeddings::Load().value();
  std::set<std::string> seen;
  for (const PreparedRequest& request :
       Prepare({.packed = true, .sentences = sentences}, 20)) {
    const auto values = request.call.queries.f32();
    for (const std::string& sentence : sentences) {
      const EmbeddedText embedded = demo.Embed(sentence).value();
      if (std::equal(values.begin(), values.end(), embedded.embeddings.begin(),
                     embedded.embeddings.end())) {
        seen.insert(sentence);
        EXPECT_EQ(request.tokens,
                  static_cast<std::int64_t>(embedded.tokens.size()));
      }
    }
  }
  EXPECT_EQ(seen.size(), 2U);
}

// A workload of "cross", "fast" and "minilm/0" with these weights: how often
// each is there.
std::map<std::string, int> Counts(const std::vector<double>& weights,
                                  int distinct, std::uint64_t seed) {
  const char* const models[] = {"cross", "fast", "minilm/0"};
  Workload workload{.seed = seed, .distinct = distinct};
  for (std::size_t i = 0; i < weights.size(); ++i) {
    workload.mixes.push_back(
        {.weight = weights[i], .model = models[i], .lengths = {.value = 1}});
  }
  const auto requests = PrepareRequests(workload, Models());
  EXPECT_TRUE(requests.ok()) << requests.status();
  std::map<std::string, int> counts;
  for (const PreparedRequest& request : *requests) {
    ++counts[request.call.model];
  }
  return counts;
}

TEST(RequestPoolTest, EachMixGivesItsShare) {
  using Expected = std::map<std::string, int>;
  for (const std::uint64_t seed : {1, 2, 3}) {
    EXPECT_EQ(Counts({30, 10}, 2000, seed),
              (Expected{{"cross", 1500}, {"fast", 500}}));
    // 4.67, 3.33 and 2: the largest remainder takes the one that is left.
    EXPECT_EQ(Counts({7, 5, 3}, 10, seed),
              (Expected{{"cross", 5}, {"fast", 3}, {"minilm/0", 2}}));
    // A tenth and two tenths of a request are one each.
    EXPECT_EQ(Counts({97, 1, 2}, 10, seed),
              (Expected{{"cross", 8}, {"fast", 1}, {"minilm/0", 1}}));
    EXPECT_EQ(Counts({1e6, 1e-6, 1}, 3, seed),
              (Expected{{"cross", 1}, {"fast", 1}, {"minilm/0", 1}}));
  }
}

TEST(RequestPoolTest, MixesComeInRandomOrder) {
  const auto order = [](std::uint64_t seed) {
    const auto requests =
        PrepareRequests({.seed = seed,
                         .distinct = 64,
                         .mixes = {{.model = "cross", .lengths = {.value = 1}},
                                   {.model = "fast", .lengths = {.value = 1}}}},
                        Models());
    EXPECT_TRUE(requests.ok()) << requests.status();
    std::string letters;
    for (const PreparedRequest& request : *requests) {
      letters += request.call.model[0];
    }
    return letters;
  };

  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
  // Both in each half: all on one side has a chance of 1e-18.
  EXPECT_THAT(order(1).substr(0, 32), AllOf(HasSubstr("c"), HasSubstr("f")));
}

TEST(RequestPoolTest, RefusesFewerRequestsThanMixes) {
  EXPECT_EQ(Refusal({.model = "cross"}, 1),
            "distinct is 1, must be at least 2, one request for each of "
            "mixes[0] (minilm/0), mixes[1] (cross)");
}

TEST(RequestPoolTest, SaysTheTypeOfModelsThatDoNotComputeInF32) {
  // Who judges the answer knows by it how exact it can be.
  EXPECT_EQ(Prepare({.model = "fast"})[0].call.compute_dtype,
            ElementType::kBF16);
  EXPECT_EQ(Prepare({.model = "cross"})[0].call.compute_dtype, std::nullopt);
}

TEST(RequestPoolTest, TheSameSeedGivesTheSameBytesAndAnotherOthers) {
  const RequestMix mix{.batch = 2,
                       .lengths = {.kind = Lengths::Kind::kLogNormal,
                                   .mean = 10,
                                   .sigma = 0.6,
                                   .max = 30},
                       .mask = MaskKind::kBoolean};
  const auto a = Prepare(mix, 3, 5);
  const auto b = Prepare(mix, 3, 5);
  const auto c = Prepare(mix, 3, 6);

  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Bytes(a[i]), Bytes(b[i]));
    EXPECT_NE(Bytes(a[i]), Bytes(c[i]));
  }
  EXPECT_NE(Bytes(a[0]), Bytes(a[1]));
}

TEST(RequestPoolTest, RequestsAreTheSameInEveryBuild) {
  // Computed in Python, generator included.
  const RequestMix mix{.model = "cross",
                       .batch = 6,
                       .lengths = {.kind = Lengths::Kind::kLogNormal,
                                   .mean = 10,
                                   .sigma = 0.6,
                                   .max = 30},
                       .packed = true};
  const auto requests = Prepare(mix, 1, 42);

  EXPECT_THAT(requests[0].call.q_lengths, ElementsAre(9, 5, 8, 6, 15, 11));
  const auto values = requests[0].call.queries.f32();
  EXPECT_FLOAT_EQ(values[0], -0.6280587066018448F);
  EXPECT_FLOAT_EQ(values[1], 2.0770285176372827F);
  EXPECT_FLOAT_EQ(values[2], -0.2684129028887534F);
}

TEST(RequestPoolTest, NamesTheModelsThatThereAre) {
  EXPECT_EQ(Refusal({.model = "bert/0"}),
            "mixes[1].model is \"bert/0\", the server has sdpa, minilm/0, "
            "cross, fast");
  std::vector<ModelInfo> many;
  for (int i = 0; i < 12; ++i) {
    many.push_back(Layer("m/" + std::to_string(i), 8, 8, 8));
  }
  const auto requests = PrepareRequests({.mixes = {{}}}, many);
  EXPECT_THAT(std::string(requests.status().message()),
              HasSubstr("m/8, m/9 and 2 more"));
}

TEST(RequestPoolTest, RefusesMoreTokensThanTheModelTakes) {
  const RequestMix at_limit{.batch = 4, .lengths = {.value = 1024}};
  EXPECT_EQ(Prepare(at_limit)[0].tokens, 4096);

  RequestMix beyond{.weight = 1e6, .batch = 1, .lengths = {.value = 4097}};
  EXPECT_THAT(Refusal(beyond),
              AllOf(HasSubstr("mixes[1] gives a request of 4097 tokens, "
                              "minilm/0 takes at most 4096"),
                    HasSubstr("lower batch or the lengths")));
}

TEST(RequestPoolTest, RefusesSentencesForAnotherWidth) {
  EXPECT_THAT(Refusal({.model = "cross", .sentences = {"Hello."}}),
              HasSubstr("mixes[1].sentences: embeddings are 384 wide, queries, "
                        "keys and values of cross are 8, 6 and 4"));
}

TEST(RequestPoolTest, RefusesASentenceThatIsTooLong) {
  std::string longest;
  for (int i = 0; i < 600; ++i) longest += "word ";
  EXPECT_THAT(Refusal({.weight = 1e6, .sentences = {longest}}),
              HasSubstr("mixes[1].sentences: "));
}

TEST(RequestPoolTest, RefusesAComputeDtypeThatTheModelHasNot) {
  EXPECT_EQ(Refusal({.model = "fast", .compute_dtype = ElementType::kF32}),
            "mixes[1].compute_dtype is f32, model fast computes in bf16; leave "
            "it out");
}

TEST(RequestPoolTest, RefusesAMaskThatTheModelDoesNotTake) {
  ModelInfo plain = Layer("minilm/0", 384, 384, 384);
  plain.masks = {"causal"};
  const auto requests =
      PrepareRequests({.mixes = {{.mask = MaskKind::kFloat}}}, {plain});

  EXPECT_EQ(std::string(requests.status().message()),
            "mixes[0].mask is float, model minilm/0 takes causal");
}

TEST(RequestPoolTest, RefusesRequestsThatDoNotFitAMessageOrTheMemory) {
  ModelInfo wide = Layer("minilm/0", 1 << 20, 1 << 20, 1 << 20);
  const auto one = PrepareRequests(
      {.distinct = 1, .mixes = {{.lengths = {.value = 1024}}}}, {wide});
  EXPECT_THAT(std::string(one.status().message()),
              HasSubstr("gives a request of 4294967296 bytes, a message holds "
                        "2147483647"));

  ModelInfo sdpa = Models()[0];
  sdpa.max_tokens = 1 << 20;
  const auto mask = PrepareRequests({.mixes = {{.model = "sdpa",
                                                .lengths = {.value = 1 << 20},
                                                .mask = MaskKind::kBoolean,
                                                .head_dim = 1}}},
                                    {sdpa});
  EXPECT_THAT(std::string(mask.status().message()),
              HasSubstr("a message holds 2147483647"));
}

TEST(RequestPoolTest, RefusesMoreBytesThanAllowed) {
  // Queries of 3 * 2 * 8 numbers, three times.
  const Workload workload{
      .distinct = 3,
      .mixes = {{.model = "fast", .batch = 2, .lengths = {.value = 3}}}};
  const auto refused = PrepareRequests(workload, Models(), 3 * 192 - 1);

  EXPECT_TRUE(PrepareRequests(workload, Models(), 3 * 192).ok());
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(std::string(refused.status().message()),
            "the requests take more than 575 bytes; lower distinct, batch or "
            "the lengths");
}

TEST(RequestPoolTest, RefusesWidthsThatNoModelHas) {
  for (const std::int64_t width :
       {std::int64_t{0}, std::int64_t{-1}, (std::int64_t{1} << 22) + 1,
        std::numeric_limits<std::int64_t>::max()}) {
    const auto requests = PrepareRequests(
        {.mixes = {{}}}, {Layer("minilm/0", width, width, width)});
    EXPECT_THAT(std::string(requests.status().message()),
                HasSubstr("this client takes 1 to 4194304"));
  }
}

}  // namespace
}  // namespace attention::load
