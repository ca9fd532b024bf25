// Proves that conversion makes the right views: each sequence's rows, masks and
// outputs lie where the layouts of the API put them, nothing is copied, and
// padding is zero.
#include "server/request/convert.h"

#include <cstring>
#include <string>
#include <vector>

#include "core/attention/isa.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/convert_message.h"

namespace attention {
namespace {

const ConvertLimits kLimits = {
    .max_response_bytes = 1 << 20, .max_sequences = 64, .max_tokens = 4096};

ModelWidths CrossLayer() {
  return {.name = "cross",
          .spec = {.num_heads = 2,
                   .num_kv_heads = 2,
                   .head_dim = 4,
                   .v_head_dim = 4},
          .embed_dim = 8,
          .kdim = 6,
          .vdim = 10};
}

ModelWidths SelfLayer() {
  ModelWidths model = CrossLayer();
  model.kdim = 8;
  model.vdim = 8;
  return model;
}

ModelWidths Sdpa() { return {.name = "sdpa", .is_sdpa = true}; }

std::ptrdiff_t Offset(const std::byte* data, const v1::Tensor& tensor) {
  return data - reinterpret_cast<const std::byte*>(tensor.data().data());
}

MemoryBudget& Budget() {
  static MemoryBudget budget(1 << 30);
  return budget;
}

ConvertedRequest MustConvert(const v1::AttendRequest& request,
                             const ModelWidths& model) {
  auto converted = ConvertMessage(request, model, kLimits, Budget());
  EXPECT_TRUE(converted.ok()) << converted.status();
  return *std::move(converted);
}

// What the engine does, which writes every element of every sequence, and what
// is done before the answer is sent.
void FillOutputs(ConvertedRequest& converted, std::int64_t contexts_width,
                 std::int64_t heads) {
  const float one = 1;
  for (Sequence& s : converted.sequences) {
    for (std::int64_t q = 0; q < s.q_len; ++q) {
      for (std::int64_t c = 0; c < contexts_width; ++c) {
        std::memcpy(s.contexts.data + (q * s.contexts.row_stride + c) * 4, &one,
                    4);
      }
      for (std::int64_t h = 0; h < heads; ++h) {
        for (std::int64_t k = 0; k < s.kv_len; ++k) {
          std::memcpy(
              s.attn_weights.data + (h * s.attn_weights.head_stride +
                                     q * s.attn_weights.row_stride + k) *
                                        4,
              &one, 4);
        }
      }
    }
  }
  converted.outputs.ZeroPadding(converted.layout);
}

std::vector<float> Floats(const OutputTensor& tensor) {
  std::vector<float> floats(static_cast<std::size_t>(tensor.bytes) / 4);
  std::memcpy(floats.data(), tensor.data.get(),
              static_cast<std::size_t>(tensor.bytes));
  return floats;
}

TEST(ConvertTest, PaddedCrossAttentionPointsIntoTheRequest) {
  v1::AttendRequest request = SelfAttention("cross", 2, 3, 8);
  *request.mutable_keys() = RampTensor({2, 5, 6});
  *request.mutable_values() = RampTensor({2, 5, 10});
  request.add_q_lengths(3);
  request.add_q_lengths(2);
  request.add_kv_lengths(0);
  request.add_kv_lengths(4);
  const ConvertedRequest converted = MustConvert(request, CrossLayer());

  ASSERT_EQ(converted.sequences.size(), 2u);
  EXPECT_EQ(converted.layout.tokens, 3 + 4);
  const Sequence& s = converted.sequences[1];
  EXPECT_EQ(s.q_len, 2);
  EXPECT_EQ(s.kv_len, 4);
  EXPECT_EQ(Offset(s.queries.data, request.queries()), 3 * 8 * 4);
  EXPECT_EQ(Offset(s.keys.data, request.keys()), 5 * 6 * 4);
  EXPECT_EQ(Offset(s.values.data, request.values()), 5 * 10 * 4);
  EXPECT_EQ(s.queries.row_stride, 8);
  EXPECT_EQ(s.keys.row_stride, 6);
  EXPECT_EQ(s.values.row_stride, 10);
  EXPECT_EQ(s.contexts.row_stride, 8);
  EXPECT_FLOAT_EQ(s.scale, 0.5f);
}

TEST(ConvertTest, PackedSequencesFollowOneAnother) {
  v1::AttendRequest request;
  *request.mutable_queries() = RampTensor({6, 8});
  for (const std::int64_t length : {1, 3, 2}) request.add_q_lengths(length);
  request.set_attn_weights(v1::ATTN_WEIGHTS_PER_HEAD);
  ConvertedRequest converted = MustConvert(request, SelfLayer());

  const Sequence& s = converted.sequences[2];
  EXPECT_EQ(s.kv_len, 2);
  EXPECT_EQ(Offset(s.queries.data, request.queries()), 4 * 8 * 4);
  EXPECT_EQ(s.keys.data, s.queries.data);
  EXPECT_EQ(s.values.data, s.queries.data);
  OutputTensor& weights = converted.outputs.attn_weights();
  EXPECT_EQ(weights.shape, (Shape{2 * (1 + 9 + 4)}));
  EXPECT_EQ(s.attn_weights.data - weights.data.get(), 2 * (1 + 9) * 4);
  EXPECT_EQ(s.attn_weights.row_stride, 2);
  EXPECT_EQ(s.attn_weights.head_stride, 4);
  EXPECT_EQ(converted.outputs.contexts().shape, (Shape{6, 8}));
}

TEST(ConvertTest, SdpaTakesItsSpecFromTheTensors) {
  v1::AttendRequest request;
  *request.mutable_queries() = RampTensor({2, 3, 4, 16});
  *request.mutable_keys() = RampTensor({2, 5, 2, 16});
  *request.mutable_values() = RampTensor({2, 5, 2, 6});
  ConvertedRequest converted = MustConvert(request, Sdpa());

  EXPECT_EQ(
      converted.layout.spec,
      (AttentionSpec{
          .num_heads = 4, .num_kv_heads = 2, .head_dim = 16, .v_head_dim = 6}));
  EXPECT_EQ(converted.outputs.contexts().shape, (Shape{2, 3, 4, 6}));
  EXPECT_EQ(converted.sequences[1].queries.row_stride, 4 * 16);
  EXPECT_EQ(converted.sequences[1].keys.row_stride, 2 * 16);
  EXPECT_EQ(converted.sequences[1].values.row_stride, 2 * 6);
  EXPECT_EQ(converted.sequences[1].contexts.row_stride, 4 * 6);
  EXPECT_FLOAT_EQ(converted.sequences[0].scale, 0.25f);
}

TEST(ConvertTest, AModelComputesInItsOwnType) {
  v1::AttendRequest request = SelfAttention("m", 1, 2, 8);
  ModelWidths model = SelfLayer();
  for (const DType dtype : {DType::kF32, DType::kBF16}) {
    model.spec.compute_dtype = dtype;
    request.clear_compute_dtype();
    EXPECT_EQ(MustConvert(request, model).layout.spec, model.spec);
    request.set_compute_dtype(dtype == DType::kF32 ? v1::DTYPE_F32
                                                   : v1::DTYPE_BF16);
    EXPECT_EQ(MustConvert(request, model).layout.spec, model.spec);
  }
}

TEST(ConvertTest, SdpaComputesInF32UnlessTheRequestSaysBf16) {
  v1::AttendRequest request = SmallSdpaRequest();
  EXPECT_EQ(MustConvert(request, Sdpa()).layout.spec.compute_dtype,
            DType::kF32);
  // The types of the tensors have no part in it.
  *request.mutable_queries() = ZeroTensor({2, 3, 2, 4}, v1::DTYPE_BF16);
  EXPECT_EQ(MustConvert(request, Sdpa()).layout.spec.compute_dtype,
            DType::kF32);
  request.set_compute_dtype(v1::DTYPE_F32);
  EXPECT_EQ(MustConvert(request, Sdpa()).layout.spec.compute_dtype,
            DType::kF32);
  if (!HasBf16Products()) GTEST_SKIP() << "this CPU has no AVX512_BF16";
  request.set_compute_dtype(v1::DTYPE_BF16);
  EXPECT_EQ(MustConvert(request, Sdpa()).layout.spec.compute_dtype,
            DType::kBF16);
}

TEST(ConvertTest, EachTensorHasATypeOfItsOwn) {
  v1::AttendRequest request;
  *request.mutable_queries() = ZeroTensor({1, 2, 8}, v1::DTYPE_F16);
  *request.mutable_keys() = ZeroTensor({1, 3, 6}, v1::DTYPE_BF16);
  *request.mutable_values() = ZeroTensor({1, 3, 10}, v1::DTYPE_UNSPECIFIED);
  ConvertedRequest converted = MustConvert(request, CrossLayer());

  const Sequence& s = converted.sequences[0];
  EXPECT_EQ(s.queries.dtype, DType::kF16);
  EXPECT_EQ(s.keys.dtype, DType::kBF16);
  EXPECT_EQ(s.values.dtype, DType::kF32);
  EXPECT_EQ(s.contexts.dtype, DType::kF16);
  EXPECT_EQ(converted.outputs.contexts().bytes, 2 * 8 * 2);
}

TEST(ConvertTest, MaskBroadcastsFromTheRight) {
  v1::AttendRequest request = SelfAttention("m", 2, 3, 8);
  *request.mutable_attn_mask() = ZeroTensor({2, 1, 1, 3}, v1::DTYPE_BOOL);
  const ConvertedRequest rows = MustConvert(request, SelfLayer());
  const AttnMaskView& mask = rows.sequences[1].attn_mask;
  EXPECT_EQ(Offset(mask.data, request.attn_mask()), 3);
  EXPECT_EQ(mask.dtype, DType::kBool);
  EXPECT_EQ(mask.head_stride, 0);
  EXPECT_EQ(mask.q_stride, 0);
  EXPECT_EQ(mask.k_stride, 1);

  *request.mutable_attn_mask() = ZeroTensor({2, 3, 3});
  const ConvertedRequest heads = MustConvert(request, SelfLayer());
  const AttnMaskView& per_head = heads.sequences[1].attn_mask;
  EXPECT_EQ(Offset(per_head.data, request.attn_mask()), 0);
  EXPECT_EQ(per_head.head_stride, 9);
  EXPECT_EQ(per_head.q_stride, 3);
  EXPECT_EQ(per_head.k_stride, 1);

  *request.mutable_attn_mask() = ZeroTensor({});
  const ConvertedRequest scalar = MustConvert(request, SelfLayer());
  EXPECT_EQ(scalar.sequences[1].attn_mask.k_stride, 0);
  EXPECT_NE(scalar.sequences[1].attn_mask.data, nullptr);
}

TEST(ConvertTest, PackedMaskIsOfTheLongestLengths) {
  v1::AttendRequest request;
  *request.mutable_queries() = RampTensor({4, 8});
  request.add_q_lengths(1);
  request.add_q_lengths(3);
  *request.mutable_attn_mask() = ZeroTensor({2, 1, 3, 3});
  const ConvertedRequest converted = MustConvert(request, SelfLayer());
  EXPECT_EQ(converted.sequences[0].attn_mask.q_stride, 3);
  EXPECT_EQ(Offset(converted.sequences[1].attn_mask.data, request.attn_mask()),
            9 * 4);
}

TEST(ConvertTest, OptionsReachEverySequence) {
  v1::AttendRequest request = SelfAttention("m", 2, 3, 8);
  request.set_is_causal(true);
  request.set_scale(-2.5f);
  request.set_residual(true);
  const ConvertedRequest converted = MustConvert(request, SelfLayer());
  for (const Sequence& s : converted.sequences) {
    EXPECT_TRUE(s.is_causal);
    EXPECT_TRUE(s.residual);
    EXPECT_EQ(s.scale, -2.5f);
    EXPECT_EQ(s.attn_mask.data, nullptr);
    EXPECT_EQ(s.attn_weights.kind, AttnWeights::kNone);
  }
}

TEST(ConvertTest, PaddingOfOutputsIsZeroAndNothingElseIsMissed) {
  for (const bool per_head : {true, false}) {
    v1::AttendRequest request = SelfAttention("cross", 3, 3, 8);
    *request.mutable_keys() = RampTensor({3, 5, 6});
    *request.mutable_values() = RampTensor({3, 5, 10});
    for (const std::int64_t length : {3, 1, 2}) request.add_q_lengths(length);
    for (const std::int64_t length : {5, 4, 0}) request.add_kv_lengths(length);
    request.set_attn_weights(per_head ? v1::ATTN_WEIGHTS_PER_HEAD
                                      : v1::ATTN_WEIGHTS_HEAD_AVERAGE);
    const std::int64_t heads = per_head ? 2 : 1;
    ConvertedRequest converted = MustConvert(request, CrossLayer());
    FillOutputs(converted, 8, heads);

    const std::vector<float> contexts = Floats(converted.outputs.contexts());
    const std::vector<float> weights = Floats(converted.outputs.attn_weights());
    ASSERT_EQ(contexts.size(), 3u * 3 * 8);
    ASSERT_EQ(weights.size(), static_cast<std::size_t>(3 * heads * 3 * 5));
    std::size_t c = 0;
    std::size_t w = 0;
    for (int b = 0; b < 3; ++b) {
      for (int q = 0; q < 3; ++q) {
        for (int d = 0; d < 8; ++d) {
          EXPECT_EQ(contexts[c++], q < request.q_lengths(b) ? 1 : 0);
        }
      }
      for (std::int64_t h = 0; h < heads; ++h) {
        for (int q = 0; q < 3; ++q) {
          for (int k = 0; k < 5; ++k) {
            const bool inside =
                q < request.q_lengths(b) && k < request.kv_lengths(b);
            EXPECT_EQ(weights[w++], inside ? 1 : 0);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace attention
