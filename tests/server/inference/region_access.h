// A registered region as the server uses it.
#ifndef TESTS_SERVER_INFERENCE_REGION_ACCESS_H_
#define TESTS_SERVER_INFERENCE_REGION_ACCESS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "server/inference/shared_memory.h"

namespace attention::oip {

// One byte as the server reads or writes it; the compiler leaves it in place.
inline char Load(const SharedBytes& bytes, std::uint64_t at) {
  return static_cast<char>(
      const_cast<const volatile std::byte*>(bytes.data.get())[at]);
}

inline void Store(const SharedBytes& bytes, std::uint64_t at, char value) {
  const_cast<volatile std::byte*>(bytes.data.get())[at] =
      static_cast<std::byte>(value);
}

inline SharedBytes FindAll(const SharedMemory& memory, const std::string& name,
                           std::uint64_t bytes) {
  auto found = memory.Find(name, 0, bytes);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *std::move(found) : SharedBytes{};
}

}  // namespace attention::oip

#endif  // TESTS_SERVER_INFERENCE_REGION_ACCESS_H_
