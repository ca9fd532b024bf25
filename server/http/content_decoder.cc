#include "server/http/content_decoder.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "core/base/status_macros.h"
#include "zlib.h"

namespace attention::http {
namespace {

// zlib: the largest window there is, and 16 more for gzip's header.
constexpr int kZlibWindow = MAX_WBITS;
constexpr int kGzipWindow = MAX_WBITS + 16;

uInt Clamp(std::size_t size) {
  return static_cast<uInt>(
      std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

}  // namespace

struct ContentDecoder::Stream {
  ~Stream() { inflateEnd(&zlib); }

  z_stream zlib{};
  bool gzip = false;
  // A whole stream has been read; gzip may have another one after it.
  bool at_end = true;
};

absl::StatusOr<std::unique_ptr<ContentDecoder>> ContentDecoder::Create(
    absl::string_view encoding) {
  if (encoding.empty() || absl::EqualsIgnoreCase(encoding, "identity")) {
    return nullptr;
  }
  auto stream = std::make_unique<Stream>();
  stream->gzip = absl::EqualsIgnoreCase(encoding, "gzip") ||
                 absl::EqualsIgnoreCase(encoding, "x-gzip");
  if (!stream->gzip && !absl::EqualsIgnoreCase(encoding, "deflate")) {
    return absl::UnimplementedError(
        absl::StrCat("Content-Encoding: ", absl::CHexEscape(encoding),
                     " is not known; send gzip, deflate or no encoding"));
  }
  if (inflateInit2(&stream->zlib, stream->gzip ? kGzipWindow : kZlibWindow) !=
      Z_OK) {
    return absl::ResourceExhaustedError(
        "Content-Encoding: no memory to decode it; try again later");
  }
  return std::unique_ptr<ContentDecoder>(new ContentDecoder(std::move(stream)));
}

ContentDecoder::ContentDecoder(std::unique_ptr<Stream> stream)
    : stream_(std::move(stream)) {}

ContentDecoder::~ContentDecoder() = default;

absl::Status ContentDecoder::Decode(std::span<const std::byte> data,
                                    RequestBody& body) {
  z_stream& zlib = stream_->zlib;
  bool filled = false;  // There may be more for which there was no room.
  while (!data.empty() || filled) {
    if (stream_->at_end && zlib.total_in > 0) {
      if (!stream_->gzip) {
        return absl::InvalidArgumentError(
            "body: has more than what deflate has compressed");
      }
      inflateReset(&zlib);
    }
    ATTENTION_ASSIGN_OR_RETURN(const std::span<std::byte> room, body.Room());
    const uInt given = Clamp(data.size());
    // Only read: the type is older than const.
    zlib.next_in =
        const_cast<Bytef*>(reinterpret_cast<const Bytef*>(data.data()));
    zlib.avail_in = given;
    zlib.next_out = reinterpret_cast<Bytef*>(room.data());
    zlib.avail_out = Clamp(room.size());
    const uInt offered = zlib.avail_out;
    const int result = inflate(&zlib, Z_NO_FLUSH);
    // Z_BUF_ERROR: nothing was left to do, which is no error.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      return absl::InvalidArgumentError(
          absl::StrCat("body: is not in ", stream_->gzip ? "gzip" : "deflate",
                       " format, as Content-Encoding says"));
    }
    data = data.subspan(given - zlib.avail_in);
    stream_->at_end = result == Z_STREAM_END;
    filled = !stream_->at_end && zlib.avail_out == 0;
    ATTENTION_RETURN_IF_ERROR(body.Commit(offered - zlib.avail_out));
  }
  return absl::OkStatus();
}

absl::Status ContentDecoder::Finish() const {
  if (stream_->at_end) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "body: ends before what was compressed does");
}

}  // namespace attention::http
