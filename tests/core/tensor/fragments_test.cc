// Proves that bytes in pieces are read as if they were one: wherever they are
// cut, every range of them. A failure of random cuts prints its seed.
#include "core/tensor/fragments.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/cut_bytes.h"

namespace attention {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// Bytes [first, first + count).
std::string Read(const Fragments& fragments, std::int64_t first,
                 std::int64_t count) {
  std::string text(static_cast<std::size_t>(count), '?');
  fragments.Copy(first, count, std::as_writable_bytes(std::span(text)).data());
  return text;
}

class FragmentsTest : public testing::Test {
 protected:
  const std::byte* At(const std::string& piece, std::size_t index) {
    return Bytes(piece).data() + index;
  }

  const std::string abc_ = "abc";
  const std::string d_ = "d";
  const std::string efgh_ = "efgh";
  const Fragments fragments_{{Bytes(abc_), Bytes(d_), Bytes(efgh_)}};
};

TEST_F(FragmentsTest, SizeIsThatOfAllPieces) {
  EXPECT_EQ(fragments_.size(), 8);
  EXPECT_EQ(Fragments({Bytes(abc_)}).size(), 3);
}

TEST_F(FragmentsTest, WithoutPiecesIsEmpty) {
  EXPECT_EQ(Fragments({}).size(), 0);
  EXPECT_EQ(Read(Fragments({}), 0, 0), "");
}

TEST_F(FragmentsTest, OfEmptyPiecesIsEmpty) {
  const Fragments empty({{}, Bytes("")});
  EXPECT_EQ(empty.size(), 0);
  EXPECT_EQ(Read(empty, 0, 0), "");
}

TEST_F(FragmentsTest, BytesInOnePieceAreWhereTheyLie) {
  EXPECT_EQ(fragments_.Contiguous(0, 3), At(abc_, 0));
  EXPECT_EQ(fragments_.Contiguous(1, 1), At(abc_, 1));
  EXPECT_EQ(fragments_.Contiguous(2, 1), At(abc_, 2));
  EXPECT_EQ(fragments_.Contiguous(3, 1), At(d_, 0));
  EXPECT_EQ(fragments_.Contiguous(4, 4), At(efgh_, 0));
  EXPECT_EQ(fragments_.Contiguous(7, 1), At(efgh_, 3));
}

TEST_F(FragmentsTest, BytesInSeveralPiecesAreNotContiguous) {
  EXPECT_EQ(fragments_.Contiguous(0, 4), nullptr);
  EXPECT_EQ(fragments_.Contiguous(2, 2), nullptr);
  EXPECT_EQ(fragments_.Contiguous(3, 2), nullptr);
  EXPECT_EQ(fragments_.Contiguous(0, 8), nullptr);
}

TEST_F(FragmentsTest, CopiesAcrossPieces) {
  EXPECT_EQ(Read(fragments_, 0, 8), "abcdefgh");
  EXPECT_EQ(Read(fragments_, 2, 3), "cde");
  EXPECT_EQ(Read(fragments_, 3, 1), "d");
  EXPECT_EQ(Read(fragments_, 4, 4), "efgh");
}

TEST_F(FragmentsTest, CopiesNothing) {
  EXPECT_EQ(Read(fragments_, 3, 0), "");
  EXPECT_EQ(Read(fragments_, 8, 0), "");
}

TEST_F(FragmentsTest, EmptyPiecesChangeNothing) {
  const Fragments fragments(
      {{}, Bytes(abc_), {}, {}, Bytes(d_), Bytes(efgh_), {}});
  EXPECT_EQ(fragments.size(), 8);
  EXPECT_EQ(fragments.Contiguous(0, 3), At(abc_, 0));
  EXPECT_EQ(fragments.Contiguous(3, 1), At(d_, 0));
  EXPECT_EQ(fragments.Contiguous(2, 2), nullptr);
  EXPECT_EQ(Read(fragments, 0, 8), "abcdefgh");
}

TEST_F(FragmentsTest, ReadsTheSameHoweverItIsCut) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937_64 random(seed);
    std::string text(1 + random() % 100, '\0');
    for (char& letter : text) letter = static_cast<char>(random());
    const auto size = static_cast<std::int64_t>(text.size());
    const std::vector<Cut> cuts = DrawCuts(size, random);
    const CutBytes cut(Bytes(text), cuts);
    const Fragments& fragments = cut.fragments();
    // The piece of each byte.
    std::vector<std::size_t> pieces;
    for (std::size_t i = 0; i < cuts.size(); ++i) {
      pieces.insert(pieces.end(), static_cast<std::size_t>(cuts[i].bytes), i);
    }

    ASSERT_EQ(fragments.size(), size);
    for (std::int64_t first = 0; first < size; ++first) {
      for (std::int64_t count = 1; first + count <= size; ++count) {
        const auto begin = static_cast<std::size_t>(first);
        const auto length = static_cast<std::size_t>(count);
        ASSERT_EQ(Read(fragments, first, count), text.substr(begin, length));
        const std::byte* in_place = fragments.Contiguous(first, count);
        ASSERT_EQ(in_place != nullptr,
                  pieces[begin] == pieces[begin + length - 1])
            << first << " " << count;
        if (in_place == nullptr) continue;
        ASSERT_TRUE(std::equal(in_place, in_place + count,
                               Bytes(text).begin() + first));
      }
    }
  }
}

}  // namespace
}  // namespace attention
