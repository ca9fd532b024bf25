// What a server without arithmetic knows and answers.
#ifndef TESTS_SUPPORT_ATTEND_ANSWERS_H_
#define TESTS_SUPPORT_ATTEND_ANSWERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "attention/v1/attention.pb.h"

namespace attention {

// "sdpa" and "minilm/0" (12 heads of 32).
std::vector<v1::Model> DescribeFakeModels();

// NotFound, naming those there are.
absl::StatusOr<v1::Model> DescribeFakeModel(const std::string& name);

// An answer whose id, shapes and types are those of a right one. Contexts are
// the queries where they fit and else zeros, weights are zeros: for `sdpa`, one
// token a sequence and no values that is even right. NotFound for an unknown
// model, InvalidArgument for queries without two axes; everything else about a
// request is believed.
absl::StatusOr<v1::AttendResponse> AnswerWithoutArithmetic(
    v1::AttendRequest request);

}  // namespace attention

#endif  // TESTS_SUPPORT_ATTEND_ANSWERS_H_
