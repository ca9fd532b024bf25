// Prepared messages as gRPC sends them, without copying their tensors.
#include "client/load/message_slices.h"

#include <grpcpp/support/slice.h>

#include "attention/v1/attention.pb.h"

namespace attention::load {
namespace {

// Looks at the bytes: the pool of requests outlives all connections.
std::vector<grpc::Slice> SlicesOf(const std::vector<MessagePiece>& pieces) {
  std::vector<grpc::Slice> slices;
  slices.reserve(pieces.size() + 1);
  for (const MessagePiece& piece : pieces) {
    slices.emplace_back(piece.bytes.data(), piece.bytes.size(),
                        grpc::Slice::STATIC_SLICE);
  }
  return slices;
}

}  // namespace

grpc::ByteBuffer ToByteBuffer(const std::vector<MessagePiece>& pieces) {
  const std::vector<grpc::Slice> slices = SlicesOf(pieces);
  return {slices.data(), slices.size()};
}

grpc::ByteBuffer ToByteBuffer(const std::vector<MessagePiece>& pieces,
                              const std::string& id) {
  // A message may be followed by another of its fields; the last one counts.
  v1::AttendRequest addition;
  addition.set_id(id);
  std::vector<grpc::Slice> slices = SlicesOf(pieces);
  slices.emplace_back(addition.SerializeAsString());
  return {slices.data(), slices.size()};
}

}  // namespace attention::load
