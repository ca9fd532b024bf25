// A conformance case as a request, and the response as what the case expects.
#ifndef TESTS_SUPPORT_CONFORMANCE_REQUEST_H_
#define TESTS_SUPPORT_CONFORMANCE_REQUEST_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "attention/v1/attention.pb.h"
#include "tests/support/conformance_case.h"

namespace attention {

// How the sequences of a request lie in its tensors.
enum class Layout : std::uint8_t { kPadded, kPacked };

// A packed sequence has at least one key.
bool CanBePacked(const ConformanceCase& a_case);

v1::AttendRequest MakeRequest(const ConformanceCase& a_case, Layout layout);

// InvalidArgument when a tensor has another shape or type than it should.
absl::StatusOr<PaddedAnswer> ReadResponse(const ConformanceCase& a_case,
                                          Layout layout,
                                          const v1::AttendResponse& response);

}  // namespace attention

#endif  // TESTS_SUPPORT_CONFORMANCE_REQUEST_H_
