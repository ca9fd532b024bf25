// Proves the whole server, over gRPC on a real socket, against attention that
// PyTorch, ONNX and MiniLM computed: every file below the data directory,
// padded and packed, with the weights that the file stores. Prints a table of
// errors.
//
// ATTENTION_CONFORMANCE_DATA names another directory; its files are run as they
// are found.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "attention/v1/attention.grpc.pb.h"
#include "grpcpp/client_context.h"
#include "gtest/gtest.h"
#include "tests/support/conformance_case.h"
#include "tests/support/conformance_files.h"
#include "tests/support/conformance_request.h"
#include "tests/support/server_fixture.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

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

class ConformanceTest : public ::testing::TestWithParam<ConformanceFile> {
 protected:
  static void SetUpTestSuite() {
    ServerOptions options = TestServerOptions();
    for (const ConformanceFile& file : FilesOrNone()) {
      for (const ConformanceCase& a_case : file.cases) {
        if (a_case.model_path.empty()) continue;
        const std::string model = absl::StrCat(
            a_case.model_name.substr(0, a_case.model_name.find('/')), "=",
            a_case.model_path);
        if (std::find(options.models.begin(), options.models.end(), model) ==
            options.models.end()) {
          options.models.push_back(model);
        }
      }
    }
    server_ = new TestServer(std::move(options));
    table_ = new std::string(absl::StrFormat("%-48s %-7s %9s %9s %9s  %s\n",
                                             "case", "layout", "contexts",
                                             "weights", "limit", "PyTorch"));
  }

  static void TearDownTestSuite() {
    absl::PrintF("%s", *table_);
    delete server_;
    delete table_;
  }

  // Asks the server and compares what it says.
  static void Check(const ConformanceCase& a_case, Layout layout) {
    grpc::ClientContext context;
    v1::AttendResponse response;
    const grpc::Status status = server_->stub().Attend(
        &context, MakeRequest(a_case, layout), &response);
    ASSERT_TRUE(status.ok()) << status.error_message();

    const absl::StatusOr<PaddedAnswer> answer =
        ReadResponse(a_case, layout, response);
    ASSERT_TRUE(answer.ok()) << answer.status();
    const double contexts =
        CheckTensor("contexts", a_case.ContextsShape(), a_case.contexts,
                    answer->contexts, a_case.tolerance);
    const double weights = CheckTensor(
        "attn_weights", a_case.AttnWeightsShape(), a_case.attn_weights,
        answer->attn_weights, a_case.tolerance);
    const bool has_weights = !a_case.attn_weights.empty();
    absl::StrAppendFormat(
        table_, "%-48s %-7s %9.1e %9s %9.1e  %s\n", a_case.name,
        layout == Layout::kPadded ? "padded" : "packed", contexts,
        has_weights ? absl::StrFormat("%.1e", weights) : "-", a_case.tolerance,
        a_case.peer_error);
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

  static TestServer* server_;
  static std::string* table_;
};

TestServer* ConformanceTest::server_ = nullptr;
std::string* ConformanceTest::table_ = nullptr;

TEST_P(ConformanceTest, ServerSaysTheSamePaddedAndPacked) {
  if (!GetParam().skipped.empty()) {
    GTEST_SKIP() << "not served: " << GetParam().skipped;
  }
  for (const ConformanceCase& a_case : GetParam().cases) {
    for (const Layout layout : {Layout::kPadded, Layout::kPacked}) {
      if (layout == Layout::kPacked && !CanBePacked(a_case)) continue;
      SCOPED_TRACE(absl::StrCat(
          a_case.name, layout == Layout::kPadded ? ", padded" : ", packed"));
      Check(a_case, layout);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Files, ConformanceTest, ::testing::ValuesIn(FilesOrNone()),
    [](const ::testing::TestParamInfo<ConformanceFile>& file) {
      // A name may have letters, digits and underscores only, and only once.
      std::string name = absl::StrCat(file.index, "_", file.param.name);
      std::replace_if(
          name.begin(), name.end(),
          [](char c) { return !absl::ascii_isalnum(c); }, '_');
      return name;
    });

TEST(ConformanceDataTest, ThereAreFilesToCheck) {
  ASSERT_TRUE(Files().ok()) << Files().status();
  EXPECT_FALSE(Files()->empty());
}

}  // namespace
}  // namespace attention
