// Proves that no bytes bring the server down: 10,000 random byte strings and
// broken messages to every rpc, after which a good request succeeds.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "attention/v1/attention.pb.h"
#include "gtest/gtest.h"
#include "tests/support/attend_requests.h"
#include "tests/support/raw_rpc.h"
#include "tests/support/server_fixture.h"

namespace attention {
namespace {

constexpr int kStrings = 10000;
constexpr int kBatch = 500;

// Set ATTENTION_TEST_SEED to repeat a run.
std::uint32_t Seed() {
  const char* seed = std::getenv("ATTENTION_TEST_SEED");
  return seed == nullptr ? std::random_device()()
                         : static_cast<std::uint32_t>(std::stoul(seed));
}

class RandomBytesTest : public ::testing::Test {
 protected:
  RandomBytesTest() : seed_(Seed()), random_(seed_) {
    std::printf("seed %u\n", seed_);
    RecordProperty("seed", std::to_string(seed_));
  }

  int Uniform(int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random_);
  }

  std::string Noise() {
    std::string bytes(static_cast<std::size_t>(Uniform(0, 200)), '\0');
    for (char& byte : bytes) byte = static_cast<char>(Uniform(0, 255));
    return bytes;
  }

  // A good message of some kind.
  std::string Valid() {
    v1::AttendRequest request = SmallSdpaRequest("id");
    switch (Uniform(0, 3)) {
      case 0:
        request = SelfAttention("minilm/0", 1, 2, 384);
        break;
      case 1:
        *request.mutable_attn_mask() = ZeroTensor({3, 3}, v1::DTYPE_BOOL);
        request.set_attn_weights(v1::ATTN_WEIGHTS_PER_HEAD);
        break;
      case 2:
        *request.mutable_keys() = RampTensor({2, 4, 1, 4});
        *request.mutable_values() = RampTensor({2, 4, 1, 3});
        request.add_q_lengths(1);
        request.add_q_lengths(3);
        break;
      default:
        break;
    }
    return request.SerializeAsString();
  }

  // The same with bytes changed, cut off or doubled. Most changes are near the
  // start, where the fields are.
  std::string Mutated() {
    std::string bytes = Valid();
    for (int change = Uniform(1, 4); change > 0 && !bytes.empty(); --change) {
      const int last = static_cast<int>(bytes.size()) - 1;
      const auto at =
          static_cast<std::size_t>(Uniform(0, std::min(last, Uniform(8, 400))));
      switch (Uniform(0, 4)) {
        case 0:
          bytes.resize(at);
          break;
        case 1:
          bytes.insert(at, bytes.substr(at, 16));
          break;
        case 2:
          bytes.erase(at, static_cast<std::size_t>(Uniform(1, 8)));
          break;
        default:
          bytes[at] = static_cast<char>(Uniform(0, 255));
      }
    }
    return bytes;
  }

  std::vector<std::string> Strings(int count) {
    std::vector<std::string> strings;
    for (int i = 0; i < count; ++i) {
      strings.push_back(i % 2 == 0 ? Noise() : Mutated());
    }
    return strings;
  }

  void ExpectGoodRequestSucceeds() {
    grpc::ClientContext context;
    v1::AttendResponse response;
    const grpc::Status status =
        server_.stub().Attend(&context, SmallSdpaRequest("good"), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.id(), "good");
  }

  const std::uint32_t seed_;
  std::mt19937 random_;
  TestServer server_;
};

TEST_F(RandomBytesTest, UnaryRpcsSurvive) {
  const auto channel = server_.NewChannel();
  for (const char* method :
       {"Attend", "ListModels", "GetModel", "GetServerInfo"}) {
    const std::string path =
        std::string("/attention.v1.AttentionService/") + method;
    std::set<int> codes;
    for (int sent = 0; sent < kStrings; sent += kBatch) {
      for (const grpc::Status& status :
           RawUnaryAll(channel, path, Strings(kBatch))) {
        codes.insert(status.error_code());
      }
    }
    // FAILED_PRECONDITION is what a CPU without bf16 says to compute_dtype.
    const std::set<int> allowed = {
        grpc::StatusCode::OK, grpc::StatusCode::INVALID_ARGUMENT,
        grpc::StatusCode::NOT_FOUND, grpc::StatusCode::FAILED_PRECONDITION};
    EXPECT_TRUE(std::includes(allowed.begin(), allowed.end(), codes.begin(),
                              codes.end()))
        << method << ": " << ::testing::PrintToString(codes) << ", seed "
        << seed_;
    ExpectGoodRequestSucceeds();
  }
}

TEST_F(RandomBytesTest, StreamAnswersEachOfThem) {
  const auto channel = server_.NewChannel();
  for (int sent = 0; sent < kStrings; sent += kBatch) {
    RawStream stream(channel, "/attention.v1.AttentionService/AttendStream",
                     Strings(kBatch));
    const grpc::Status status = stream.Wait();
    EXPECT_TRUE(status.ok()) << status.error_message() << ", seed " << seed_;
    EXPECT_EQ(stream.answers().size(), static_cast<std::size_t>(kBatch))
        << "seed " << seed_;
    for (const std::string& answer : stream.answers()) {
      v1::AttendStreamResponse response;
      ASSERT_TRUE(response.ParseFromString(answer));
      ASSERT_NE(response.result_case(),
                v1::AttendStreamResponse::RESULT_NOT_SET);
    }
  }
  ExpectGoodRequestSucceeds();
}

}  // namespace
}  // namespace attention
