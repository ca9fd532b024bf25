#include "core/tensor/safetensors_header.h"

#include <limits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace attention {
namespace {

using Json = nlohmann::json;

constexpr char kMetadataKey[] = "__metadata__";

// Takes the parser's events instead of a document: the form is known, so
// nothing has to be kept that does not belong to it, and duplicate keys, which
// a document hides, are seen. Every event that does not fit ends the parse.
class HeaderReader final : public nlohmann::json_sax<Json> {
 public:
  absl::Status status() const { return status_; }
  SafetensorsHeader TakeHeader() { return std::move(header_); }

  bool start_object(std::size_t) override {
    switch (place_) {
      case Place::kStart:
        place_ = Place::kFile;
        return true;
      case Place::kFile:
        place_ = in_metadata_ ? Place::kMetadata : Place::kTensor;
        return true;
      default:
        return Unexpected("an object");
    }
  }

  bool end_object() override {
    if (place_ == Place::kFile) {
      place_ = Place::kEnd;
      return true;
    }
    const bool complete = place_ == Place::kMetadata || TensorIsComplete();
    place_ = Place::kFile;
    in_metadata_ = false;
    return complete;
  }

  bool key(string_t& name) override {
    switch (place_) {
      case Place::kFile:
        return BeginTopLevelKey(name);
      case Place::kMetadata:
        key_ = name;
        if (header_.metadata.contains(name)) {
          return Fail(
              absl::StrCat("metadata key ", QuoteText(name), " appears twice"));
        }
        return true;
      default:
        return BeginField(name);
    }
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      header_.metadata.emplace(key_, std::move(value));
      return true;
    }
    if (place_ != Place::kTensor || key_ != "dtype") {
      return Unexpected("a string");
    }
    entry_->dtype = std::move(value);
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::kTensor || key_ == "dtype") {
      return Unexpected("an array");
    }
    place_ = Place::kNumbers;
    (key_ == "shape" ? entry_->shape : entry_->data_offsets).emplace();
    return true;
  }

  bool end_array() override {
    place_ = Place::kTensor;
    return true;
  }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kNumbers) return Unexpected("a number");
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    if (value > static_cast<number_unsigned_t>(kMax)) {
      return Fail(absl::StrCat(QuoteTensor(tensor_), ": ", key_, " has ", value,
                               ", the largest number allowed is 2^63 - 1"));
    }
    (key_ == "shape" ? entry_->shape : entry_->data_offsets)
        ->push_back(static_cast<std::int64_t>(value));
    return true;
  }

  // Only negative numbers come here.
  bool number_integer(number_integer_t value) override {
    return Unexpected(absl::StrCat("the negative number ", value));
  }
  // Also integers that do not fit 64 bits.
  bool number_float(number_float_t, const string_t& text) override {
    return Unexpected(absl::StrCat("the number ", QuoteText(text)));
  }
  bool null() override { return Unexpected("null"); }
  bool boolean(bool) override { return Unexpected("a boolean"); }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    return Fail(absl::StrCat("is not valid UTF-8 JSON at byte ", position));
  }

 private:
  enum class Place {
    kStart,     // before the header's object
    kFile,      // in it: names of tensors and __metadata__
    kMetadata,  // in the object of __metadata__
    kTensor,    // in the object of a tensor
    kNumbers,   // in its array `shape` or `data_offsets`
    kEnd,
  };

  bool Fail(absl::string_view message) {
    status_ = absl::InvalidArgumentError(absl::StrCat("header: ", message));
    return false;
  }

  // Says what must stand at this place instead of `what`.
  bool Unexpected(absl::string_view what) {
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        return Fail(absl::StrCat("is ", what, ", must be an object"));
      case Place::kFile:
        return Fail(
            absl::StrCat(in_metadata_ ? kMetadataKey : QuoteTensor(tensor_),
                         " is ", what, ", must be an object"));
      case Place::kMetadata:
        return Fail(absl::StrCat("metadata ", QuoteText(key_), " is ", what,
                                 ", must be a string"));
      case Place::kTensor:
        return Fail(absl::StrCat(
            QuoteTensor(tensor_), ": ", key_, " is ", what, ", must be ",
            key_ == "dtype" ? "a string" : "an array of integers"));
      case Place::kNumbers:
        break;
    }
    return Fail(absl::StrCat(QuoteTensor(tensor_), ": ", key_, " has ", what,
                             ", must have integers from 0 to 2^63 - 1"));
  }

  bool BeginTopLevelKey(const std::string& name) {
    if (name == kMetadataKey) {
      in_metadata_ = true;
      if (std::exchange(seen_metadata_, true)) {
        return Fail(absl::StrCat(kMetadataKey, " appears twice"));
      }
      return true;
    }
    tensor_ = name;
    const auto [entry, is_new] = header_.tensors.try_emplace(name);
    if (!is_new) {
      return Fail(absl::StrCat(QuoteTensor(name), " appears twice"));
    }
    entry_ = &entry->second;
    return true;
  }

  bool BeginField(const std::string& name) {
    key_ = name;
    bool is_duplicate = false;
    if (name == "dtype") {
      is_duplicate = entry_->dtype.has_value();
    } else if (name == "shape") {
      is_duplicate = entry_->shape.has_value();
    } else if (name == "data_offsets") {
      is_duplicate = entry_->data_offsets.has_value();
    } else {
      return Fail(absl::StrCat(QuoteTensor(tensor_), " has a field ",
                               QuoteText(name),
                               "; dtype, shape and data_offsets are allowed"));
    }
    if (!is_duplicate) return true;
    return Fail(
        absl::StrCat(QuoteTensor(tensor_), ": ", name, " appears twice"));
  }

  bool TensorIsComplete() {
    const char* missing = nullptr;
    if (!entry_->dtype) missing = "dtype";
    if (!entry_->shape) missing = "shape";
    if (!entry_->data_offsets) missing = "data_offsets";
    if (missing != nullptr) {
      return Fail(absl::StrCat(QuoteTensor(tensor_), " has no ", missing));
    }
    if (entry_->data_offsets->size() == 2) return true;
    return Fail(absl::StrCat(QuoteTensor(tensor_), ": data_offsets has ",
                             entry_->data_offsets->size(),
                             " numbers, must have 2: begin and end"));
  }

  absl::Status status_;
  SafetensorsHeader header_;
  Place place_ = Place::kStart;
  bool in_metadata_ = false;
  bool seen_metadata_ = false;
  std::string tensor_;
  std::string key_;
  SafetensorsEntry* entry_ = nullptr;
};

}  // namespace

absl::StatusOr<SafetensorsHeader> ParseSafetensorsHeader(
    absl::string_view json) {
  // The JSON parser would skip a byte order mark; the format has none.
  if (json.empty() || json.front() != '{') {
    return absl::InvalidArgumentError("header: must begin with '{'");
  }
  HeaderReader reader;
  if (!Json::sax_parse(json.begin(), json.end(), &reader)) {
    return reader.status();
  }
  return reader.TakeHeader();
}

std::string QuoteText(absl::string_view text) {
  constexpr std::size_t kMaxBytes = 100;
  if (text.size() <= kMaxBytes) {
    return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
  }
  std::size_t end = kMaxBytes;
  // Not in the middle of a UTF-8 character.
  while (end > 0 && (text[end] & 0xC0) == 0x80) --end;
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text.substr(0, end)),
                      "...\"");
}

std::string QuoteTensor(absl::string_view name) {
  return absl::StrCat("tensor ", QuoteText(name));
}

}  // namespace attention
