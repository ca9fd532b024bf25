// Which vector instructions the kernel uses.
#ifndef CORE_ATTENTION_ISA_H_
#define CORE_ATTENTION_ISA_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace attention {

// What a caller may allow at most.
enum class MaxIsa : std::uint8_t { kAny, kAvx2, kAvx512 };

// "any", "avx2" or "avx512".
std::optional<MaxIsa> ParseMaxIsa(absl::string_view name);

// Limits oneDNN and Highway alike. Only before the first kernel call of the
// process; later calls have no effect and return false. kAny limits nothing and
// always returns true; it does not lift a limit that was set.
bool SetMaxIsa(MaxIsa max_isa);

// True when products of bf16 with sums in f32 are one instruction of this CPU
// (AVX512_BF16) that may be used. The first call is a kernel call: SetMaxIsa
// comes before it.
bool HasBf16Products();

// What is in use, as oneDNN and Highway name it:
// "avx512_core_bf16 (oneDNN 2.6.3), AVX3_ZEN4 (Highway 1.0.3)".
std::string IsaInUse();

}  // namespace attention

#endif  // CORE_ATTENTION_ISA_H_
