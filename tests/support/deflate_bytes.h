// What zlib makes of bytes.
#ifndef TESTS_SUPPORT_DEFLATE_BYTES_H_
#define TESTS_SUPPORT_DEFLATE_BYTES_H_

#include <string>

#include "zlib.h"

namespace attention {

// Of HTTP's and gRPC's "gzip" and "deflate".
constexpr int kGzipWindow = MAX_WBITS + 16;
constexpr int kDeflateWindow = MAX_WBITS;

inline std::string Compress(const std::string& text, int window) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, window, 8,
               Z_DEFAULT_STRATEGY);
  std::string compressed(deflateBound(&stream, text.size()), '\0');
  std::string input = text;
  stream.next_in = reinterpret_cast<Bytef*>(input.data());
  stream.avail_in = static_cast<uInt>(input.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  return compressed;
}

}  // namespace attention

#endif  // TESTS_SUPPORT_DEFLATE_BYTES_H_
