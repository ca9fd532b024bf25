// What `./dev run` shows, proven: the real server with the demo model, the real
// command, real sentences, and MiniLM's own contexts and weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "core/tensor/safetensors.h"
#include "tests/client/run_command.h"
#include "tests/support/server_process.h"
#include "tests/support/tensor_errors.h"

namespace attention {
namespace {

using ::testing::HasSubstr;

// Embeddings are f32 sums of f16 tables here and doubles in the samples.
constexpr double kTolerance = 2e-6;

// The samples' sentence0, as a user would type it.
constexpr char kSentence[] =
    "The animal did not cross the street because it was too tired.";

std::vector<double> Doubles(const TensorView& tensor) {
  return ToDoubles(tensor.data, tensor.dtype, *tensor.shape.ElementCount());
}

class DemoTest : public testing::Test {
 protected:
  DemoTest()
      : server_({"--demo-model", "--host=127.0.0.1", "--grpc-port=0",
                 "--http-port=-1", "--metrics-port=-1"}) {
    target_ = server_.WaitForAddress();
  }

  CommandResult Client(const std::string& arguments) const {
    return RunCommand(Quoted(ATTENTION_CLIENT_BINARY) + " --server " + target_ +
                      " " + arguments);
  }

  ServerProcess server_;
  std::string target_;
};

TEST_F(DemoTest, ASentenceGivesMiniLmsContextsAndWeights) {
  const std::string output = TempPath("answer.safetensors");
  const CommandResult result =
      Client("attend --model minilm/0 --weights per-head --text " +
             Quoted(kSentence) + " --output " + Quoted(output));
  ASSERT_EQ(result.exit_code, 0) << result.err;

  const auto answer = Safetensors::Open(output);
  ASSERT_TRUE(answer.ok()) << answer.status();
  const auto samples =
      Safetensors::Open(std::string(std::getenv("ATTENTION_TEST_DATA")) +
                        "/minilm/samples.safetensors");
  ASSERT_TRUE(samples.ok()) << samples.status();
  const std::pair<const char*, const char*> tensors[] = {
      {"contexts", "sentence0.layer0.context"},
      {"attn_weights", "sentence0.layer0.weights"}};
  for (const auto& [ours, theirs] : tensors) {
    const auto got = answer->Get(ours);
    const auto expected = samples->Get(theirs);
    ASSERT_TRUE(got.ok()) << got.status();
    ASSERT_TRUE(expected.ok()) << expected.status();
    const std::vector<double> values = Doubles(*got);
    ASSERT_EQ(values.size(), Doubles(*expected).size()) << ours;
    EXPECT_LE(CompareTensors(Doubles(*expected), values).relative, kTolerance)
        << ours;
  }
}

TEST_F(DemoTest, TheHeatMapNamesTheTokensOnBothAxes) {
  const CommandResult result =
      Client("attend --head 6 --color never --text " + Quoted(kSentence));
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("minilm/0, head 6 of 12"));
  EXPECT_THAT(result.out, HasSubstr("animal    22 %"));
  for (const char* token : {"[CLS] │", "animal │", "it │", "[SEP] │"}) {
    EXPECT_THAT(result.out, HasSubstr(token));
  }
}

TEST_F(DemoTest, InfoAndModelsSayWhatIsServed) {
  EXPECT_THAT(Client("info").out, HasSubstr("max_batch_tokens    65536"));
  const CommandResult models = Client("models");
  EXPECT_EQ(models.exit_code, 0);
  for (const char* model : {"sdpa", "minilm/0", "minilm/5"}) {
    EXPECT_THAT(models.out, HasSubstr(model));
  }
}

TEST_F(DemoTest, AModelComputesInNoTypeButItsOwn) {
  EXPECT_THAT(Client("info").out, HasSubstr("compute_dtypes      f32"));
  const std::string attend = "attend --random 1x4x384 --compute-dtype ";
  const CommandResult own = Client(attend + "f32");
  EXPECT_EQ(own.exit_code, 0) << own.err;
  EXPECT_THAT(own.out, HasSubstr("computed in   f32\n"));
  const CommandResult other = Client(attend + "bf16");
  EXPECT_EQ(other.exit_code, 4);
  EXPECT_THAT(other.err, HasSubstr("request wants bf16, model minilm/0 "
                                   "computes in f32"));
}

TEST_F(DemoTest, AfterSigtermItIsGoneAndTheCommandSaysSo) {
  server_.Signal(SIGTERM);
  EXPECT_EQ(server_.Wait(), 0);
  const CommandResult result = Client("--timeout 2 info");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("cannot be reached"));
}

}  // namespace
}  // namespace attention
