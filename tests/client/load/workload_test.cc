// Proves that workload files mean what WORKLOADS.md says, that every mistake
// is named with what is allowed, and that the files in workloads/ are good.
#include "client/load/workload.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention::load {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string Root() {
  return std::string(std::getenv("ATTENTION_TEST_DATA")) +
         "/../../client/load/";
}

// A folder of its own for the files that a workload names.
class WorkloadTest : public ::testing::Test {
 protected:
  WorkloadTest() {
    std::string path = ::testing::TempDir() + "workload_XXXXXX";
    folder_ = mkdtemp(path.data());
  }
  ~WorkloadTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  Workload Parse(const std::string& json) {
    auto workload = ParseWorkload(json, folder_);
    EXPECT_TRUE(workload.ok()) << workload.status();
    return workload.ok() ? *std::move(workload) : Workload{};
  }

  // The only mix, of which `json` are the fields.
  RequestMix Mix(const std::string& json) {
    return Parse("{\"mixes\": [{" + json + "}]}").mixes.at(0);
  }

  std::string Refusal(
      const std::string& json,
      absl::StatusCode code = absl::StatusCode::kInvalidArgument) {
    const auto workload = ParseWorkload(json, folder_);
    EXPECT_EQ(workload.status().code(), code) << json;
    return std::string(workload.status().message());
  }

  // Of the second mix, whose fields are `json`.
  std::string MixRefusal(const std::string& json) {
    return Refusal("{\"mixes\": [{}, {" + json + "}]}");
  }

  std::string folder_;
};

TEST_F(WorkloadTest, EverythingHasADefault) {
  const Workload workload = Parse("{}");

  EXPECT_EQ(workload.name, "workload");
  EXPECT_EQ(workload.seed, 1U);
  EXPECT_EQ(workload.distinct, 64);
  ASSERT_EQ(workload.mixes.size(), 1U);
  const RequestMix& mix = workload.mixes[0];
  EXPECT_EQ(mix.weight, 1);
  EXPECT_EQ(mix.model, "minilm/0");
  EXPECT_EQ(mix.batch, 1);
  EXPECT_EQ(mix.lengths.kind, Lengths::Kind::kFixed);
  EXPECT_EQ(mix.lengths.value, 32);
  EXPECT_FALSE(mix.packed);
  EXPECT_EQ(mix.dtype, ElementType::kF32);
  EXPECT_EQ(mix.output_dtype, std::nullopt);
  EXPECT_EQ(mix.compute_dtype, std::nullopt);
  EXPECT_EQ(mix.mask, MaskKind::kNone);
  EXPECT_EQ(mix.attn_weights, ReturnWeights::kNone);
  EXPECT_EQ(mix.deadline, std::nullopt);
  EXPECT_EQ(mix.priority, 0U);
  EXPECT_EQ(mix.num_heads, 12);
  EXPECT_EQ(mix.num_kv_heads, 12);
  EXPECT_EQ(mix.head_dim, 64);
  EXPECT_THAT(mix.sentences, IsEmpty());
}

TEST_F(WorkloadTest, EveryFieldIsRead) {
  const Workload workload = Parse(R"({
    "name": "all", "seed": 9, "distinct": 3,
    "mixes": [{
      "weight": 0.25, "model": "sdpa", "batch": 4, "packed": true,
      "lengths": {"lognormal": {"mean": 30.5, "sigma": 0.6, "max": 102}},
      "dtype": "bf16", "output_dtype": "f16", "compute_dtype": "bf16",
      "mask": "float", "attn_weights": "average", "deadline_ms": 50,
      "priority": 2,
      "num_heads": 8, "num_kv_heads": 2, "head_dim": 128}]})");

  EXPECT_EQ(workload.name, "all");
  EXPECT_EQ(workload.seed, 9U);
  EXPECT_EQ(workload.distinct, 3);
  const RequestMix& mix = workload.mixes.at(0);
  EXPECT_EQ(mix.weight, 0.25);
  EXPECT_EQ(mix.model, "sdpa");
  EXPECT_EQ(mix.batch, 4);
  EXPECT_TRUE(mix.packed);
  EXPECT_EQ(mix.lengths.kind, Lengths::Kind::kLogNormal);
  EXPECT_EQ(mix.lengths.mean, 30.5);
  EXPECT_EQ(mix.lengths.sigma, 0.6);
  EXPECT_EQ(mix.lengths.max, 102);
  EXPECT_EQ(mix.dtype, ElementType::kBF16);
  EXPECT_EQ(mix.output_dtype, ElementType::kF16);
  EXPECT_EQ(mix.compute_dtype, ElementType::kBF16);
  EXPECT_EQ(mix.mask, MaskKind::kFloat);
  EXPECT_EQ(mix.attn_weights, ReturnWeights::kHeadAverage);
  EXPECT_EQ(mix.deadline, std::chrono::milliseconds(50));
  EXPECT_EQ(mix.priority, 2U);
  EXPECT_EQ(mix.num_heads, 8);
  EXPECT_EQ(mix.num_kv_heads, 2);
  EXPECT_EQ(mix.head_dim, 128);
}

TEST_F(WorkloadTest, KeyHeadsAreAsManyAsHeadsUnlessSaid) {
  EXPECT_EQ(Mix(R"("model": "sdpa", "num_heads": 7)").num_kv_heads, 7);
}

TEST_F(WorkloadTest, ReadsLengthsAndSentencesFromFilesBesideIt) {
  Write("lengths.txt", "12\n\n  7 \r\n1048576");
  Write("sentences.txt", "One.\r\n\n  Two words. \n");
  const std::string path =
      Write("workload.json",
            R"({"mixes": [{"lengths": {"file": "lengths.txt"}},
                          {"sentences": "sentences.txt"}]})");

  const auto workload = ReadWorkload(path);

  ASSERT_TRUE(workload.ok()) << workload.status();
  EXPECT_EQ(workload->mixes[0].lengths.kind, Lengths::Kind::kListed);
  EXPECT_THAT(workload->mixes[0].lengths.listed, ElementsAre(12, 7, 1048576));
  EXPECT_THAT(workload->mixes[1].sentences, ElementsAre("One.", "Two words."));
}

TEST_F(WorkloadTest, SaysWhichFileIsMissing) {
  EXPECT_THAT(Refusal(R"({"mixes": [{"sentences": "no.txt"}]})",
                      absl::StatusCode::kNotFound),
              AllOf(StartsWith("mixes[0].sentences: "),
                    HasSubstr(folder_ + "/no.txt")));
  const auto missing = ReadWorkload(folder_ + "/no.json");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("/no.json"));
}

TEST_F(WorkloadTest, RefusesFilesThatAreNotWhatTheyShouldBe) {
  const auto refusal = [this](const std::string& name,
                              const std::string& text) {
    Write(name, text);
    return Refusal("{\"mixes\": [{" +
                   (name == "s" ? std::string(R"("sentences": "s")")
                                : R"("lengths": {"file": "l"})") +
                   "}]}");
  };
  EXPECT_THAT(refusal("l", "3\nabc\n"),
              AllOf(StartsWith("mixes[0].lengths.file: "),
                    HasSubstr("l:2 is \"abc\", must be a whole number from 1 "
                              "to 1048576")));
  EXPECT_THAT(refusal("l", "0"), HasSubstr("l:1 is \"0\""));
  EXPECT_THAT(refusal("l", "1048577"), HasSubstr("must be a whole number"));
  EXPECT_THAT(refusal("l", " \n\n"), HasSubstr("is empty"));
  EXPECT_THAT(refusal("s", ""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("s", std::string(4097, 'x')),
              HasSubstr("s:1 has 4097 bytes, allowed are 4096"));
  std::string lines;
  for (int i = 0; i < 65537; ++i) lines += "x\n";
  EXPECT_THAT(refusal("s", lines), HasSubstr("more than 65536 lines"));
  EXPECT_THAT(refusal("s", std::string((1 << 20) + 1, '\n')),
              HasSubstr("has 1048577 bytes, allowed are 1048576"));
  EXPECT_THAT(Refusal(R"({"mixes": [{"sentences": "."}]})"),
              HasSubstr("not a regular file"));
}

TEST_F(WorkloadTest, RefusesAWorkloadThatIsTooLarge) {
  const std::string json = "{}" + std::string(1 << 20, ' ');
  EXPECT_THAT(Refusal(json), HasSubstr("allowed are 1048576"));
  EXPECT_THAT(
      std::string(ReadWorkload(Write("large", json)).status().message()),
      HasSubstr("large: has 1048578 bytes, allowed are 1048576"));
}

TEST_F(WorkloadTest, NamesTheFileThatIsBroken) {
  const std::string path = Write("broken.json", "{\n\"seed\" 3}");
  EXPECT_THAT(std::string(ReadWorkload(path).status().message()),
              AllOf(StartsWith(path + ": "), HasSubstr("line 2, column 8")));
}

TEST_F(WorkloadTest, RefusesValuesOutOfTheirRange) {
  EXPECT_EQ(Refusal(R"({"distinct": 0})"),
            "distinct is 0, must be a whole number from 1 to 65536");
  EXPECT_THAT(Refusal(R"({"seed": -1})"), StartsWith("seed is -1, must be "));
  EXPECT_THAT(Refusal(R"({"name": ""})"), StartsWith("name is \"\", must be "));
  const std::pair<const char*, const char*> mistakes[] = {
      {R"("weight": 0)", "mixes[1].weight is 0, must be at least 1e-06"},
      {R"("batch": 65537)",
       "mixes[1].batch is 65537, must be a whole number from 1 to 65536"},
      {R"("lengths": 0)",
       "mixes[1].lengths is 0, must be a whole number from 1 to 1048576"},
      {R"("lengths": {"lognormal": {"mean": -3}})",
       "mixes[1].lengths.lognormal.mean is -3, must be at least 1"},
      {R"("lengths": {"lognormal": {"sigma": 4}})",
       "mixes[1].lengths.lognormal.sigma is 4, must be a number from 0.01 to "
       "3"},
      {R"("lengths": {"lognormal": {"mean": 9, "max": 8}})",
       "mixes[1].lengths.lognormal.mean is 9, must be at most max, 8"},
      {R"("packed": "yes")",
       "mixes[1].packed is \"yes\", must be true or "
       "false"},
      {R"("dtype": "f64")",
       "mixes[1].dtype is \"f64\", must be one of f32, f16, bf16"},
      {R"("compute_dtype": "f16")",
       "mixes[1].compute_dtype is \"f16\", must be one of f32, bf16"},
      {R"("mask": "diagonal")",
       "mixes[1].mask is \"diagonal\", must be one of none, causal, boolean, "
       "float"},
      {R"("attn_weights": true)",
       "mixes[1].attn_weights is true, must be one of none, average, "
       "per_head"},
      {R"("deadline_ms": 0)",
       "mixes[1].deadline_ms is 0, must be a whole number from 1 to 3600000"},
      {R"("priority": 0)",
       "mixes[1].priority is 0, must be a whole number from 1 to 5"},
      {R"("priority": 6)",
       "mixes[1].priority is 6, must be a whole number from 1 to 5"},
      {R"("model": "sdpa", "num_heads": 4097)",
       "mixes[1].num_heads is 4097, must be a whole number from 1 to 4096"},
      {R"("model": "sdpa", "head_dim": 0)",
       "mixes[1].head_dim is 0, must be a whole number from 1 to 1024"},
      {R"("model": "sdpa", "num_heads": 6, "num_kv_heads": 4)",
       "mixes[1].num_kv_heads is 4, must be a divisor of num_heads, 6"},
  };
  for (const auto& [json, message] : mistakes) {
    EXPECT_EQ(MixRefusal(json), message);
  }
}

TEST_F(WorkloadTest, RefusesMixesThatAreNone) {
  const std::string message = "mixes must be an array of 1 to 64 objects";
  EXPECT_EQ(Refusal(R"({"mixes": []})"), message);
  EXPECT_EQ(Refusal(R"({"mixes": {}})"), message);
  std::string many;
  for (int i = 0; i < 65; ++i) many += i == 0 ? "{}" : ",{}";
  EXPECT_EQ(Refusal("{\"mixes\": [" + many + "]}"), message);
  EXPECT_EQ(Refusal(R"({"mixes": [{}, 3]})"),
            "mixes[1] is number, must be an object");
}

TEST_F(WorkloadTest, RefusesLengthsOfAnotherForm) {
  for (const char* json :
       {R"("lengths": "7")", R"("lengths": [7])", R"("lengths": null)"}) {
    EXPECT_THAT(MixRefusal(json),
                HasSubstr("must be a number of tokens, {\"lognormal\": ...} "
                          "or {\"file\": ...}"));
  }
  EXPECT_THAT(MixRefusal(R"("lengths": {})"),
              HasSubstr("mixes[1].lengths must have lognormal or file, and "
                        "not both"));
  EXPECT_THAT(MixRefusal(R"("lengths": {"lognormal": {}, "file": "x"})"),
              HasSubstr("and not both"));
  EXPECT_THAT(MixRefusal(R"("lengths": {"lognormal": 3})"),
              HasSubstr("lognormal is 3, must be an object with mean"));
}

TEST_F(WorkloadTest, RefusesFieldsThatWouldHaveNoEffect) {
  EXPECT_EQ(MixRefusal(R"("num_heads": 4)"),
            "mixes[1].num_heads is for sdpa, minilm/0 knows its own; leave it "
            "out");
  EXPECT_THAT(MixRefusal(R"("sentences": "x", "lengths": 3)"),
              HasSubstr("lengths has no effect on sentences"));
  EXPECT_THAT(MixRefusal(R"("sentences": "x", "model": "sdpa")"),
              HasSubstr("sentences cannot be sent to sdpa"));
}

// The names in "known are a, b, c".
std::vector<std::string> Known(const std::string& refusal) {
  const std::size_t at = refusal.find("known are ");
  EXPECT_NE(at, std::string::npos) << refusal;
  return absl::StrSplit(refusal.substr(at + 10), ", ");
}

TEST_F(WorkloadTest, NamesUnknownFieldsAndAllThatAreKnownAreDocumented) {
  std::ifstream file(Root() + "WORKLOADS.md");
  std::stringstream document;
  document << file.rdbuf();
  const std::string refusals[] = {
      Refusal(R"({"nonsense": 1})"), MixRefusal(R"("nonsense": 1)"),
      MixRefusal(R"("lengths": {"nonsense": 1})"),
      MixRefusal(R"("lengths": {"lognormal": {"nonsense": 1}})")};
  const char* const objects[] = {"the workload", "mixes[1]", "mixes[1].lengths",
                                 "mixes[1].lengths.lognormal"};
  const std::size_t counts[] = {4, 16, 2, 3};
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(refusals[i],
                StartsWith(std::string(objects[i]) + " has \"nonsense\""));
    EXPECT_EQ(Known(refusals[i]).size(), counts[i]) << refusals[i];
    for (const std::string& name : Known(refusals[i])) {
      // At the start of a row of its table.
      EXPECT_THAT(document.str(), HasSubstr("\n| `" + name + "` |"));
    }
  }
}

TEST_F(WorkloadTest, TheExamplesAreGood) {
  int count = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(Root() + "workloads")) {
    if (entry.path().extension() != ".json") continue;
    const auto workload = ReadWorkload(entry.path().string());
    ASSERT_TRUE(workload.ok()) << workload.status();
    EXPECT_EQ(workload->name, entry.path().stem().string());
    ++count;
  }
  EXPECT_EQ(count, 6);
}

TEST_F(WorkloadTest, TheDefaultIsSentencesJson) {
  const auto read = ReadWorkload(Root() + "workloads/sentences.json");
  const Workload workload = DefaultWorkload();

  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(workload.name, read->name);
  EXPECT_EQ(workload.seed, read->seed);
  EXPECT_EQ(workload.distinct, read->distinct);
  ASSERT_EQ(workload.mixes.size(), 1U);
  EXPECT_THAT(workload.mixes[0].sentences, Not(IsEmpty()));
  EXPECT_EQ(workload.mixes[0].sentences, read->mixes[0].sentences);
  EXPECT_EQ(workload.Describe(), read->Describe());
}

TEST_F(WorkloadTest, IsDescribedInALine) {
  EXPECT_EQ(Parse("{}").Describe(), "workload: minilm/0, 1 x 32 tokens, f32");
  EXPECT_EQ(
      Parse(R"({"name": "two", "mixes": [
        {"weight": 3, "batch": 32, "packed": true, "deadline_ms": 50,
         "lengths": {"lognormal": {"mean": 30, "sigma": 0.6, "max": 102}}},
        {"model": "sdpa", "num_heads": 8, "num_kv_heads": 2, "mask": "causal",
         "attn_weights": "per_head", "dtype": "f16", "output_dtype": "f32",
         "compute_dtype": "bf16", "priority": 5}]})")
          .Describe(),
      "two: 75 % minilm/0, 32 packed x lognormal tokens (mean 30, sigma 0.6, "
      "max 102), f32, within 50 ms; 25 % sdpa 8/2 heads of 64, 1 x 32 tokens, "
      "f16 to f32 in bf16, causal, attn_weights per head, priority 5");
}

}  // namespace
}  // namespace attention::load
