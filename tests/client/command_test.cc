// Proves attention-client as a user runs it: the real binary against a fake
// server, its output, files, exit codes, and one line on stderr for each
// kind of mistake.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "client/cli/exit_code.h"
#include "client/cli/npy.h"
#include "core/tensor/safetensors.h"
#include "tests/client/fake_attention_service.h"
#include "tests/client/run_command.h"

namespace attention {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class CommandTest : public ::testing::Test {
 protected:
  // Runs `attention-client ARGUMENTS` with the fake server as ATTENTION_SERVER.
  CommandResult Run(const std::string& arguments) {
    return RunCommand(absl::StrCat("ATTENTION_SERVER=", fake_.address(),
                                   " COLUMNS=100 ", ATTENTION_CLIENT_BINARY,
                                   " ", arguments));
  }

  void ExpectFailure(const CommandResult& result, ExitCode code,
                     const std::string& message) {
    EXPECT_EQ(result.exit_code, static_cast<int>(code));
    EXPECT_THAT(result.out, IsEmpty());
    EXPECT_THAT(result.err,
                AllOf(StartsWith("attention-client: "), HasSubstr(message)));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
        << result.err;
  }

  std::string WriteTempFile(const std::string& name,
                            const std::string& content) {
    const std::string path = TempPath(name);
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  FakeAttentionService fake_;
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(CommandTest, InfoShowsTheServer) {
  const CommandResult result = Run("info");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("version             9.8.7\n"),
                    HasSubstr("isa                 fake_isa\n"),
                    HasSubstr("compute_dtypes      f32 bf16\n"),
                    HasSubstr("max_request_bytes   2147483647\n"),
                    HasSubstr("\nmax_batch_bytes     101\nmax_inflight_bytes  "
                              "102\nmax_heads           103\nmax_head_dim      "
                              "  104\nmax_stream_requests 105\n"
                              "priority_levels     106\n")));
}

TEST_F(CommandTest, HealthIsExitCode0OnlyWhileTheServerServes) {
  const CommandResult serving = Run("health");
  EXPECT_EQ(serving.exit_code, 0) << serving.err;
  EXPECT_EQ(serving.out,
            absl::StrCat("server ", fake_.address(), " is serving\n"));

  fake_.SetServing(false);
  ExpectFailure(Run("health"), ExitCode::kRefused, "is not serving");

  fake_.SetServing(true);
  EXPECT_EQ(Run("health").exit_code, 0);
}

TEST_F(CommandTest, HealthWithoutAServerIsExitCode3) {
  ExpectFailure(Run("health --server 127.0.0.1:1"), ExitCode::kUnreachable,
                "server 127.0.0.1:1 cannot be reached");
}

TEST_F(CommandTest, ModelsListsEveryModel) {
  const CommandResult result = Run("models");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, AllOf(HasSubstr("\nsdpa "), HasSubstr("\nminilm/0"),
                                HasSubstr("  f16   bf16       1.1 MiB  ")));
}

TEST_F(CommandTest, AttendSendsTheEmbeddingsOfSentencesAsOneBatch) {
  const CommandResult result =
      Run("attend --text 'hello !' --text 'the cup was full .'");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("[2, 7, 384] f32"));
  EXPECT_THAT(result.out, HasSubstr("2 sequences, 11 tokens"));
  const v1::AttendRequest sent = fake_.last_request();
  EXPECT_THAT(sent.queries().shape(), ElementsAre(2, 7, 384));
  EXPECT_THAT(sent.q_lengths(), ElementsAre(4, 7));
}

TEST_F(CommandTest, AttendDrawsAHeatMapForEachSentence) {
  const CommandResult result =
      Run("attend --text 'hello !' --text 'the suitcase' --weights average");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("\n  hello !\n  minilm/0, average of 2 "
                                    "heads; rows attend to columns\n"));
  EXPECT_THAT(result.out, HasSubstr("  hello │████████│  hello     17 %\n"));
  EXPECT_THAT(result.out, HasSubstr("\n  the suitcase\n"));
  EXPECT_THAT(result.out, HasSubstr("   ##ca │████████████│"));
}

TEST_F(CommandTest, AttendShowsChosenHeads) {
  const CommandResult result =
      Run("attend --text 'hello !' --head 0 --head 1 --packed");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("head 0 of 2"), HasSubstr("head 1 of 2")));
  EXPECT_EQ(fake_.last_request().attn_weights(), v1::ATTN_WEIGHTS_PER_HEAD);
}

TEST_F(CommandTest, AttendRefusesAHeadThatIsNotThere) {
  const std::string out = TempPath("never.npy");

  ExpectFailure(Run("attend --text hello --head 2 --output " + out),
                ExitCode::kUsage, "--head is 2, this model has heads 0 to 1");
  ExpectFailure(Run("attend --model sdpa --random 1x2x3x4 --head 3"),
                ExitCode::kUsage, "--head is 3, this model has heads 0 to 2");
  ExpectFailure(Run("attend --model sdpa --random 1x2x3x4 --packed --head 3"),
                ExitCode::kUsage, "--head is 3, this model has heads 0 to 2");

  // Found out before anything was computed.
  EXPECT_EQ(fake_.attend_calls(), 0);
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(CommandTest, AttendColoursOnlyWhenAsked) {
  const std::string attend = "attend --text hello --weights average";

  EXPECT_THAT(Run(attend).out, Not(HasSubstr("\x1b")));
  EXPECT_THAT(Run(attend + " --color always").out, HasSubstr("\x1b[48;"));
  EXPECT_THAT(Run(attend + " --color never").out, Not(HasSubstr("\x1b")));
}

TEST_F(CommandTest, AttendSendsEveryOption) {
  const CommandResult result =
      Run("attend --random 2x3x8 --seed 5 --packed --dtype bf16 --causal "
          "--scale 0.5 --residual --output-dtype f16 --compute-dtype f32 "
          "--priority 2 --model minilm/0");

  EXPECT_EQ(result.exit_code, 0) << result.err;
  const v1::AttendRequest sent = fake_.last_request();
  EXPECT_EQ(sent.queries().dtype(), v1::DTYPE_BF16);
  EXPECT_THAT(sent.queries().shape(), ElementsAre(6, 8));
  EXPECT_THAT(sent.q_lengths(), ElementsAre(3, 3));
  EXPECT_TRUE(sent.is_causal());
  EXPECT_EQ(sent.scale(), 0.5F);
  EXPECT_TRUE(sent.residual());
  EXPECT_EQ(sent.output_dtype(), v1::DTYPE_F16);
  EXPECT_EQ(sent.compute_dtype(), v1::DTYPE_F32);
  EXPECT_EQ(sent.priority(), 2U);
}

TEST_F(CommandTest, AttendSaysWhatWasComputedIn) {
  const std::string line = "\n  computed in   ";

  EXPECT_THAT(Run("attend --random 1x2x8").out, HasSubstr(line + "bf16\n"));
  EXPECT_EQ(fake_.last_request().compute_dtype(), v1::DTYPE_UNSPECIFIED);
  EXPECT_THAT(Run("attend --random 1x2x2x4 --model sdpa").out,
              HasSubstr(line + "f32\n"));
  EXPECT_THAT(
      Run("attend --random 1x2x2x4 --model sdpa --compute-dtype bf16").out,
      HasSubstr(line + "bf16\n"));
}

TEST_F(CommandTest, RandomInputDependsOnItsSeedAlone) {
  (void)Run("attend --random 1x2x3 --seed 7");
  const std::string first = fake_.last_request().queries().data();
  (void)Run("attend --random 1x2x3 --seed 7");
  const std::string again = fake_.last_request().queries().data();
  (void)Run("attend --random 1x2x3 --seed 8");

  EXPECT_EQ(first, again);
  EXPECT_NE(first, fake_.last_request().queries().data());
}

TEST_F(CommandTest, AttendReadsAndWritesNpy) {
  const std::string in = WriteTempFile(
      "in.npy", *SerializeNpy(Tensor::Own({1, 2, 2}, {1, 2, 3, 4})));
  const std::string out = TempPath("out.npy");

  const CommandResult result =
      Run(absl::StrCat("attend --input ", in, " --output ", out));

  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto written = ParseNpy(ReadFile(out));
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_THAT(written->shape, ElementsAre(1, 2, 2));
  EXPECT_THAT(written->f32(), ElementsAre(1, 2, 3, 4));
}

TEST_F(CommandTest, AttendReadsAndWritesSafetensors) {
  const std::vector<float> numbers = {1, 2, 3, 4, 5, 6};
  const std::vector<std::int64_t> lengths = {1, 2};
  const std::uint8_t mask[] = {1, 0, 1, 1};
  const auto bytes = [](const auto& values) {
    return reinterpret_cast<const std::byte*>(std::data(values));
  };
  const std::string in = WriteTempFile(
      "in.safetensors",
      SerializeSafetensors(
          {{"queries", {.shape = {2, 2, 1}, .data = bytes(numbers)}},
           {"keys", {.shape = {2, 3, 1}, .data = bytes(numbers)}},
           {"values", {.shape = {2, 3, 1}, .data = bytes(numbers)}},
           {"q_lengths",
            {.dtype = DType::kI64, .shape = {2}, .data = bytes(lengths)}},
           {"attn_mask",
            {.dtype = DType::kBool, .shape = {2, 2}, .data = bytes(mask)}}},
          {}));
  const std::string out = TempPath("out.safetensors");

  const CommandResult result =
      Run(absl::StrCat("attend --input ", in, " --output ", out));

  EXPECT_EQ(result.exit_code, 0) << result.err;
  const v1::AttendRequest sent = fake_.last_request();
  EXPECT_THAT(sent.keys().shape(), ElementsAre(2, 3, 1));
  EXPECT_THAT(sent.values().shape(), ElementsAre(2, 3, 1));
  EXPECT_THAT(sent.q_lengths(), ElementsAre(1, 2));
  EXPECT_EQ(sent.attn_mask().dtype(), v1::DTYPE_BOOL);
  EXPECT_EQ(sent.attn_mask().data(), std::string("\1\0\1\1", 4));
  const auto written = Safetensors::Open(out);
  ASSERT_TRUE(written.ok()) << written.status();
  const auto contexts = written->Get("contexts");
  ASSERT_TRUE(contexts.ok()) << contexts.status();
  EXPECT_EQ(contexts->shape, (Shape{2, 2, 1}));
  EXPECT_EQ(std::memcmp(contexts->data, numbers.data(), 16), 0);
}

TEST_F(CommandTest, AttendWritesWeightsAndTokensToSafetensors) {
  const std::string out = TempPath("weights.safetensors");

  const CommandResult result = Run(
      absl::StrCat("attend --text hello --weights per-head --output ", out));

  EXPECT_EQ(result.exit_code, 0) << result.err;
  const auto written = Safetensors::Open(out);
  ASSERT_TRUE(written.ok()) << written.status();
  EXPECT_EQ(written->Get("attn_weights")->shape, (Shape{1, 2, 3, 3}));
  EXPECT_EQ(written->metadata().find("sentence0")->second, "[CLS] hello [SEP]");
}

TEST_F(CommandTest, PackedDropsThePaddingOfAFile) {
  const std::vector<float> numbers = {1, 2, 3, 4};
  const std::vector<std::int32_t> lengths = {1, 2};
  const std::vector<std::int32_t> too_long = {1, 3};
  const auto write = [&](const std::vector<std::int32_t>& q_lengths) {
    return WriteTempFile(
        "padded.safetensors",
        SerializeSafetensors(
            {{"queries",
              {.shape = {2, 2, 1},
               .data = reinterpret_cast<const std::byte*>(numbers.data())}},
             {"q_lengths",
              {.dtype = DType::kI32,
               .shape = {2},
               .data = reinterpret_cast<const std::byte*>(q_lengths.data())}}},
            {}));
  };

  const CommandResult result = Run("attend --packed --input " + write(lengths));

  EXPECT_EQ(result.exit_code, 0) << result.err;
  const v1::AttendRequest sent = fake_.last_request();
  EXPECT_THAT(sent.queries().shape(), ElementsAre(3, 1));
  const std::vector<float> rows = {1, 3, 4};
  EXPECT_EQ(std::memcmp(sent.queries().data().data(), rows.data(), 12), 0);
  ExpectFailure(Run("attend --packed --input " + write(too_long)),
                ExitCode::kUsage, "length 1 is 3, allowed is 0 to 2");
}

TEST_F(CommandTest, BadUsageIsExitCode2) {
  const struct {
    const char* arguments;
    const char* message;
  } cases[] = {
      {"", "a command is missing"},
      {"fly", "fly"},
      {"info --colour", "--colour"},
      {"info --timeout 0", "--timeout"},
      {"attend", "exactly one of --text, --input and --random, got 0"},
      {"attend --text a --random 1x1x1", "got 2"},
      {"attend --text a --weights some", "--weights"},
      {"attend --text a --dtype f64", "--dtype"},
      {"attend --text a --compute-dtype f16", "--compute-dtype"},
      {"attend --text a --priority high", "--priority"},
      {"attend --text a --priority -1", "--priority"},
      {"attend --text a --priority 4294967296", "--priority"},
      {"attend --text a --weights average --head 1", "--weights per-head"},
      {"attend --random 0x1x1", "BATCHxLENxEMBED"},
      {"attend --random 8x128", "BATCHxLENxEMBED"},
      {"attend --random 1x1x99999999999", "268435456"},
      {"attend --model sdpa --random 1x1x1", "HEADSxHEAD_DIM"},
      {"attend --input nowhere.npy", "nowhere.npy"},
      {"attend --input notes.txt", ".safetensors or .npy"},
      {"attend --text a --output picture.png", ".safetensors or .npy"},
      {"attend --text a --output /nowhere/a.npy", "/nowhere/a.npy"}};
  for (const auto& [arguments, message] : cases) {
    SCOPED_TRACE(arguments);
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err,
                AllOf(StartsWith("attention-client: "), HasSubstr(message)));
    EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1)
        << result.err;
  }
}

TEST_F(CommandTest, BadFilesAreExitCode2AndNamed) {
  const std::string npy = WriteTempFile("broken.npy", "\x93NUMPY");
  const std::string safetensors = WriteTempFile("broken.safetensors", "{}");

  ExpectFailure(Run("attend --input " + npy), ExitCode::kUsage, npy);
  ExpectFailure(Run("attend --input " + safetensors), ExitCode::kUsage,
                safetensors);
}

TEST_F(CommandTest, NoServerIsExitCode3) {
  ExpectFailure(Run("info --server 127.0.0.1:1"), ExitCode::kUnreachable,
                "server 127.0.0.1:1 cannot be reached");
}

TEST_F(CommandTest, AServerThatStopsIsThereAndExitCode4) {
  fake_.FailNext(9, absl::UnavailableError("the server is stopping; send the "
                                           "request to another one"));

  const CommandResult result = Run("attend --text hello");

  ExpectFailure(result, ExitCode::kRefused,
                "refused: the server is stopping; send the request to another");
  EXPECT_THAT(result.err, Not(HasSubstr("cannot be reached")));
}

TEST_F(CommandTest, ARefusalIsExitCode4) {
  ExpectFailure(Run("attend --text hello --model nope"), ExitCode::kRefused,
                "there is no model nope");
  fake_.FailNext(1, absl::InvalidArgumentError("queries: too odd"));
  ExpectFailure(Run("attend --text hello"), ExitCode::kRefused,
                "queries: too odd");
}

TEST_F(CommandTest, NoAnswerInTimeIsExitCode5) {
  fake_.Hold();

  ExpectFailure(Run("attend --text hello --timeout 0.2"), ExitCode::kDeadline,
                "within 200 ms");
}

TEST_F(CommandTest, HelpNamesCommandsAndExitCodes) {
  const CommandResult result = Run("--help");

  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out,
              AllOf(HasSubstr("ATTENTION_SERVER"), HasSubstr("selftest"),
                    HasSubstr("  3  the server cannot be reached\n")));
  EXPECT_THAT(Run("attend --help").out,
              AllOf(HasSubstr("--text"), HasSubstr("--output-dtype")));
}

TEST_F(CommandTest, SelftestPassesWithoutAServer) {
  const CommandResult result = Run("selftest --server 127.0.0.1:1");

  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, EndsWith("\nall cases are within the limit\n"));
}

}  // namespace
}  // namespace attention
