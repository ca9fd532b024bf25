// Bytes cut into pieces, each in memory of its own.
#ifndef TESTS_SUPPORT_CUT_BYTES_H_
#define TESTS_SUPPORT_CUT_BYTES_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "core/tensor/fragments.h"

namespace attention {

// One piece of them.
struct Cut {
  std::int64_t bytes = 0;
  // In its memory, which is aligned to 16: how many bytes are before and after
  // it, all of them bits of a NaN. AddressSanitizer sees what reads further.
  std::size_t before = 0;
  std::size_t after = 0;
};

// Cuts of `bytes` bytes in all, at places drawn from `random`. Lengths, from 0
// on, are up to one that is drawn too, so that there are few pieces or many.
// They lie at any address, or each is as aligned as it was, up to 16.
std::vector<Cut> DrawCuts(std::int64_t bytes, std::mt19937_64& random);

class CutBytes {
 public:
  // REQUIRES: the cuts are as long as the bytes.
  CutBytes(std::span<const std::byte> bytes, const std::vector<Cut>& cuts);

  CutBytes(const CutBytes&) = delete;
  CutBytes& operator=(const CutBytes&) = delete;

  // Valid as long as this is.
  const Fragments& fragments() const { return fragments_; }

 private:
  std::vector<std::vector<std::byte>> memory_;
  Fragments fragments_;
};

}  // namespace attention

#endif  // TESTS_SUPPORT_CUT_BYTES_H_
