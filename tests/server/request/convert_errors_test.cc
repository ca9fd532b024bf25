// Proves that each kind of request that can never succeed is refused with a
// message that says what was wrong and what is allowed.
#include <cmath>
#include <functional>
#include <limits>
#include <ostream>
#include <string>

#include "core/attention/isa.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/request/convert.h"
#include "tests/support/attend_requests.h"
#include "tests/support/convert_message.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();

ModelWidths Layer() {
  return {.name = "minilm/0",
          .spec = {.num_heads = 2,
                   .num_kv_heads = 2,
                   .head_dim = 4,
                   .v_head_dim = 4},
          .embed_dim = 8,
          .kdim = 8,
          .vdim = 8};
}

ModelWidths Bf16Layer() {
  ModelWidths model = Layer();
  model.spec.compute_dtype = DType::kBF16;
  return model;
}

ModelWidths Sdpa() { return {.name = "sdpa", .is_sdpa = true}; }

const ConvertLimits kLimits = {
    .max_response_bytes = 5120, .max_sequences = 4, .max_tokens = 32};

MemoryBudget& Budget() {
  static MemoryBudget budget(1 << 30);
  return budget;
}

struct BadRequest {
  std::string name;
  ModelWidths model;
  std::function<void(v1::AttendRequest&)> spoil;
  std::string message;

  friend void PrintTo(const BadRequest& bad, std::ostream* out) {
    *out << bad.name;
  }
};

// What is spoiled: [2, 3, 8] for the layer, [2, 3, 2, 4] for sdpa.
v1::AttendRequest GoodRequest(const ModelWidths& model) {
  return model.is_sdpa ? SmallSdpaRequest() : SelfAttention("m", 2, 3, 8);
}

void SetQueries(v1::AttendRequest& r, const std::vector<std::int64_t>& shape) {
  *r.mutable_queries() = ZeroTensor(shape);
}

void SetShape(v1::AttendRequest& r, const std::vector<std::int64_t>& shape) {
  r.mutable_queries()->mutable_shape()->Assign(shape.begin(), shape.end());
}

void SetKeysValues(v1::AttendRequest& r, const std::vector<std::int64_t>& keys,
                   const std::vector<std::int64_t>& values) {
  *r.mutable_keys() = ZeroTensor(keys);
  *r.mutable_values() = ZeroTensor(values);
}

void SetLengths(v1::AttendRequest& r, const std::vector<std::int64_t>& q,
                const std::vector<std::int64_t>& kv = {}) {
  r.mutable_q_lengths()->Assign(q.begin(), q.end());
  r.mutable_kv_lengths()->Assign(kv.begin(), kv.end());
}

class BadRequestTest : public ::testing::TestWithParam<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedWithAMessage) {
  const BadRequest& bad = GetParam();
  v1::AttendRequest request = GoodRequest(bad.model);
  ASSERT_TRUE(ConvertMessage(request, bad.model, kLimits, Budget()).ok());
  bad.spoil(request);
  const auto converted = ConvertMessage(request, bad.model, kLimits, Budget());
  EXPECT_EQ(converted.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(converted.status().message()),
              HasSubstr(bad.message));
}

std::string NameOf(const ::testing::TestParamInfo<BadRequest>& info) {
  return info.param.name;
}

using R = v1::AttendRequest;

INSTANTIATE_TEST_SUITE_P(
    Tensors, BadRequestTest,
    ::testing::Values(
        BadRequest{"NoQueries", Layer(), [](R& r) { r.clear_queries(); },
                   "queries: absent, they are required"},
        BadRequest{"WrongWidth", Layer(),
                   [](R& r) { SetQueries(r, {2, 3, 6}); },
                   "queries: embed_dim is 6, model minilm/0 takes 8"},
        BadRequest{"WrongRank", Layer(),
                   [](R& r) { SetQueries(r, {2, 3, 2, 4}); },
                   "queries: shape has 4 dimensions, allowed are 2 or 3"},
        BadRequest{"WrongRankForSdpa", Sdpa(),
                   [](R& r) { SetQueries(r, {3, 8}); },
                   "queries: shape has 2 dimensions, allowed are 3 or 4"},
        BadRequest{"NoShape", Layer(), [](R& r) { SetQueries(r, {}); },
                   "queries: shape has 0 dimensions, allowed are 2 or 3"},
        BadRequest{
            "TooFewBytes", Layer(),
            [](R& r) { r.mutable_queries()->mutable_data()->pop_back(); },
            "queries: data has 191 bytes, shape [2, 3, 8] of F32 takes "
            "48 x 4"},
        BadRequest{"BytesOfAnotherType", Layer(),
                   [](R& r) { r.mutable_queries()->set_dtype(v1::DTYPE_F16); },
                   "queries: data has 192 bytes, shape [2, 3, 8] of F16 takes "
                   "48 x 2"},
        BadRequest{"NegativeDimension", Layer(),
                   [](R& r) { SetShape(r, {2, -3, 8}); }, "queries: "},
        BadRequest{"TwoNegativeDimensions", Layer(),
                   [](R& r) { SetShape(r, {-2, -3, 8}); }, "queries: "},
        BadRequest{"OverflowingShape", Layer(),
                   [](R& r) { SetShape(r, {kMax, kMax, 8}); }, "queries: "},
        BadRequest{"OverflowingBytes", Layer(),
                   [](R& r) { SetShape(r, {kMax / 8, 1, 8}); }, "queries: "},
        BadRequest{"ZeroTokens", Layer(),
                   [](R& r) { SetQueries(r, {2, 0, 8}); },
                   "queries: shape [2, 0, 8] holds no tokens"},
        BadRequest{"ZeroBatch", Layer(), [](R& r) { SetQueries(r, {0, 3, 8}); },
                   "queries: shape [0, 3, 8] holds no tokens"},
        BadRequest{"UnknownDType", Layer(),
                   [](R& r) {
                     r.mutable_queries()->set_dtype(static_cast<v1::DType>(99));
                   },
                   "queries: dtype is 99, allowed are DTYPE_F32, DTYPE_F16, "
                   "DTYPE_BF16"},
        BadRequest{"BooleanQueries", Layer(),
                   [](R& r) { r.mutable_queries()->set_dtype(v1::DTYPE_BOOL); },
                   "queries: dtype is DTYPE_BOOL, allowed are DTYPE_F32"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Lengths, BadRequestTest,
    ::testing::Values(
        BadRequest{"Negative", Layer(), [](R& r) { SetLengths(r, {3, -1}); },
                   "q_lengths[1] is -1, allowed is [1, 3]"},
        BadRequest{"Zero", Layer(), [](R& r) { SetLengths(r, {0, 3}); },
                   "q_lengths[0] is 0, allowed is [1, 3]"},
        BadRequest{"BeyondTheTensor", Layer(),
                   [](R& r) { SetLengths(r, {3, 4}); },
                   "q_lengths[1] is 4, allowed is [1, 3]"},
        BadRequest{"Overflowing", Layer(),
                   [](R& r) { SetLengths(r, {3, kMax}); },
                   "q_lengths[1] is 9223372036854775807, allowed is [1, 3]"},
        BadRequest{"TooFew", Layer(), [](R& r) { SetLengths(r, {3}); },
                   "q_lengths: 1 lengths, the batch has 2 sequences"},
        BadRequest{"PackedWithout", Layer(),
                   [](R& r) { SetQueries(r, {6, 8}); },
                   "q_lengths: absent, packed tensors need the length of every "
                   "sequence"},
        BadRequest{"PackedWrongSum", Layer(),
                   [](R& r) {
                     SetQueries(r, {6, 8});
                     SetLengths(r, {3, 2});
                   },
                   "q_lengths: lengths add up to 5, the tensor holds 6 tokens"},
        BadRequest{"PackedOverflowingSum", Layer(),
                   [](R& r) {
                     SetQueries(r, {6, 8});
                     SetLengths(r, {kMax, kMax});
                   },
                   "q_lengths[0] is 9223372036854775807, allowed is [1, 6]"},
        BadRequest{"KvWithoutKeys", Layer(),
                   [](R& r) { SetLengths(r, {3, 3}, {3, 3}); },
                   "kv_lengths: given without keys and values"},
        BadRequest{"KvCountDiffers", Layer(),
                   [](R& r) {
                     SetKeysValues(r, {2, 5, 8}, {2, 5, 8});
                     SetLengths(r, {3, 3}, {5});
                   },
                   "kv_lengths: 1 lengths, the batch has 2 sequences"},
        BadRequest{"KvNegative", Layer(),
                   [](R& r) {
                     SetKeysValues(r, {2, 5, 8}, {2, 5, 8});
                     SetLengths(r, {3, 3}, {5, -1});
                   },
                   "kv_lengths[1] is -1, allowed is [0, 5]"},
        BadRequest{"PackedKvCountDiffers", Layer(),
                   [](R& r) {
                     SetQueries(r, {6, 8});
                     SetKeysValues(r, {5, 8}, {5, 8});
                     SetLengths(r, {3, 3}, {5});
                   },
                   "kv_lengths: 1 lengths, q_lengths has 2"},
        BadRequest{"PackedKvZero", Layer(),
                   [](R& r) {
                     SetQueries(r, {6, 8});
                     SetKeysValues(r, {5, 8}, {5, 8});
                     SetLengths(r, {3, 3}, {5, 0});
                   },
                   "kv_lengths[1] is 0, allowed is [1, 5]"},
        BadRequest{"TooManySequences", Layer(),
                   [](R& r) { SetQueries(r, {5, 1, 8}); },
                   "queries: 5 sequences, allowed are 4 (--max-sequences)"},
        BadRequest{"TooManyTokens", Layer(),
                   [](R& r) { SetQueries(r, {3, 11, 8}); },
                   "request: 33 tokens, a batch may hold 32 "
                   "(--max-batch-tokens)"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    KeysAndValues, BadRequestTest,
    ::testing::Values(
        BadRequest{"KeysAlone", Layer(),
                   [](R& r) { *r.mutable_keys() = ZeroTensor({2, 5, 8}); },
                   "keys are given without values"},
        BadRequest{"ValuesAlone", Layer(),
                   [](R& r) { *r.mutable_values() = ZeroTensor({2, 5, 8}); },
                   "values are given without keys"},
        BadRequest{"OtherBatch", Layer(),
                   [](R& r) { SetKeysValues(r, {3, 5, 8}, {3, 5, 8}); },
                   "keys: batch is 3, queries have 2"},
        BadRequest{"OtherTokens", Layer(),
                   [](R& r) { SetKeysValues(r, {2, 5, 8}, {2, 4, 8}); },
                   "values: shape [2, 4, 8] does not fit keys [2, 5, 8]"},
        BadRequest{"OtherLayout", Layer(),
                   [](R& r) { SetKeysValues(r, {5, 8}, {5, 8}); },
                   "keys: shape has 2 dimensions, allowed are 3"},
        BadRequest{"WrongKdim", Layer(),
                   [](R& r) { SetKeysValues(r, {2, 5, 6}, {2, 5, 8}); },
                   "keys: kdim is 6, model minilm/0 takes 8"},
        BadRequest{"WrongVdim", Layer(),
                   [](R& r) { SetKeysValues(r, {2, 5, 8}, {2, 5, 6}); },
                   "values: vdim is 6, model minilm/0 takes 8"},
        BadRequest{"SdpaHeadsDoNotDivide", Sdpa(),
                   [](R& r) { SetKeysValues(r, {2, 5, 3, 4}, {2, 5, 3, 4}); },
                   "keys: num_kv_heads is 3, it must divide num_heads 2"},
        BadRequest{"SdpaHeadsDiffer", Sdpa(),
                   [](R& r) { SetKeysValues(r, {2, 5, 2, 4}, {2, 5, 1, 4}); },
                   "values: num_kv_heads is 1, keys have 2"},
        BadRequest{"SdpaHeadDimDiffers", Sdpa(),
                   [](R& r) { SetKeysValues(r, {2, 5, 2, 5}, {2, 5, 2, 4}); },
                   "keys: head_dim is 5, queries have 4"},
        BadRequest{"SdpaTooManyHeads", Sdpa(),
                   [](R& r) { SetQueries(r, {1, 1, 4097, 1}); },
                   "queries: num_heads is 4097, allowed is [1, 4096]"},
        BadRequest{"SdpaHeadTooWide", Sdpa(),
                   [](R& r) { SetQueries(r, {1, 1, 1, 1025}); },
                   "queries: head_dim is 1025, allowed is [1, 1024]"},
        BadRequest{
            "SdpaValueHeadTooWide", Sdpa(),
            [](R& r) { SetKeysValues(r, {2, 5, 2, 4}, {2, 5, 2, 1025}); },
            "values: v_head_dim is 1025, allowed is [1, 1024]"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Options, BadRequestTest,
    ::testing::Values(
        BadRequest{"MaskShape", Layer(),
                   [](R& r) { *r.mutable_attn_mask() = ZeroTensor({3, 4}); },
                   "attn_mask: shape [3, 4] does not broadcast to [batch, "
                   "num_heads, q_len, kv_len] = [2, 2, 3, 3]"},
        BadRequest{
            "MaskRank", Layer(),
            [](R& r) { *r.mutable_attn_mask() = ZeroTensor({1, 1, 1, 3, 3}); },
            "attn_mask: shape has 5 dimensions, allowed are 0 to 4"},
        BadRequest{"MaskZero", Layer(),
                   [](R& r) { *r.mutable_attn_mask() = ZeroTensor({0, 3}); },
                   "attn_mask: shape [0, 3] does not broadcast"},
        BadRequest{"MaskBytes", Layer(),
                   [](R& r) {
                     *r.mutable_attn_mask() = ZeroTensor({3, 3});
                     r.mutable_attn_mask()->set_dtype(v1::DTYPE_BOOL);
                   },
                   "attn_mask: data has 36 bytes, shape [3, 3] of BOOL takes "
                   "9 x 1"},
        BadRequest{"MaskDType", Layer(),
                   [](R& r) {
                     *r.mutable_attn_mask() = ZeroTensor({3, 3});
                     r.mutable_attn_mask()->set_dtype(
                         static_cast<v1::DType>(7));
                   },
                   "attn_mask: dtype is 7, allowed are DTYPE_F32, DTYPE_F16, "
                   "DTYPE_BF16 and DTYPE_BOOL"},
        BadRequest{"ScaleNaN", Layer(),
                   [](R& r) { r.set_scale(std::nanf("")); },
                   "scale is nan, it must be finite"},
        BadRequest{
            "ScaleInf", Layer(),
            [](R& r) { r.set_scale(std::numeric_limits<float>::infinity()); },
            "scale is inf, it must be finite"},
        BadRequest{
            "UnknownWeights", Layer(),
            [](R& r) { r.set_attn_weights(static_cast<v1::AttnWeights>(5)); },
            "attn_weights is 5, allowed are ATTN_WEIGHTS_NONE"},
        BadRequest{"BooleanOutput", Layer(),
                   [](R& r) { r.set_output_dtype(v1::DTYPE_BOOL); },
                   "output_dtype is DTYPE_BOOL, allowed are DTYPE_F32"},
        BadRequest{"ResidualOfOtherWidth", Sdpa(),
                   [](R& r) {
                     SetKeysValues(r, {2, 5, 2, 4}, {2, 5, 2, 6});
                     r.set_residual(true);
                   },
                   "residual: contexts have v_head_dim 6, queries have "
                   "head_dim 4"},
        BadRequest{"LongId", Layer(),
                   [](R& r) { r.set_id(std::string(257, 'x')); },
                   "id: 257 bytes, allowed are 256"},
        BadRequest{"LargeContexts", Sdpa(),
                   [](R& r) { SetKeysValues(r, {2, 5, 2, 4}, {2, 5, 2, 512}); },
                   "contexts would be [2, 3, 2, 512] of F32, a response may "
                   "hold 4096 bytes of it (--max-response-bytes)"},
        BadRequest{"LargeWeights", Layer(),
                   [](R& r) {
                     SetQueries(r, {2, 16, 8});
                     r.set_attn_weights(v1::ATTN_WEIGHTS_PER_HEAD);
                   },
                   "attn_weights would be [2, 2, 16, 16] of F32, a response "
                   "may hold 3072 bytes"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    ComputeDTypes, BadRequestTest,
    ::testing::Values(
        BadRequest{"F16", Layer(),
                   [](R& r) { r.set_compute_dtype(v1::DTYPE_F16); },
                   "compute_dtype is DTYPE_F16, allowed are DTYPE_F32, "
                   "DTYPE_BF16"},
        BadRequest{"Boolean", Sdpa(),
                   [](R& r) { r.set_compute_dtype(v1::DTYPE_BOOL); },
                   "compute_dtype is DTYPE_BOOL, allowed are DTYPE_F32, "
                   "DTYPE_BF16"},
        BadRequest{
            "Unknown", Sdpa(),
            [](R& r) { r.set_compute_dtype(static_cast<v1::DType>(99)); },
            "compute_dtype is 99, allowed are DTYPE_F32, DTYPE_BF16"},
        BadRequest{"Bf16OfAModelInF32", Layer(),
                   [](R& r) { r.set_compute_dtype(v1::DTYPE_BF16); },
                   "compute_dtype: request wants bf16, model minilm/0 computes "
                   "in f32; leave it out, or name a model that is loaded with "
                   "compute_dtype=bf16"},
        BadRequest{"F32OfAModelInBf16", Bf16Layer(),
                   [](R& r) { r.set_compute_dtype(v1::DTYPE_F32); },
                   "compute_dtype: request wants f32, model minilm/0 computes "
                   "in bf16; leave it out, or name a model that is loaded with "
                   "compute_dtype=f32"},
        BadRequest{"OddHeadsOfSdpa", Sdpa(),
                   [](R& r) {
                     SetQueries(r, {2, 3, 2, 3});
                     r.set_compute_dtype(v1::DTYPE_BF16);
                   },
                   "request: head_dim is 3, must be even for compute_dtype "
                   "bf16; f32 takes any"}),
    NameOf);

TEST(BadRequestTest, Bf16OfSdpaNeedsItsInstruction) {
  if (HasBf16Products()) GTEST_SKIP() << "this CPU has AVX512_BF16";
  v1::AttendRequest request = SmallSdpaRequest();
  request.set_compute_dtype(v1::DTYPE_BF16);
  const auto converted = ConvertMessage(request, Sdpa(), kLimits, Budget());
  EXPECT_EQ(converted.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(converted.status().message()),
              HasSubstr("request: compute_dtype bf16 needs AVX512_BF16, which "
                        "this CPU lacks"));
}

TEST(BadRequestTest, SelfAttentionNeedsKeysWhereTheirWidthDiffers) {
  ModelWidths model = Layer();
  model.kdim = 6;
  const v1::AttendRequest request = SelfAttention("m", 2, 3, 8);
  const auto converted = ConvertMessage(request, model, kLimits, Budget());
  EXPECT_THAT(std::string(converted.status().message()),
              HasSubstr("keys and values are absent, model minilm/0 takes kdim "
                        "6 and vdim 8"));
}

TEST(BadRequestTest, AnAnswerThatTheBudgetHasNoRoomForIsRefused) {
  const v1::AttendRequest request = SelfAttention("m", 2, 3, 8);
  // Contexts take 2 * 3 * 8 * 4 bytes.
  MemoryBudget large(192);
  EXPECT_TRUE(ConvertMessage(request, Layer(), kLimits, large).ok());
  MemoryBudget small(191);
  EXPECT_EQ(ConvertMessage(request, Layer(), kLimits, small).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(small.used_bytes(), 0);
  EXPECT_EQ(large.used_bytes(), 0);
}

// The limits themselves are allowed.
TEST(LimitsTest, TakeTheLargestAllowed) {
  v1::AttendRequest request = SelfAttention("m", 4, 8, 8);
  request.set_id(std::string(256, 'x'));
  EXPECT_TRUE(ConvertMessage(request, Layer(), kLimits, Budget()).ok());
}

}  // namespace
}  // namespace attention
