// Proves that compressed bodies are read as zlib wrote them, in parts of any
// size, and that nothing else is.
#include "server/http/content_decoder.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "core/base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/deflate_bytes.h"

namespace attention::http {
namespace {

using ::testing::HasSubstr;

// What `encoding` decodes `data` to when it arrives in parts of `part` bytes.
absl::StatusOr<std::string> Decode(const std::string& encoding,
                                   const std::string& data, std::size_t part,
                                   std::int64_t max_bytes = 64 << 20) {
  auto memory = std::make_shared<BodyMemory>();
  memory->limit_bytes = std::int64_t{1} << 30;
  RequestBody body(memory, max_bytes, std::nullopt);
  ATTENTION_ASSIGN_OR_RETURN(const auto decoder,
                             ContentDecoder::Create(encoding));
  for (std::size_t begin = 0; begin < data.size(); begin += part) {
    const std::string some = data.substr(begin, part);
    ATTENTION_RETURN_IF_ERROR(
        decoder->Decode(std::as_bytes(std::span(some)), body));
  }
  ATTENTION_RETURN_IF_ERROR(decoder->Finish());
  return std::string(reinterpret_cast<const char*>(body.data()), body.size());
}

// Half noise, half zeros.
std::string Sample(std::uint32_t seed, std::size_t size) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> value(0, 255);
  std::string sample(size, '\0');
  std::generate(sample.begin(), sample.begin() + size / 2,
                [&] { return static_cast<char>(value(random)); });
  return sample;
}

TEST(ContentDecoderTest, ReadsGzipAndDeflateInPartsOfAnySize) {
  const std::uint32_t seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  const std::string text = Sample(seed, 300000);
  for (const std::size_t part : {1, 7, 4096, 1000000}) {
    EXPECT_EQ(*Decode("gzip", Compress(text, kGzipWindow), part), text);
    EXPECT_EQ(*Decode("X-GZip", Compress(text, kGzipWindow), part), text);
    EXPECT_EQ(*Decode("deflate", Compress(text, kDeflateWindow), part), text);
  }
}

TEST(ContentDecoderTest, ReadsOneGzipStreamAfterAnother) {
  const std::string data =
      Compress("one ", kGzipWindow) + Compress("two", kGzipWindow);
  EXPECT_EQ(*Decode("gzip", data, 1), "one two");
  EXPECT_EQ(*Decode("gzip", data, 1000), "one two");
}

TEST(ContentDecoderTest, ReadsNothingAsNothing) {
  EXPECT_EQ(*Decode("gzip", "", 1), "");
  EXPECT_EQ(*Decode("gzip", Compress("", kGzipWindow), 1), "");
}

TEST(ContentDecoderTest, HasNothingToDoWithoutAnEncoding) {
  for (const char* const encoding : {"", "identity", "Identity"}) {
    const auto decoder = ContentDecoder::Create(encoding);
    ASSERT_TRUE(decoder.ok());
    EXPECT_EQ(*decoder, nullptr);
  }
}

TEST(ContentDecoderTest, DoesNotKnowOtherEncodings) {
  for (const char* const encoding : {"br", "zstd", "gzip, gzip", "\x01"}) {
    EXPECT_EQ(ContentDecoder::Create(encoding).status().code(),
              absl::StatusCode::kUnimplemented);
  }
  EXPECT_THAT(std::string(ContentDecoder::Create("br").status().message()),
              HasSubstr("Content-Encoding: br is not known; send gzip"));
}

TEST(ContentDecoderTest, RefusesWhatIsNotInTheEncoding) {
  const std::string gzip = Compress("some words", kGzipWindow);
  std::string wrong_sum = gzip;
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"gzip", "plain text"},
      {"gzip", Compress("some words", kDeflateWindow)},
      {"gzip", wrong_sum},
      {"gzip", gzip.substr(0, gzip.size() - 1)},
      {"gzip", gzip + "rest"},
      {"deflate", gzip},
      {"deflate", Compress("some words", kDeflateWindow) + "rest"}};
  for (const auto& [encoding, data] : cases) {
    for (const std::size_t part : {1, 1000}) {
      const absl::Status status = Decode(encoding, data, part).status();
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    }
  }
}

TEST(ContentDecoderTest, StopsABombAtTheLimit) {
  const std::string bomb = Compress(std::string(50 << 20, '\0'), kGzipWindow);
  ASSERT_LT(bomb.size(), 1U << 20);
  EXPECT_EQ(Decode("gzip", bomb, 4096, 1 << 20).status().code(),
            absl::StatusCode::kOutOfRange);
  EXPECT_EQ(Decode("gzip", bomb, 4096, 50 << 20)->size(), 50U << 20);
  EXPECT_EQ(Decode("gzip", bomb, 4096, (50 << 20) - 1).status().code(),
            absl::StatusCode::kOutOfRange);
}

}  // namespace
}  // namespace attention::http
