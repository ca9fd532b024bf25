// Proves what flags, environment and configuration file say to the server, and
// that --help changes only together with its golden file.
#include "server/flags.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace attention {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string WriteTempFile(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

// An environment variable for the time of one test.
class ScopedEnv {
 public:
  ScopedEnv(const char* name, const char* value) : name_(name) {
    setenv(name, value, 1);
  }
  ~ScopedEnv() { unsetenv(name_); }

 private:
  const char* name_;
};

TEST(FlagsTest, HelpIsTheGoldenFile) {
  const Flags flags = ParseFlags({"--help"});
  EXPECT_EQ(flags.exit_code, 0);
  const std::string golden = std::string(std::getenv("ATTENTION_TEST_DATA")) +
                             "/../golden/server_help.txt";
  EXPECT_EQ(flags.text, ReadFile(golden))
      << "If the change is meant: attention-server --help > " << golden;
}

TEST(FlagsTest, NothingGivenIsTheDefaults) {
  const Flags flags = ParseFlags({});
  EXPECT_FALSE(flags.exit_code.has_value());
  EXPECT_EQ(flags.options.grpc_port, ServerOptions{}.grpc_port);
  EXPECT_FALSE(flags.options.demo_model);
}

TEST(FlagsTest, FlagsSetOptions) {
  const Flags flags = ParseFlags(
      {"--model", "a=/x", "--model=b=/y", "--demo-model", "--grpc-port=0",
       "--metrics-port", "-1", "--workers", "3", "--drain-seconds", "0.5"});
  ASSERT_FALSE(flags.exit_code.has_value()) << flags.text;
  EXPECT_THAT(flags.options.models, ElementsAre("a=/x", "b=/y"));
  EXPECT_TRUE(flags.options.demo_model);
  EXPECT_EQ(flags.options.grpc_port, 0);
  EXPECT_EQ(flags.options.metrics_port, -1);
  EXPECT_EQ(flags.options.engine.num_workers, 3);
  EXPECT_EQ(flags.options.drain_seconds, 0.5);
}

TEST(FlagsTest, FlagBeatsEnvironmentBeatsFile) {
  const std::string path = WriteTempFile(
      "precedence.toml", "grpc-port=1\nworkers=1\nmax-sequences=1\n");
  const ScopedEnv port("ATTENTION_GRPC_PORT", "2");
  const ScopedEnv workers("ATTENTION_WORKERS", "2");
  const ScopedEnv demo("ATTENTION_DEMO_MODEL", "true");
  const Flags flags = ParseFlags({"--config", path, "--grpc-port", "3"});
  ASSERT_FALSE(flags.exit_code.has_value()) << flags.text;
  EXPECT_EQ(flags.options.grpc_port, 3);
  EXPECT_EQ(flags.options.engine.num_workers, 2);
  EXPECT_EQ(flags.options.max_sequences, 1);
  EXPECT_TRUE(flags.options.demo_model);
}

TEST(FlagsTest, AVariableHoldsSeveralModels) {
  const ScopedEnv models("ATTENTION_MODEL", "a=/x,b=/y");
  EXPECT_THAT(ParseFlags({}).options.models, ElementsAre("a=/x", "b=/y"));
  EXPECT_THAT(ParseFlags({"--model=c=/z"}).options.models, ElementsAre("c=/z"));
}

TEST(FlagsTest, TypesToComputeInAreFlagsAndVariables) {
  const Flags flags = ParseFlags({"--compute-dtype=bf16", "--model",
                                  "a=/x,compute_dtype=f32", "--model=b=/y,z"});
  ASSERT_FALSE(flags.exit_code.has_value()) << flags.text;
  EXPECT_EQ(flags.options.compute_dtype, "bf16");
  EXPECT_THAT(flags.options.models,
              ElementsAre("a=/x,compute_dtype=f32", "b=/y,z"));
  const ScopedEnv models("ATTENTION_MODEL",
                         "a=/x,compute_dtype=bf16,b=/y,c=/z,compute_dtype=f32");
  const ScopedEnv dtype("ATTENTION_COMPUTE_DTYPE", "bf16");
  const Flags variables = ParseFlags({});
  ASSERT_FALSE(variables.exit_code.has_value()) << variables.text;
  EXPECT_EQ(variables.options.compute_dtype, "bf16");
  EXPECT_THAT(
      variables.options.models,
      ElementsAre("a=/x,compute_dtype=bf16", "b=/y", "c=/z,compute_dtype=f32"));
}

TEST(FlagsTest, AnUnknownTypeToComputeInIsAMistake) {
  const Flags global = ParseFlags({"--check-config", "--compute-dtype=f16"});
  EXPECT_EQ(global.exit_code, 2);
  EXPECT_THAT(global.text,
              HasSubstr("--compute-dtype is 'f16', allowed is f32, bf16"));
  const Flags own = ParseFlags(
      {"--check-config", "--demo-model", "--model=a=/x,compute_dtype=f64"});
  EXPECT_EQ(own.exit_code, 2);
  EXPECT_THAT(own.text, HasSubstr("--model is 'a=/x,compute_dtype=f64', "
                                  "allowed as its compute_dtype is f32, bf16"));
  const ScopedEnv first("ATTENTION_MODEL", "compute_dtype=bf16,a=/x");
  EXPECT_EQ(ParseFlags({}).exit_code, 2);
}

TEST(FlagsTest, AFileKeepsATypeWithItsModelInQuotes) {
  const std::string quoted =
      WriteTempFile("quoted.toml", "model=\"a=/x,compute_dtype=bf16\"\n");
  EXPECT_THAT(ParseFlags({"--config", quoted}).options.models,
              ElementsAre("a=/x,compute_dtype=bf16"));
  const std::string bare =
      WriteTempFile("bare.toml", "model=a=/x,compute_dtype=bf16\n");
  const Flags cut = ParseFlags({"--config", bare});
  EXPECT_EQ(cut.exit_code, 2);
  EXPECT_THAT(cut.text, HasSubstr("as one value, in a file in quotes"));
}

TEST(FlagsTest, AWrongVariableIsAMistake) {
  const ScopedEnv port("ATTENTION_GRPC_PORT", "70000");
  EXPECT_EQ(ParseFlags({}).exit_code, 2);
}

TEST(FlagsTest, AComplaintNamesTheVariable) {
  const ScopedEnv port("ATTENTION_GRPC_PORT", "70000");
  EXPECT_THAT(ParseFlags({}).text,
              HasSubstr("--grpc-port (ATTENTION_GRPC_PORT=70000) is 70000, "
                        "allowed is [0, 65535]"));
  const ScopedEnv workers("ATTENTION_WORKERS", "many");
  const Flags flags = ParseFlags({});
  EXPECT_EQ(flags.exit_code, 2);
  EXPECT_THAT(flags.text, HasSubstr("ATTENTION_WORKERS=many"));
  EXPECT_EQ(ParseFlags({"--workers=1", "--grpc-port=1"}).exit_code,
            std::nullopt);
}

TEST(FlagsTest, AnEmptyVariableIsNone) {
  const ScopedEnv port("ATTENTION_GRPC_PORT", "");
  const ScopedEnv demo("ATTENTION_DEMO_MODEL", "");
  const ScopedEnv model("ATTENTION_MODEL", "");
  const Flags flags = ParseFlags({});
  ASSERT_FALSE(flags.exit_code.has_value()) << flags.text;
  EXPECT_EQ(flags.options.grpc_port, ServerOptions{}.grpc_port);
  EXPECT_FALSE(flags.options.demo_model);
  EXPECT_TRUE(flags.options.models.empty());
}

TEST(FlagsTest, ActionsAreFlagsOnly) {
  for (const char* name :
       {"ATTENTION_VERSION", "ATTENTION_HELP", "ATTENTION_PRINT_CONFIG",
        "ATTENTION_CHECK_CONFIG"}) {
    const ScopedEnv action(name, "1");
    EXPECT_FALSE(ParseFlags({}).exit_code.has_value()) << name;
  }
}

TEST(FlagsTest, KubernetesServiceLinksAreNotPorts) {
  const ScopedEnv grpc("ATTENTION_GRPC_PORT", "tcp://10.0.0.1:8001");
  const ScopedEnv http("ATTENTION_HTTP_PORT", "tcp://10.0.0.1:8000");
  const ScopedEnv metrics("ATTENTION_METRICS_PORT", "tcp://10.0.0.1:8002");
  const Flags flags = ParseFlags({});
  ASSERT_FALSE(flags.exit_code.has_value()) << flags.text;
  EXPECT_EQ(flags.options.grpc_port, ServerOptions{}.grpc_port);
  EXPECT_EQ(flags.options.http_port, ServerOptions{}.http_port);
  EXPECT_EQ(flags.options.metrics_port, ServerOptions{}.metrics_port);
  const ScopedEnv workers("ATTENTION_WORKERS", "tcp://10.0.0.1:1");
  const Flags wrong = ParseFlags({});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.text, HasSubstr("ATTENTION_WORKERS=tcp://10.0.0.1:1"));
}

TEST(FlagsTest, AVariableNamesTheConfiguration) {
  const std::string path = WriteTempFile("variable.toml", "grpc-port=7\n");
  const ScopedEnv config("ATTENTION_CONFIG", path.c_str());
  EXPECT_EQ(ParseFlags({}).options.grpc_port, 7);
}

TEST(FlagsTest, PrintedConfigurationIsReadBack) {
  const Flags first = ParseFlags(
      {"--print-config", "--model", "a=/x y", "--model",
       "b=/z,compute_dtype=bf16", "--demo-model", "--compute-dtype", "bf16",
       "--max-isa", "avx2", "--drain-seconds", "1.5", "--grpc-port", "12"});
  ASSERT_EQ(first.exit_code, 0) << first.text;
  const std::string path = WriteTempFile("printed.toml", first.text);
  const Flags second = ParseFlags({"--config", path});
  ASSERT_FALSE(second.exit_code.has_value()) << second.text << first.text;
  EXPECT_THAT(second.options.models,
              ElementsAre("a=/x y", "b=/z,compute_dtype=bf16"));
  EXPECT_EQ(second.options.compute_dtype, "bf16");
  EXPECT_TRUE(second.options.demo_model);
  EXPECT_EQ(second.options.max_isa, "avx2");
  EXPECT_EQ(second.options.drain_seconds, 1.5);
  EXPECT_EQ(second.options.grpc_port, 12);
  EXPECT_EQ(ParseFlags({"--config", path, "--print-config"}).text, first.text);
}

TEST(FlagsTest, APrintedModelWithAnyCommaIsReadBack) {
  for (const std::string model : {"a=/x,compute_dtype=bf16", "a=/x,y"}) {
    const Flags first = ParseFlags({"--print-config", "--model", model});
    ASSERT_EQ(first.exit_code, 0) << first.text;
    const std::string path = WriteTempFile("comma.toml", first.text);
    EXPECT_THAT(ParseFlags({"--config", path}).options.models,
                ElementsAre(model))
        << first.text;
  }
}

TEST(FlagsTest, PrintedDefaultsAreReadBack) {
  const Flags first = ParseFlags({"--print-config"});
  ASSERT_EQ(first.exit_code, 0);
  EXPECT_THAT(first.text, HasSubstr("grpc-port=8001\n"));
  const std::string path = WriteTempFile("defaults.toml", first.text);
  const Flags second = ParseFlags({"--config", path, "--print-config"});
  EXPECT_EQ(second.text, first.text);
}

TEST(FlagsTest, CheckConfigSaysRightOrWrong) {
  EXPECT_EQ(ParseFlags({"--check-config"}).exit_code, 0);
  const Flags wrong = ParseFlags({"--check-config", "--grpc-port", "70000"});
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_THAT(wrong.text,
              HasSubstr("--grpc-port is 70000, allowed is [0, 65535]"));
}

TEST(FlagsTest, MistakesLeaveWithTwoAndSayWhat) {
  const Flags unknown = ParseFlags({"--no-such-flag"});
  EXPECT_EQ(unknown.exit_code, 2);
  EXPECT_THAT(unknown.text, HasSubstr("--no-such-flag"));
  const Flags word = ParseFlags({"--workers", "many"});
  EXPECT_EQ(word.exit_code, 2);
  EXPECT_THAT(word.text, HasSubstr("--workers"));
  EXPECT_THAT(word.text, HasSubstr("many"));
  const Flags no_file = ParseFlags({"--config", "/no/such/file"});
  EXPECT_EQ(no_file.exit_code, 2);
  EXPECT_THAT(no_file.text, HasSubstr("/no/such/file"));
  const std::string path = WriteTempFile("unknown.toml", "gprc-port=1\n");
  const Flags unknown_key = ParseFlags({"--config", path});
  EXPECT_EQ(unknown_key.exit_code, 2);
  EXPECT_THAT(unknown_key.text,
              HasSubstr("--config: there is no flag for the key gprc-port"));
}

TEST(FlagsTest, VersionIsOneLine) {
  const Flags flags = ParseFlags({"--version"});
  EXPECT_EQ(flags.exit_code, 0);
  EXPECT_EQ(flags.text, "attention-server " ATTENTION_VERSION "\n");
}

}  // namespace
}  // namespace attention
