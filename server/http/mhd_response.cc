#include "server/http/mhd_response.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace attention::http {
namespace {

// More pieces are copied through a buffer: the table of them has to fit into
// what a connection has for its headers (kConnectionMemory).
constexpr std::size_t kMaxPieces = 512;
constexpr std::size_t kCopyBytes = std::size_t{128} << 10;

// The pieces of one answer while it is sent.
class PieceReader {
 public:
  PieceReader(std::vector<Piece> pieces, std::shared_ptr<const void> owner)
      : pieces_(std::move(pieces)), owner_(std::move(owner)) {}

  // libmicrohttpd asks for all bytes in order.
  static ssize_t Read(void* self, std::uint64_t /*position*/, char* buffer,
                      std::size_t max) {
    return static_cast<PieceReader*>(self)->Copy(buffer, max);
  }
  static void Free(void* self) { delete static_cast<PieceReader*>(self); }

  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  ssize_t Copy(char* buffer, std::size_t max) {
    std::size_t copied = 0;
    while (copied < max && piece_ < pieces_.size()) {
      const Piece& piece = pieces_[piece_];
      const std::size_t count = std::min(max - copied, piece.size - offset_);
      std::memcpy(buffer + copied, piece.data + offset_, count);
      copied += count;
      offset_ += count;
      if (offset_ == piece.size) {
        ++piece_;
        offset_ = 0;
      }
    }
    return static_cast<ssize_t>(copied);
  }

  const std::vector<Piece> pieces_;
  const std::shared_ptr<const void> owner_;
  std::size_t piece_ = 0;
  std::size_t offset_ = 0;
};

MhdResponsePtr FromPieces(std::vector<Piece> pieces,
                          std::shared_ptr<const void> owner) {
  std::erase_if(pieces, [](const Piece& piece) { return piece.size == 0; });
  // Of the response, when there is one.
  auto* const reader = new PieceReader(std::move(pieces), std::move(owner));
  std::vector<MHD_IoVec> vectors;
  std::uint64_t size = 0;
  for (const Piece& piece : reader->pieces()) {
    vectors.push_back({.iov_base = piece.data, .iov_len = piece.size});
    size += piece.size;
  }
  MhdResponsePtr response(
      vectors.size() <= kMaxPieces
          ? MHD_create_response_from_iovec(
                vectors.data(), static_cast<unsigned int>(vectors.size()),
                &PieceReader::Free, reader)
          : MHD_create_response_from_callback(size, kCopyBytes,
                                              &PieceReader::Read, reader,
                                              &PieceReader::Free));
  if (response == nullptr) PieceReader::Free(reader);
  return response;
}

}  // namespace

MhdResponsePtr ToMhdResponse(Response response, bool keep_alive) {
  MhdResponsePtr result =
      FromPieces(std::move(response.body), std::move(response.owner));
  if (result == nullptr) return nullptr;
  if (!keep_alive) {
    response.headers.emplace_back(MHD_HTTP_HEADER_CONNECTION, "close");
  }
  for (const auto& [name, value] : response.headers) {
    if (MHD_add_response_header(result.get(), name.c_str(), value.c_str()) !=
        MHD_YES) {
      return nullptr;
    }
  }
  return result;
}

}  // namespace attention::http
