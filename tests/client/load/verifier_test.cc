// Proves that what the kernel answers passes, for every layout, mask, type and
// kind of weights, and that an answer which is wrong in one place, one number
// or one property does not, with a message that says where.
#include "client/load/verifier.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <utility>

#include "client/cli/tensor_convert.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/load/in_process_deployment.h"

namespace attention::load {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string MiniLm() {
  return std::string(std::getenv("ATTENTION_TEST_DATA")) +
         "/../../server/demo/minilm";
}

std::vector<ModelInfo> Models() {
  const std::vector<std::string> masks{"boolean", "float", "causal"};
  return {{.name = "sdpa", .max_tokens = 65536, .masks = masks},
          {.name = "minilm/0",
           .embed_dim = 384,
           .kdim = 384,
           .vdim = 384,
           .max_tokens = 65536,
           .masks = masks}};
}

// Several sequences of several lengths, so that there is padding.
RequestMix Ragged(RequestMix mix = {}) {
  mix.batch = 3;
  mix.lengths = {.kind = Lengths::Kind::kListed, .listed = {2, 5, 9, 17}};
  mix.num_heads = 4;
  mix.num_kv_heads = 2;
  mix.head_dim = 16;
  return mix;
}

std::vector<PreparedRequest> Requests(const RequestMix& mix, int distinct = 1,
                                      std::uint64_t seed = 3) {
  auto requests = PrepareRequests(
      {.seed = seed, .distinct = distinct, .mixes = {mix}}, Models());
  EXPECT_TRUE(requests.ok()) << requests.status();
  return *std::move(requests);
}

class VerifierTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    deployment_ = new InProcessDeployment(MiniLm());
  }
  static void TearDownTestSuite() {
    delete deployment_;
    deployment_ = nullptr;
  }

  // What `change` makes of the right answer, judged.
  template <typename Change>
  std::string Judge(const RequestMix& mix, Change change) {
    const std::vector<PreparedRequest> requests = Requests(mix);
    AttendResult result = deployment_->Attend(requests[0].call);
    EXPECT_EQ(verifier_.Check(requests[0], result), absl::OkStatus());
    change(result);
    const absl::Status status = verifier_.Check(requests[0], result);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    // Whoever shows it says that the answer is wrong.
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("wrong answer")));
    return std::string(status.message());
  }

  static InProcessDeployment* deployment_;
  Verifier verifier_ = Verifier::Create({{"minilm", MiniLm()}}).value();
};

InProcessDeployment* VerifierTest::deployment_ = nullptr;

// A tensor that can be changed.
std::vector<float> Values(const Tensor& tensor) {
  const Tensor f32 = ConvertTensor(tensor, ElementType::kF32);
  return {f32.f32().begin(), f32.f32().end()};
}

float Largest(const std::vector<float>& values) {
  float largest = 0;
  for (const float value : values) {
    largest = std::max(largest, std::abs(value));
  }
  return largest;
}

// Adds `amount` to one element.
void Add(Tensor& tensor, std::size_t index, float amount) {
  std::vector<float> values = Values(tensor);
  values.at(index) += amount;
  tensor = Tensor::Own(tensor.shape, std::move(values));
}

TEST_F(VerifierTest, AcceptsWhatTheKernelAnswersInEveryLayoutMaskAndKind) {
  for (const char* model : {"minilm/0", "sdpa"}) {
    for (const bool packed : {false, true}) {
      for (const MaskKind mask : {MaskKind::kNone, MaskKind::kCausal,
                                  MaskKind::kBoolean, MaskKind::kFloat}) {
        for (const ReturnWeights weights :
             {ReturnWeights::kNone, ReturnWeights::kHeadAverage,
              ReturnWeights::kPerHead}) {
          // The reference takes long for projections: each mask once.
          if (absl::string_view(model) != "sdpa" &&
              static_cast<int>(weights) != static_cast<int>(mask) % 3) {
            continue;
          }
          const auto requests = Requests(Ragged({.model = model,
                                                 .packed = packed,
                                                 .mask = mask,
                                                 .attn_weights = weights}));

          EXPECT_EQ(verifier_.CanCheck(requests[0]), absl::OkStatus());
          EXPECT_EQ(verifier_.Check(requests[0],
                                    deployment_->Attend(requests[0].call)),
                    absl::OkStatus())
              << model << " packed " << packed << " mask "
              << static_cast<int>(mask) << " weights "
              << static_cast<int>(weights);
        }
      }
    }
  }
}

TEST_F(VerifierTest, AcceptsWhatTheKernelAnswersInEveryType) {
  for (const char* model : {"minilm/0", "sdpa"}) {
    for (const ElementType dtype :
         {ElementType::kF32, ElementType::kF16, ElementType::kBF16}) {
      for (const ElementType output :
           {ElementType::kF32, ElementType::kF16, ElementType::kBF16}) {
        if (absl::string_view(model) != "sdpa" && output == dtype) continue;
        const auto requests =
            Requests(Ragged({.model = model,
                             .dtype = dtype,
                             .output_dtype = output,
                             .mask = MaskKind::kFloat,
                             .attn_weights = ReturnWeights::kPerHead}));

        EXPECT_EQ(
            verifier_.Check(requests[0], deployment_->Attend(requests[0].call)),
            absl::OkStatus())
            << model << " " << ElementName(dtype) << " to "
            << ElementName(output);
      }
    }
  }
}

TEST_F(VerifierTest, AcceptsBf16ComputeWhereThereIsAny) {
  if (AttentionSpec{2, 2, 2, 2, DType::kBF16}.Validate().code() ==
      absl::StatusCode::kFailedPrecondition) {
    GTEST_SKIP() << "this CPU has no bf16 products";
  }
  const auto requests =
      Requests(Ragged({.model = "sdpa", .compute_dtype = ElementType::kBF16}));

  EXPECT_EQ(verifier_.Check(requests[0], deployment_->Attend(requests[0].call)),
            absl::OkStatus());
}

TEST_F(VerifierTest, AcceptsSentencesResidualAndScale) {
  auto requests = Requests(
      {.batch = 2, .sentences = {"Hello, world!", "A longer sentence."}});
  requests[0].call.residual = true;
  requests[0].call.scale = 0.5F;

  EXPECT_EQ(verifier_.Check(requests[0], deployment_->Attend(requests[0].call)),
            absl::OkStatus());
}

TEST_F(VerifierTest, TellsRequestsApartAndRemembersThem) {
  const auto requests = Requests(Ragged(), 3);
  for (int round = 0; round < 2; ++round) {
    for (const PreparedRequest& request : requests) {
      EXPECT_EQ(verifier_.Check(request, deployment_->Attend(request.call)),
                absl::OkStatus());
    }
  }
  const AttendResult first = deployment_->Attend(requests[0].call);

  EXPECT_FALSE(verifier_.Check(requests[1], first).ok());
}

TEST_F(VerifierTest, AcceptsAnElementWithinTheToleranceAndNoneBeyond) {
  const auto requests = Requests({.lengths = {.value = 7}});
  const AttendResult right = deployment_->Attend(requests[0].call);
  const float limit = 1e-5F * Largest(Values(right.contexts));

  AttendResult near = right;
  Add(near.contexts, 400, 0.5F * limit);
  AttendResult far = right;
  Add(far.contexts, 400, 1.5F * limit);

  EXPECT_EQ(verifier_.Check(requests[0], near), absl::OkStatus());
  const absl::Status status = verifier_.Check(requests[0], far);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("contexts of sequence 0 at [1, 16] is "),
                    HasSubstr("expected "), HasSubstr("off by "),
                    HasSubstr("allowed is "), HasSubstr("(1e-05 of ")));
}

// The answer with its first element off by `share` of the largest, in `dtype`.
AttendResult FirstOff(const AttendResult& right, ElementType dtype,
                      float share) {
  AttendResult changed = right;
  Add(changed.contexts, 0, share * Largest(Values(right.contexts)));
  changed.contexts = ConvertTensor(changed.contexts, dtype);
  return changed;
}

TEST_F(VerifierTest, TakesTheToleranceOfTheOutput) {
  const std::pair<ElementType, float> outputs[] = {{ElementType::kF16, 2e-3F},
                                                   {ElementType::kBF16, 2e-2F}};
  for (const auto& [dtype, tolerance] : outputs) {
    const auto requests = Requests({.dtype = dtype});
    const AttendResult right = deployment_->Attend(requests[0].call);

    EXPECT_EQ(
        verifier_.Check(requests[0], FirstOff(right, dtype, 0.4F * tolerance)),
        absl::OkStatus());
    EXPECT_FALSE(
        verifier_.Check(requests[0], FirstOff(right, dtype, 2 * tolerance))
            .ok());
  }
}

TEST_F(VerifierTest, RefusesAWrongWeight) {
  EXPECT_THAT(
      Judge(Ragged({.attn_weights = ReturnWeights::kPerHead}),
            [](AttendResult& result) { Add(*result.attn_weights, 1, 1e-4F); }),
      HasSubstr("attn_weights of sequence 0 at [0, 0, 1] is "));
}

TEST_F(VerifierTest, RefusesNan) {
  EXPECT_THAT(Judge(Ragged(),
                    [](AttendResult& result) {
                      Add(result.contexts, 5,
                          std::numeric_limits<float>::quiet_NaN());
                    }),
              HasSubstr("at [0, 5] is nan, expected "));
}

TEST_F(VerifierTest, RefusesSwappedSequences) {
  const RequestMix mix{.batch = 2, .lengths = {.value = 6}};
  EXPECT_THAT(Judge(mix,
                    [](AttendResult& result) {
                      std::vector<float> values = Values(result.contexts);
                      std::rotate(values.begin(),
                                  values.begin() + values.size() / 2,
                                  values.end());
                      result.contexts =
                          Tensor::Own(result.contexts.shape, std::move(values));
                    }),
              HasSubstr("contexts of sequence 0 "));
}

TEST_F(VerifierTest, RefusesPaddingThatIsNotZero) {
  // The listed lengths make at least one of the three sequences shorter.
  EXPECT_THAT(Judge(Ragged(),
                    [](AttendResult& result) {
                      std::vector<float> values = Values(result.contexts);
                      for (float& value : values) {
                        value = value == 0 ? 1e-30F : value;
                      }
                      result.contexts =
                          Tensor::Own(result.contexts.shape, std::move(values));
                    }),
              HasSubstr("it is padding and must be 0"));
}

TEST_F(VerifierTest, RefusesAnotherShape) {
  EXPECT_THAT(
      Judge({.lengths = {.value = 4}},
            [](AttendResult& result) { result.contexts.shape = {1, 384, 4}; }),
      HasSubstr("contexts are [1, 384, 4], must be [1, 4, 384]"));
}

TEST_F(VerifierTest, RefusesAnotherType) {
  EXPECT_THAT(Judge({},
                    [](AttendResult& result) {
                      result.contexts =
                          ConvertTensor(result.contexts, ElementType::kF16);
                    }),
              HasSubstr("contexts are f16, asked for f32"));
}

TEST_F(VerifierTest, RefusesTooFewBytes) {
  EXPECT_THAT(Judge({.lengths = {.value = 1}},
                    [](AttendResult& result) {
                      result.contexts.bytes = result.contexts.bytes.subspan(4);
                    }),
              HasSubstr("have 1532 bytes, their shape takes 1536"));
}

TEST_F(VerifierTest, RefusesWeightsThatAreMissingOrWereNotAskedFor) {
  EXPECT_THAT(Judge(Ragged({.attn_weights = ReturnWeights::kHeadAverage}),
                    [](AttendResult& result) { result.attn_weights.reset(); }),
              HasSubstr("attn_weights are absent, they were asked for"));
  EXPECT_THAT(Judge({},
                    [](AttendResult& result) {
                      result.attn_weights = result.contexts;
                    }),
              HasSubstr("attn_weights are there, they were not asked for"));
}

TEST_F(VerifierTest, SaysWhichModelsItCanJudge) {
  auto requests = Requests({});
  requests[0].call.model = "bert/0";

  const absl::Status status = verifier_.CanCheck(requests[0]);

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("model bert/0"), HasSubstr("sdpa, minilm/0"),
                    HasSubstr("--weights NAME=PATH")));
  EXPECT_FALSE(verifier_.Check(requests[0], {}).ok());
}

TEST_F(VerifierTest, RefusesWeightsOfAnotherWidth) {
  auto requests = Requests({.model = "sdpa", .head_dim = 32});
  requests[0].call.model = "minilm/0";

  EXPECT_THAT(std::string(verifier_.CanCheck(requests[0]).message()),
              HasSubstr("queries of model minilm/0 are 32 wide, the weights "
                        "to judge by take 384"));
}

TEST_F(VerifierTest, RefusesASequenceThatTakesTooMuchMemory) {
  const auto requests = Requests({.model = "sdpa",
                                  .lengths = {.value = 16384},
                                  .num_heads = 1,
                                  .num_kv_heads = 1,
                                  .head_dim = 1});

  EXPECT_THAT(std::string(verifier_.CanCheck(requests[0]).message()),
              HasSubstr("is too long to be judged"));
}

TEST(VerifierCreateTest, SaysWhichPathIsWrong) {
  const auto missing = Verifier::Create({{"a", "/nonexistent/a"}});

  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("/nonexistent/a"));
}

}  // namespace
}  // namespace attention::load
