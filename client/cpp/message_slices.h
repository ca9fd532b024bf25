// Messages in pieces as gRPC sends them, without copying their tensors.
#ifndef CLIENT_CPP_MESSAGE_SLICES_H_
#define CLIENT_CPP_MESSAGE_SLICES_H_

#include <grpcpp/support/slice.h>

#include <vector>

#include "client/cpp/piece_writer.h"

namespace attention {

// Slices that keep the owners of their pieces alive, as long as gRPC needs.
std::vector<grpc::Slice> ToSlices(const std::vector<MessagePiece>& pieces);

}  // namespace attention

#endif  // CLIENT_CPP_MESSAGE_SLICES_H_
