// Reading and writing NumPy's .npy files.
#include "client/cli/npy.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/base/status_macros.h"

namespace attention {
namespace {

constexpr absl::string_view kMagic("\x93NUMPY", 6);
// NumPy pads the header to this, so that the elements are aligned.
constexpr std::size_t kAlignment = 64;

absl::Status Malformed(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("not a good .npy file: ", what,
                                                 "; write it with numpy.save"));
}

struct NpyHeader {
  std::string descr{};
  bool fortran_order = false;
  std::vector<std::int64_t> shape{};
};

// Reads the one kind of Python dictionary that a header is.
class HeaderParser {
 public:
  explicit HeaderParser(absl::string_view text) : rest_(text) {}

  absl::StatusOr<NpyHeader> Parse() {
    NpyHeader header;
    if (!Take('{')) {
      return Malformed("the header is not a dictionary");
    }
    while (!Take('}')) {
      ATTENTION_ASSIGN_OR_RETURN(const std::string key, String());
      keys_.insert(key);
      if (!Take(':')) {
        return Malformed(absl::StrCat("no value for '", key, "'"));
      }
      ATTENTION_RETURN_IF_ERROR(Value(key, header));
      if (!Take(',') && !Peek('}')) {
        return Malformed("the header's dictionary does not end");
      }
    }
    if (keys_ != std::set<std::string>{"descr", "fortran_order", "shape"}) {
      return Malformed("the header lacks descr, fortran_order or shape");
    }
    return header;
  }

 private:
  absl::Status Value(absl::string_view key, NpyHeader& header) {
    if (key == "descr") {
      if (Peek('[')) {
        return absl::InvalidArgumentError(
            "the .npy file holds records; save one plain float array");
      }
      ATTENTION_ASSIGN_OR_RETURN(header.descr, String());
    } else if (key == "fortran_order") {
      if (!TakeWord("True") && !TakeWord("False")) {
        return Malformed("fortran_order is neither True nor False");
      }
      header.fortran_order = last_word_ == "True";
    } else if (key == "shape") {
      ATTENTION_ASSIGN_OR_RETURN(header.shape, Tuple());
    } else {
      return Malformed(absl::StrCat("unknown key '", key, "' in the header"));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> String() {
    SkipSpace();
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) {
      return Malformed("a string is missing in the header");
    }
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == absl::string_view::npos) {
      return Malformed("a string in the header does not end");
    }
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }

  absl::StatusOr<std::vector<std::int64_t>> Tuple() {
    std::vector<std::int64_t> dims;
    if (!Take('(')) {
      return Malformed("shape is not a tuple");
    }
    while (!Take(')')) {
      SkipSpace();
      std::size_t digits = 0;
      while (digits < rest_.size() && absl::ascii_isdigit(rest_[digits])) {
        ++digits;
      }
      std::int64_t dim = 0;
      if (!absl::SimpleAtoi(rest_.substr(0, digits), &dim)) {
        return Malformed("a dimension is not a number below 2^63");
      }
      rest_.remove_prefix(digits);
      dims.push_back(dim);
      if (!Take(',') && !Peek(')')) {
        return Malformed("the shape does not end");
      }
    }
    return dims;
  }

  void SkipSpace() { rest_ = absl::StripLeadingAsciiWhitespace(rest_); }
  bool Peek(char c) {
    SkipSpace();
    return !rest_.empty() && rest_[0] == c;
  }
  bool Take(char c) {
    if (!Peek(c)) {
      return false;
    }
    rest_.remove_prefix(1);
    return true;
  }
  bool TakeWord(absl::string_view word) {
    SkipSpace();
    if (rest_.substr(0, word.size()) != word) {
      return false;
    }
    rest_.remove_prefix(word.size());
    last_word_ = word;
    return true;
  }

  absl::string_view rest_;
  absl::string_view last_word_;
  std::set<std::string> keys_;
};

// Splits a file into the text of its header and its elements.
absl::StatusOr<std::pair<absl::string_view, absl::string_view>> Split(
    absl::string_view bytes) {
  if (bytes.substr(0, kMagic.size()) != kMagic || bytes.size() < 8) {
    return Malformed("it does not begin with \\x93NUMPY and a version");
  }
  const auto major = static_cast<unsigned char>(bytes[6]);
  if (major < 1 || major > 3) {
    return Malformed(absl::StrCat("version ", major, ", known are 1 to 3"));
  }
  const std::size_t length_bytes = major == 1 ? 2 : 4;
  if (bytes.size() < 8 + length_bytes) {
    return Malformed("it ends inside the header");
  }
  std::uint32_t length = 0;
  std::memcpy(&length, bytes.data() + 8, length_bytes);
  const std::size_t begin = 8 + length_bytes;
  if (bytes.size() - begin < length) {
    return Malformed("it ends inside the header");
  }
  return std::pair(bytes.substr(begin, length), bytes.substr(begin + length));
}

absl::StatusOr<std::size_t> SizeOfDescr(absl::string_view descr) {
  if (descr == "<f4") {
    return 4;
  }
  if (descr == "<f2") {
    return 2;
  }
  if (descr == "<f8") {
    return 8;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the .npy file holds '", descr, "', allowed are '<f4', '<f2' and '<f8'; ",
      "convert it with array.astype('<f4')"));
}

Tensor ToTensor(absl::string_view descr, std::vector<std::int64_t> shape,
                absl::string_view data) {
  if (descr == "<f8") {
    std::vector<float> values(data.size() / sizeof(double));
    for (std::size_t i = 0; i < values.size(); ++i) {
      double value = 0;
      std::memcpy(&value, data.data() + i * sizeof(double), sizeof(double));
      values[i] = static_cast<float>(value);
    }
    return Tensor::Own(std::move(shape), std::move(values));
  }
  const ElementType dtype =
      descr == "<f4" ? ElementType::kF32 : ElementType::kF16;
  return Tensor::Own(dtype, std::move(shape), std::string(data));
}

}  // namespace

absl::StatusOr<Tensor> ParseNpy(absl::string_view bytes) {
  ATTENTION_ASSIGN_OR_RETURN(const auto parts, Split(bytes));
  const absl::string_view data = parts.second;
  ATTENTION_ASSIGN_OR_RETURN(NpyHeader header,
                             HeaderParser(parts.first).Parse());
  ATTENTION_ASSIGN_OR_RETURN(const std::size_t size, SizeOfDescr(header.descr));
  if (header.fortran_order) {
    return absl::InvalidArgumentError(
        "the .npy file is in Fortran order; save numpy.ascontiguousarray of "
        "it");
  }
  std::uint64_t expected = size;
  for (const std::int64_t dim : header.shape) {
    if (dim > 0 && expected > std::numeric_limits<std::int64_t>::max() /
                                  static_cast<std::uint64_t>(dim)) {
      return Malformed("the shape is too large");
    }
    expected *= static_cast<std::uint64_t>(dim);
  }
  if (expected != data.size()) {
    return Malformed(absl::StrCat("its shape takes ", expected,
                                  " bytes of elements, it has ", data.size()));
  }
  return ToTensor(header.descr, std::move(header.shape), data);
}

absl::StatusOr<std::string> SerializeNpy(const Tensor& tensor) {
  if (tensor.dtype != ElementType::kF32 && tensor.dtype != ElementType::kF16) {
    return absl::InvalidArgumentError(
        absl::StrCat("a .npy file cannot hold ", ElementName(tensor.dtype),
                     "; write .safetensors or ask for f32 or f16"));
  }
  // A tuple of one element keeps its comma.
  std::string header = absl::StrCat(
      "{'descr': '", tensor.dtype == ElementType::kF32 ? "<f4" : "<f2",
      "', 'fortran_order': False, 'shape': (",
      absl::StrJoin(tensor.shape, ", "), tensor.shape.size() == 1 ? "," : "",
      "), }");
  const std::size_t prefix = kMagic.size() + 4;
  const std::size_t unpadded = prefix + header.size() + 1;
  header.append((kAlignment - unpadded % kAlignment) % kAlignment, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());
  std::string file(kMagic);
  file += '\x01';
  file += '\x00';
  file.append(reinterpret_cast<const char*>(&length), sizeof(length));
  file += header;
  file.append(reinterpret_cast<const char*>(tensor.bytes.data()),
              tensor.bytes.size());
  return file;
}

}  // namespace attention
