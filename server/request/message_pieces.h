// A message in pieces that gRPC sends as they are.
//
// A generated message would be filled, then copied into slices; here only the
// few bytes around the tensors are written, and the tensors are sent from the
// memory that the engine wrote.
#ifndef SERVER_REQUEST_MESSAGE_PIECES_H_
#define SERVER_REQUEST_MESSAGE_PIECES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/support/byte_buffer.h"
#include "grpcpp/support/slice.h"
#include "server/request/convert_outputs.h"

namespace attention {

// Appends the tag and the length that come before `bytes` bytes of a field.
void AppendFieldHeader(int field, std::int64_t bytes, std::string& to);

// Pieces in the order of the wire.
class MessagePieces {
 public:
  void Add(const std::string& bytes);

  // The elements; the memory goes when gRPC has sent it.
  void Add(const OutputTensor& tensor,
           std::shared_ptr<const MemoryBudget::Reservation> reservation);

  // Makes what was added so far the field `field` of an outer message.
  void Wrap(int field);

  grpc::ByteBuffer ToBuffer() const;

 private:
  std::vector<grpc::Slice> slices_;
  std::int64_t size_ = 0;
};

}  // namespace attention

#endif  // SERVER_REQUEST_MESSAGE_PIECES_H_
