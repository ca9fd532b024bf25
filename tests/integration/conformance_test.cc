// Proves the whole server, over gRPC on a real socket, against attention that
// PyTorch, ONNX and MiniLM computed: every file below the data directory,
// padded and packed, with the weights that the file stores, in f32 and in bf16.
// Prints a table of errors.
//
// ATTENTION_CONFORMANCE_DATA names another directory; its files are run as they
// are found.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "attention/v1/attention.grpc.pb.h"
#include "core/attention/isa.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "tests/support/conformance_case.h"
#include "tests/support/conformance_files.h"
#include "tests/support/conformance_request.h"
#include "tests/support/server_fixture.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

// Of what is computed in bf16, relative to the largest magnitude, on real
// layers and the small ones of PyTorch and ONNX.
constexpr double kBf16Tolerance = 2e-2;

// In bf16 scores of hundreds are rounded to ones: any weights may come.
bool HasHugeScores(const ConformanceCase& a_case) {
  return absl::StrContains(a_case.name, "large_logits");
}

bool TakesBf16(const ConformanceCase& a_case) {
  return a_case.spec.head_dim % 2 == 0 && !HasHugeScores(a_case);
}

const absl::StatusOr<std::vector<ConformanceFile>>& Files() {
  static const auto& files = *new absl::StatusOr<std::vector<ConformanceFile>>(
      ReadConformanceFiles(ConformanceDataDirectory(), DemoModelDirectory()));
  return files;
}

std::vector<ConformanceFile> FilesOrNone() {
  return Files().ok() ? *Files() : std::vector<ConformanceFile>{};
}

// "[1, 0, 3]" for the element `flat` of `shape`.
std::string IndexToString(std::int64_t flat, const Shape& shape) {
  std::vector<std::int64_t> index(static_cast<std::size_t>(shape.rank()));
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = flat % shape[axis];
    flat /= shape[axis];
  }
  return absl::StrCat("[", absl::StrJoin(index, ", "), "]");
}

// A file, and what its cases are computed in.
using Parameter = std::tuple<ConformanceFile, DType>;

class ConformanceTest : public ::testing::TestWithParam<Parameter> {
 protected:
  static std::unique_ptr<TestServer> StartServer(DType compute_dtype) {
    ServerOptions options = TestServerOptions();
    options.compute_dtype = compute_dtype == DType::kBF16 ? "bf16" : "f32";
    for (const ConformanceFile& file : FilesOrNone()) {
      for (const ConformanceCase& a_case : file.cases) {
        if (a_case.model_path.empty()) continue;
        if (compute_dtype == DType::kBF16 && !TakesBf16(a_case)) continue;
        const std::string model = absl::StrCat(
            a_case.model_name.substr(0, a_case.model_name.find('/')), "=",
            a_case.model_path);
        if (std::find(options.models.begin(), options.models.end(), model) ==
            options.models.end()) {
          options.models.push_back(model);
        }
      }
    }
    return std::make_unique<TestServer>(std::move(options));
  }

  static void SetUpTestSuite() {
    servers_ = new std::map<DType, std::unique_ptr<TestServer>>;
    (*servers_)[DType::kF32] = StartServer(DType::kF32);
    if (HasBf16Products()) {
      (*servers_)[DType::kBF16] = StartServer(DType::kBF16);
    }
    table_ = new std::string(
        absl::StrFormat("%-48s %-7s %-4s %9s %9s %9s  %s\n", "case", "layout",
                        "in", "contexts", "weights", "limit", "PyTorch"));
  }

  static void TearDownTestSuite() {
    absl::PrintF("%s", *table_);
    delete servers_;
    delete table_;
  }

  // Asks the server and compares what it says.
  static void Check(const ConformanceCase& a_case, Layout layout,
                    DType compute_dtype) {
    const bool in_bf16 = compute_dtype == DType::kBF16;
    const double tolerance = in_bf16 ? kBf16Tolerance : a_case.tolerance;
    grpc::ClientContext context;
    v1::AttendRequest request = MakeRequest(a_case, layout);
    if (in_bf16) request.set_compute_dtype(v1::DTYPE_BF16);
    v1::AttendResponse response;
    const grpc::Status status = servers_->at(compute_dtype)
                                    ->stub()
                                    .Attend(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();

    const absl::StatusOr<PaddedAnswer> answer =
        ReadResponse(a_case, layout, response);
    ASSERT_TRUE(answer.ok()) << answer.status();
    const double contexts =
        CheckTensor("contexts", a_case.ContextsShape(), a_case.contexts,
                    answer->contexts, tolerance);
    const double weights =
        CheckTensor("attn_weights", a_case.AttnWeightsShape(),
                    a_case.attn_weights, answer->attn_weights, tolerance);
    const bool has_weights = !a_case.attn_weights.empty();
    absl::StrAppendFormat(table_, "%-48s %-7s %-4s %9.1e %9s %9.1e  %s\n",
                          a_case.name,
                          layout == Layout::kPadded ? "padded" : "packed",
                          in_bf16 ? "bf16" : "f32", contexts,
                          has_weights ? absl::StrFormat("%.1e", weights) : "-",
                          tolerance, in_bf16 ? "" : a_case.peer_error);
  }

  // Returns the largest error.
  static double CheckTensor(const char* name, const Shape& shape,
                            const std::vector<double>& expected,
                            const std::vector<double>& got, double tolerance) {
    EXPECT_EQ(expected.size(), got.size()) << name;
    if (expected.size() != got.size()) return 0;
    const LargestError error = CompareTensors(expected, got);
    EXPECT_LE(error.relative, tolerance)
        << name << IndexToString(error.index, shape) << ": expected "
        << error.expected << ", got " << error.got;
    return error.relative;
  }

  static std::map<DType, std::unique_ptr<TestServer>>* servers_;
  static std::string* table_;
};

std::map<DType, std::unique_ptr<TestServer>>* ConformanceTest::servers_ =
    nullptr;
std::string* ConformanceTest::table_ = nullptr;

TEST_P(ConformanceTest, ServerSaysTheSamePaddedAndPacked) {
  const auto& [file, compute_dtype] = GetParam();
  if (!file.skipped.empty()) {
    GTEST_SKIP() << "not served: " << file.skipped;
  }
  if (!servers_->contains(compute_dtype)) {
    GTEST_SKIP() << "this CPU has no AVX512_BF16";
  }
  if (compute_dtype == DType::kBF16 &&
      std::none_of(file.cases.begin(), file.cases.end(), TakesBf16)) {
    GTEST_SKIP() << "odd heads, or scores that bf16 rounds to ones";
  }
  for (const ConformanceCase& a_case : file.cases) {
    if (compute_dtype == DType::kBF16 && !TakesBf16(a_case)) continue;
    for (const Layout layout : {Layout::kPadded, Layout::kPacked}) {
      if (layout == Layout::kPacked && !CanBePacked(a_case)) continue;
      SCOPED_TRACE(absl::StrCat(
          a_case.name, layout == Layout::kPadded ? ", padded" : ", packed"));
      Check(a_case, layout, compute_dtype);
    }
  }
}

// Letters, digits and underscores only, and only once.
std::string NameOf(const ::testing::TestParamInfo<Parameter>& parameter) {
  const ConformanceFile& file = std::get<0>(parameter.param);
  std::string name = absl::StrCat(parameter.index, "_", file.name, "_",
                                  DTypeName(std::get<1>(parameter.param)));
  std::replace_if(
      name.begin(), name.end(), [](char c) { return !absl::ascii_isalnum(c); },
      '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, ConformanceTest,
                         ::testing::Combine(::testing::ValuesIn(FilesOrNone()),
                                            ::testing::Values(DType::kF32,
                                                              DType::kBF16)),
                         NameOf);

TEST(ConformanceDataTest, ThereAreFilesToCheck) {
  ASSERT_TRUE(Files().ok()) << Files().status();
  EXPECT_FALSE(Files()->empty());
}

}  // namespace
}  // namespace attention
