// Requests for tests, as a client would make them.
#ifndef TESTS_SUPPORT_ATTEND_REQUESTS_H_
#define TESTS_SUPPORT_ATTEND_REQUESTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "attention/v1/attention.pb.h"

namespace attention {

// A tensor of `shape` whose bytes are zero.
v1::Tensor ZeroTensor(const std::vector<std::int64_t>& shape,
                      v1::DType dtype = v1::DTYPE_F32);

// The same with small numbers that differ from element to element.
v1::Tensor RampTensor(const std::vector<std::int64_t>& shape);

// Padded self-attention without lengths.
v1::AttendRequest SelfAttention(const std::string& model, std::int64_t batch,
                                std::int64_t q_len, std::int64_t embed_dim);

// A small request for `sdpa`: 2 sequences of 3 tokens, 2 heads of width 4.
v1::AttendRequest SmallSdpaRequest(const std::string& id = "");

}  // namespace attention

#endif  // TESTS_SUPPORT_ATTEND_REQUESTS_H_
