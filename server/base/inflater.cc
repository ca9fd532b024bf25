#include "server/base/inflater.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "zlib.h"

namespace attention {
namespace {

// zlib: the largest window there is, and 16 more for gzip's header.
constexpr int kDeflateWindow = MAX_WBITS;
constexpr int kGzipWindow = MAX_WBITS + 16;

uInt Clamp(std::size_t size) {
  return static_cast<uInt>(
      std::min<std::size_t>(size, std::numeric_limits<uInt>::max()));
}

}  // namespace

struct Inflater::Stream {
  explicit Stream(Format of) : format(of) {}
  ~Stream() { inflateEnd(&zlib); }

  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  const Format format;
  z_stream zlib{};
  // A whole stream has been read; gzip may have another one after it.
  bool at_end = true;
};

absl::StatusOr<std::unique_ptr<Inflater>> Inflater::Create(Format format) {
  auto stream = std::make_unique<Stream>(format);
  const int window = format == Format::kGzip ? kGzipWindow : kDeflateWindow;
  if (inflateInit2(&stream->zlib, window) != Z_OK) {
    return absl::ResourceExhaustedError(
        "compression: no memory to decompress; try again later");
  }
  return std::unique_ptr<Inflater>(new Inflater(std::move(stream)));
}

Inflater::Inflater(std::unique_ptr<Stream> stream)
    : stream_(std::move(stream)) {}

Inflater::~Inflater() = default;

absl::StatusOr<std::size_t> Inflater::Inflate(std::span<const std::byte>& data,
                                              std::span<std::byte> room) {
  z_stream& zlib = stream_->zlib;
  if (stream_->at_end && zlib.total_in > 0) {
    if (stream_->format != Format::kGzip) {
      return absl::InvalidArgumentError(
          "compression: there is more than what deflate has compressed");
    }
    inflateReset(&zlib);
  }
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
    return absl::InvalidArgumentError(absl::StrCat(
        "compression: what was sent is not in ",
        stream_->format == Format::kGzip ? "gzip" : "deflate", " format"));
  }
  data = data.subspan(given - zlib.avail_in);
  stream_->at_end = result == Z_STREAM_END;
  return offered - zlib.avail_out;
}

bool Inflater::at_end() const { return stream_->at_end; }

}  // namespace attention
