#include "server/request/message_pieces.h"

#include <cstddef>
#include <utility>

#include "google/protobuf/io/coded_stream.h"

namespace attention {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kLengthDelimited = 2;

void AppendVarint(std::uint64_t value, std::string& to) {
  std::uint8_t bytes[10];
  const std::uint8_t* end =
      CodedOutputStream::WriteVarint64ToArray(value, bytes);
  to.append(reinterpret_cast<const char*>(bytes),
            static_cast<std::size_t>(end - bytes));
}

// What a slice owns while gRPC sends it.
struct SentTensor {
  std::shared_ptr<std::byte[]> data;
  std::shared_ptr<const MemoryBudget::Reservation> reservation;
};

void FreeSentTensor(void* tensor) { delete static_cast<SentTensor*>(tensor); }

}  // namespace

void AppendFieldHeader(int field, std::int64_t bytes, std::string& to) {
  AppendVarint(static_cast<std::uint32_t>(field) << 3 | kLengthDelimited, to);
  AppendVarint(static_cast<std::uint64_t>(bytes), to);
}

void MessagePieces::Add(const std::string& bytes) {
  size_ += static_cast<std::int64_t>(bytes.size());
  slices_.emplace_back(bytes);
}

void MessagePieces::Add(
    const OutputTensor& tensor,
    std::shared_ptr<const MemoryBudget::Reservation> reservation) {
  size_ += tensor.bytes;
  auto sent = std::make_unique<SentTensor>(
      SentTensor{tensor.data, std::move(reservation)});
  std::byte* const data = sent->data.get();
  slices_.emplace_back(data, static_cast<std::size_t>(tensor.bytes),
                       FreeSentTensor, sent.release());
}

void MessagePieces::Wrap(int field) {
  std::string header;
  AppendFieldHeader(field, size_, header);
  size_ += static_cast<std::int64_t>(header.size());
  slices_.insert(slices_.begin(), grpc::Slice(header));
}

grpc::ByteBuffer MessagePieces::ToBuffer() const {
  return grpc::ByteBuffer(slices_.data(), slices_.size());
}

}  // namespace attention
