#include "server/typed/response_buffer.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "attention/v1/attention.pb.h"
#include "google/protobuf/io/coded_stream.h"
#include "grpcpp/support/slice.h"
#include "server/request/convert_tensor.h"

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

// The tag and length that come before `bytes` bytes of a field.
void AppendHeader(int field, std::int64_t bytes, std::string& to) {
  AppendVarint(static_cast<std::uint32_t>(field) << 3 | kLengthDelimited, to);
  AppendVarint(static_cast<std::uint64_t>(bytes), to);
}

// All of a Tensor field but the elements themselves.
std::string TensorPrefix(int field, const OutputTensor& tensor) {
  v1::Tensor small;
  small.set_dtype(ToProtoDType(tensor.dtype));
  for (const std::int64_t dim : tensor.shape.dims()) small.add_shape(dim);
  std::string body = small.SerializeAsString();
  AppendHeader(v1::Tensor::kDataFieldNumber, tensor.bytes, body);
  std::string prefix;
  AppendHeader(field, static_cast<std::int64_t>(body.size()) + tensor.bytes,
               prefix);
  return prefix + body;
}

// What a slice owns while gRPC sends it.
struct SentTensor {
  std::unique_ptr<std::byte[]> data;
  std::shared_ptr<const MemoryBudget::Reservation> reservation;
};

void FreeSentTensor(void* tensor) { delete static_cast<SentTensor*>(tensor); }

// The message in pieces, in the order of the wire.
class Pieces {
 public:
  void Add(const std::string& bytes) {
    size_ += static_cast<std::int64_t>(bytes.size());
    slices_.emplace_back(bytes);
  }

  void Add(OutputTensor& tensor,
           std::shared_ptr<const MemoryBudget::Reservation> reservation) {
    size_ += tensor.bytes;
    auto sent = std::make_unique<SentTensor>(
        SentTensor{std::move(tensor.data), std::move(reservation)});
    std::byte* const data = sent->data.get();
    slices_.emplace_back(data, static_cast<std::size_t>(tensor.bytes),
                         FreeSentTensor, sent.release());
  }

  // Makes what was added so far the field `field` of an outer message.
  void Wrap(int field) {
    std::string header;
    AppendHeader(field, size_, header);
    size_ += static_cast<std::int64_t>(header.size());
    slices_.insert(slices_.begin(), grpc::Slice(header));
  }

  grpc::ByteBuffer ToBuffer() const {
    return grpc::ByteBuffer(slices_.data(), slices_.size());
  }

 private:
  std::vector<grpc::Slice> slices_;
  std::int64_t size_ = 0;
};

std::int64_t Microseconds(std::chrono::nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration)
      .count();
}

}  // namespace

grpc::ByteBuffer MakeResponseBuffer(const std::string& id,
                                    const AttentionTiming& timing,
                                    Outputs outputs, ResponseFraming framing) {
  v1::AttendResponse small;
  small.set_id(id);
  v1::Timing& times = *small.mutable_timing();
  times.set_queue_us(Microseconds(timing.queue));
  times.set_compute_us(Microseconds(timing.compute));
  times.set_batch_requests(timing.batch_requests);
  times.set_batch_tokens(timing.batch_tokens);

  // Fields of a message may come in any order.
  Pieces pieces;
  pieces.Add(small.SerializeAsString() +
             TensorPrefix(v1::AttendResponse::kContextsFieldNumber,
                          outputs.contexts()));
  pieces.Add(outputs.contexts(), outputs.reservation());
  if (outputs.weights_kind() != AttnWeights::kNone) {
    pieces.Add(TensorPrefix(v1::AttendResponse::kAttnWeightsFieldNumber,
                            outputs.attn_weights()));
    pieces.Add(outputs.attn_weights(), outputs.reservation());
  }
  if (framing == ResponseFraming::kStream) {
    pieces.Wrap(v1::AttendStreamResponse::kResponseFieldNumber);
  }
  return pieces.ToBuffer();
}

grpc::ByteBuffer MakeStreamErrorBuffer(const std::string& id,
                                       const absl::Status& status) {
  v1::AttendStreamResponse response;
  v1::AttendError& error = *response.mutable_error();
  error.set_id(id);
  error.set_code(static_cast<std::int32_t>(status.code()));
  error.set_message(std::string(status.message()));
  const grpc::Slice slice(response.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

}  // namespace attention
