#include "server/inference/infer_message.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "core/base/status_macros.h"
#include "grpcpp/support/slice.h"
#include "server/inference/message_parts.h"
#include "server/inference/pieces_stream.h"

namespace attention::oip {
namespace {

// Cuts ranges, each after the one before, out of pieces.
class PiecesCutter {
 public:
  explicit PiecesCutter(const Pieces& pieces) : pieces_(pieces) {}

  // Appends the pieces of `range`.
  void Cut(const ByteRange& range, Pieces& to) {
    for (std::int64_t at = range.begin; at < range.end;) {
      while (at >= begin_ + std::ssize(pieces_[piece_])) {
        begin_ += std::ssize(pieces_[piece_++]);
      }
      const std::int64_t skipped = at - begin_;
      const std::int64_t count = std::min<std::int64_t>(
          range.end - at, std::ssize(pieces_[piece_]) - skipped);
      to.push_back(pieces_[piece_].subspan(static_cast<std::size_t>(skipped),
                                           static_cast<std::size_t>(count)));
      at += count;
    }
  }

 private:
  const Pieces& pieces_;
  std::size_t piece_ = 0;
  // Its first byte, counted over all pieces.
  std::int64_t begin_ = 0;
};

RawContents MakeRaw(const ByteRange& range, PiecesCutter& cutter) {
  Pieces pieces;
  cutter.Cut(range, pieces);
  RawContents raw;
  raw.bytes = range.end - range.begin;
  if (pieces.size() == 1) {
    raw.data = pieces.front().data();
  } else if (!pieces.empty()) {
    raw.fragments = std::make_shared<const Fragments>(pieces);
  }
  return raw;
}

}  // namespace

absl::StatusOr<InferMessage> ReadInferMessage(grpc::ByteBuffer* bytes) {
  const auto slices = std::make_shared<std::vector<grpc::Slice>>();
  InferMessage message;
  message.bytes = static_cast<std::int64_t>(bytes->Length());
  const bool dumped = bytes->Dump(slices.get()).ok();
  bytes->Clear();
  if (!dumped || message.bytes > std::numeric_limits<int>::max()) {
    return BrokenMessage();
  }
  Pieces pieces;
  pieces.reserve(slices->size());
  for (const grpc::Slice& slice : *slices) {
    pieces.emplace_back(reinterpret_cast<const std::byte*>(slice.begin()),
                        slice.size());
  }
  ATTENTION_ASSIGN_OR_RETURN(const MessageParts parts, FindParts(pieces));

  Pieces header;
  PiecesCutter header_cutter(pieces);
  for (const ByteRange& range : parts.header) header_cutter.Cut(range, header);
  PiecesStream stream(header);
  if (!message.header.ParseFromZeroCopyStream(&stream)) return BrokenMessage();
  message.header.DiscardUnknownFields();

  PiecesCutter raw_cutter(pieces);
  message.raw.reserve(parts.raw.size());
  for (const ByteRange& range : parts.raw) {
    message.raw.push_back(MakeRaw(range, raw_cutter));
  }
  // Without them everything is in the header.
  if (!message.raw.empty()) message.memory = slices;
  return message;
}

}  // namespace attention::oip
