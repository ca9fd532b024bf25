// Messages in pieces: tensors where they lie, all else in between.
#include "client/cpp/piece_writer.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstdint>
#include <utility>

namespace attention {

void PieceWriter::AddHeader(int field, std::size_t bytes) {
  constexpr std::uint32_t kLengthDelimited = 2;
  google::protobuf::io::StringOutputStream stream(&small_);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(static_cast<std::uint32_t>(field) << 3 | kLengthDelimited);
  out.WriteVarint64(bytes);
}

void PieceWriter::AddData(const Tensor& tensor) {
  FlushSmall();
  if (tensor.owner != nullptr) {
    pieces_.push_back({.bytes = tensor.bytes, .owner = tensor.owner});
  } else {
    AddCopy(std::string(reinterpret_cast<const char*>(tensor.bytes.data()),
                        tensor.bytes.size()));
  }
}

std::vector<MessagePiece> PieceWriter::Finish() && {
  FlushSmall();
  return std::move(pieces_);
}

void PieceWriter::AddCopy(std::string bytes) {
  auto owner = std::make_shared<const std::string>(std::move(bytes));
  pieces_.push_back(
      {.bytes = std::as_bytes(std::span(owner->data(), owner->size())),
       .owner = owner});
}

void PieceWriter::FlushSmall() {
  if (!small_.empty()) AddCopy(std::exchange(small_, std::string()));
}

}  // namespace attention
