// Messages in pieces as gRPC sends them, without copying their tensors.
#include "client/cpp/message_slices.h"

#include <memory>

namespace attention {

std::vector<grpc::Slice> ToSlices(const std::vector<MessagePiece>& pieces) {
  std::vector<grpc::Slice> slices;
  slices.reserve(pieces.size());
  for (const MessagePiece& piece : pieces) {
    auto* owner = new std::shared_ptr<const void>(piece.owner);
    slices.emplace_back(
        const_cast<std::byte*>(piece.bytes.data()), piece.bytes.size(),
        [](void* p) { delete static_cast<std::shared_ptr<const void>*>(p); },
        owner);
  }
  return slices;
}

}  // namespace attention
