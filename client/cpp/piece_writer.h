// Messages in pieces: tensors where they lie, all else in between.
#ifndef CLIENT_CPP_PIECE_WRITER_H_
#define CLIENT_CPP_PIECE_WRITER_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "client/cpp/attention_client.h"

namespace attention {

// A part of a message, kept alive by its owner.
struct MessagePiece {
  std::span<const std::byte> bytes{};
  std::shared_ptr<const void> owner{};
};

// Collects pieces: small bytes gather in one buffer until data follows.
class PieceWriter {
 public:
  // What comes next; to be appended to.
  std::string& small() { return small_; }

  // Tag and length of a string, bytes or message that follows.
  void AddHeader(int field, std::size_t bytes);

  // The tensor's bytes: a piece where they lie if they have an owner, otherwise
  // a copy.
  void AddData(const Tensor& tensor);

  std::vector<MessagePiece> Finish() &&;

 private:
  void AddCopy(std::string bytes);
  void FlushSmall();

  std::string small_;
  std::vector<MessagePiece> pieces_;
};

}  // namespace attention

#endif  // CLIENT_CPP_PIECE_WRITER_H_
