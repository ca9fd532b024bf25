#include "server/rest/json_body.h"

#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "core/base/status_macros.h"

namespace attention::oip {
namespace {

using nlohmann::json;
using Event = json::parse_event_t;

// Levels of the body: {"inputs": [{"data": [ELEMENT...]}]}.
constexpr int kBodyLevel = 1;
constexpr int kListLevel = 2;
constexpr int kInputLevel = 3;

std::optional<double> NonFinite(absl::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return std::nullopt;
}

// Told of every event while nlohmann::json parses; what it answers false to is
// not kept.
class JsonReader {
 public:
  explicit JsonReader(bool takes_data) : takes_data_(takes_data) {}

  // `level` is that of what the event is in, 0 for the body itself.
  bool operator()(int level, Event event, json& parsed) {
    if (error_.ok()) error_ = Read(level, event, parsed);
    return error_.ok() && kept_;
  }

  const absl::Status& error() const { return error_; }
  std::vector<JsonElements>& data() { return data_; }

 private:
  absl::Status Read(int level, Event event, json& parsed) {
    kept_ = true;
    const bool begins =
        event == Event::array_start || event == Event::object_start;
    if (begins && level >= kMaxJsonDepth) {
      return absl::InvalidArgumentError(absl::StrCat(
          "body: JSON is nested more than ", kMaxJsonDepth, " levels deep"));
    }
    if (in_data_) return ReadData(level, event, parsed);
    if (begins || event == Event::value || event == Event::key) {
      if (++values_ > kMaxJsonValues) {
        return absl::InvalidArgumentError(absl::StrCat(
            "body: JSON has more than ", kMaxJsonValues,
            " keys and values besides the elements of its inputs"));
      }
    }
    if (event == Event::key) SetKey(level, parsed.get_ref<std::string&>());
    // Another input begins.
    if (level == kListLevel && event != Event::key) is_data_ = false;
    return is_data_ && level == kInputLevel ? BeginData(event)
                                            : absl::OkStatus();
  }

  void SetKey(int level, const std::string& key) {
    if (level == kBodyLevel) in_inputs_ = takes_data_ && key == "inputs";
    if (level == kInputLevel) is_data_ = in_inputs_ && key == "data";
  }

  absl::Status BeginData(Event event) {
    if (event == Event::key) return absl::OkStatus();
    if (event != Event::array_start) {
      return absl::InvalidArgumentError(
          "inputs: Unable to parse 'data', it must be an array");
    }
    in_data_ = true;
    data_.emplace_back();
    return absl::OkStatus();
  }

  absl::Status ReadData(int level, Event event, json& parsed) {
    if (event == Event::array_end && level == kInputLevel) {
      in_data_ = false;
      parsed = data_.size() - 1;
      return absl::OkStatus();
    }
    // Inner arrays must be kept while they are read.
    kept_ = event == Event::array_start;
    if (event == Event::array_start || event == Event::array_end) {
      return absl::OkStatus();
    }
    return event == Event::value ? AddElement(parsed) : RefuseElement();
  }

  absl::Status AddElement(const json& value) {
    JsonElements& elements = data_.back();
    if (value.is_boolean()) {
      elements.has_booleans = true;
      elements.values.push_back(value.get<bool>() ? 1 : 0);
      return absl::OkStatus();
    }
    elements.has_numbers = true;
    if (value.is_number()) {
      elements.values.push_back(value.get<double>());
      return absl::OkStatus();
    }
    if (!value.is_string()) return RefuseElement();
    const std::optional<double> number =
        NonFinite(value.get_ref<const std::string&>());
    if (!number.has_value()) return RefuseElement();
    elements.values.push_back(*number);
    return absl::OkStatus();
  }

  static absl::Status RefuseElement() {
    return absl::InvalidArgumentError(
        "inputs: Unable to parse 'data', its elements must be numbers, NaN, "
        "Infinity, -Infinity, or true and false");
  }

  const bool takes_data_;
  absl::Status error_;
  bool kept_ = true;
  int values_ = 0;
  // Where the parser is: below the key `inputs`, and at an input's key `data`,
  // inside whose array it then is.
  bool in_inputs_ = false;
  bool is_data_ = false;
  bool in_data_ = false;
  std::vector<JsonElements> data_;
};

// NaN and Infinity as strings where they are not in one already.
std::string QuoteNonFinite(absl::string_view text) {
  std::string quoted;
  quoted.reserve(text.size() + text.size() / 2);
  bool in_string = false;
  while (!text.empty()) {
    for (const absl::string_view name : {"NaN", "Infinity", "-Infinity"}) {
      if (!in_string && absl::ConsumePrefix(&text, name)) {
        absl::StrAppend(&quoted, "\"", name, "\"");
      }
    }
    if (text.empty()) break;
    const bool is_escape = in_string && text.front() == '\\';
    if (text.front() == '"') in_string = !in_string;
    const std::size_t taken = is_escape && text.size() > 1 ? 2 : 1;
    quoted.append(text.data(), taken);
    text.remove_prefix(taken);
  }
  return quoted;
}

absl::StatusOr<json> Parse(absl::string_view text, JsonReader& reader) {
  json object;
  absl::Status error;
  try {
    object = json::parse(text.begin(), text.end(), std::ref(reader));
  } catch (const json::out_of_range&) {
    error = absl::InvalidArgumentError(
        "body: JSON has a number beyond 1.7976931348623157e308, the largest "
        "that is read");
  } catch (const json::parse_error&) {
    error = absl::InvalidArgumentError("body: is not valid UTF-8 JSON");
  }
  ATTENTION_RETURN_IF_ERROR(reader.error());
  ATTENTION_RETURN_IF_ERROR(error);
  if (!object.is_object()) {
    return absl::InvalidArgumentError("body: is JSON, but not an object");
  }
  return object;
}

}  // namespace

absl::Status CheckJsonSize(std::size_t bytes) {
  if (bytes <= kMaxJsonBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("body: JSON of ", bytes, " bytes, ", kMaxJsonBytes,
                   " are allowed; send tensors as binary data"));
}

absl::StatusOr<json> ParseJsonBody(absl::string_view text) {
  if (text.size() > kMaxControlBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("body: JSON of ", text.size(), " bytes, ",
                     kMaxControlBytes, " are allowed"));
  }
  if (text.empty()) return json::object();
  JsonReader reader(/*takes_data=*/false);
  return Parse(text, reader);
}

absl::StatusOr<InferJson> ParseInferJson(absl::string_view text) {
  ATTENTION_RETURN_IF_ERROR(CheckJsonSize(text.size()));
  JsonReader reader(/*takes_data=*/true);
  std::string quoted;
  if (absl::StrContains(text, "NaN") || absl::StrContains(text, "Infinity")) {
    quoted = QuoteNonFinite(text);
    text = quoted;
  }
  InferJson body;
  ATTENTION_ASSIGN_OR_RETURN(body.object, Parse(text, reader));
  body.data = std::move(reader.data());
  return body;
}

}  // namespace attention::oip
