// The fields of a JSON object that a person wrote, checked as they are read.
#include "client/load/json_fields.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace attention::load {
namespace {

using Json = nlohmann::json;

// Workloads have six levels; a thousand would only be there to do harm.
constexpr std::size_t kMaxDepth = 16;
// Of what a message quotes, and of what the parser says.
constexpr std::size_t kMaxQuoted = 60;
constexpr std::size_t kMaxParserText = 300;

// Fit for a line of a terminal or a report, whatever is in it.
std::string Printable(absl::string_view text, std::size_t max_bytes) {
  std::string printable(text.substr(0, max_bytes));
  std::replace_if(
      printable.begin(), printable.end(),
      [](unsigned char c) { return !absl::ascii_isprint(c); }, '?');
  return absl::StrCat(printable, text.size() <= max_bytes ? "" : "...");
}

// Sees what a document hides: fields that are there twice, and its depth.
// Events after the first complaint count no more.
class StructureCheck {
 public:
  bool OnEvent(Json::parse_event_t event, const Json& parsed) {
    if (!complaint_.empty()) {
      return false;
    }
    switch (event) {
      case Json::parse_event_t::object_start:
      case Json::parse_event_t::array_start:
        names_.emplace_back();
        if (names_.size() > kMaxDepth) {
          complaint_ = absl::StrCat("the JSON is nested deeper than ",
                                    kMaxDepth, " levels");
        }
        break;
      case Json::parse_event_t::object_end:
      case Json::parse_event_t::array_end:
        names_.pop_back();
        break;
      case Json::parse_event_t::key: {
        const auto& name = parsed.get_ref<const std::string&>();
        if (!names_.back().insert(name).second) {
          complaint_ = absl::StrCat("the field ", Quoted(name),
                                    " is there twice; leave one out");
        }
        break;
      }
      case Json::parse_event_t::value:
        break;
    }
    return complaint_.empty();
  }

  const std::string& complaint() const { return complaint_; }

 private:
  std::string complaint_;
  // Of the objects and arrays that are open.
  std::vector<std::set<std::string>> names_;
};

// The parser's words without its own name, "[json.exception.parse_error.101] ".
std::string ParserText(absl::string_view what) {
  const std::size_t end = what.find("] ");
  return Printable(end == absl::string_view::npos ? what : what.substr(end + 2),
                   kMaxParserText);
}

}  // namespace

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", Printable(text, kMaxQuoted), "\"");
}

absl::StatusOr<Json> ParseObject(const std::string& text) {
  StructureCheck check;
  Json object;
  try {
    object = Json::parse(
        text, [&check](int /*depth*/, Json::parse_event_t event, Json& parsed) {
          return check.OnEvent(event, parsed);
        });
  } catch (const Json::exception& error) {
    return absl::InvalidArgumentError(ParserText(error.what()));
  }
  if (!check.complaint().empty()) {
    return absl::InvalidArgumentError(check.complaint());
  }
  if (!object.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the JSON is of type ", object.type_name(), ", must be an object"));
  }
  return object;
}

const Json* JsonFields::Find(absl::string_view name) {
  known_.emplace(name);
  const auto found = object_.find(std::string(name));
  return found == object_.end() ? nullptr : &*found;
}

void JsonFields::ReadInteger(absl::string_view name, std::int64_t low,
                             std::int64_t high, std::int64_t& value) {
  const Json* field = Find(name);
  if (field == nullptr) {
    return;
  }
  // An unsigned number may be too large for any other.
  const bool fits =
      field->is_number_integer() &&
      (!field->is_number_unsigned() ||
       field->get<std::uint64_t>() <=
           std::uint64_t{std::numeric_limits<std::int64_t>::max()});
  const std::int64_t number = fits ? field->get<std::int64_t>() : 0;
  if (!fits || number < low || number > high) {
    Refuse(name, absl::StrCat("a whole number from ", low, " to ", high));
    return;
  }
  value = number;
}

void JsonFields::ReadNumber(absl::string_view name, double low, double high,
                            double& value) {
  const Json* field = Find(name);
  if (field == nullptr) {
    return;
  }
  const double number = field->is_number() ? field->get<double>() : 0;
  if (field->is_number() && number < low) {
    Refuse(name, absl::StrCat("at least ", low));
  } else if (!field->is_number() || number > high) {
    Refuse(name, absl::StrCat("a number from ", low, " to ", high));
  } else {
    value = number;
  }
}

void JsonFields::ReadBoolean(absl::string_view name, bool& value) {
  const Json* field = Find(name);
  if (field == nullptr) {
    return;
  }
  if (!field->is_boolean()) {
    Refuse(name, "true or false");
    return;
  }
  value = field->get<bool>();
}

void JsonFields::ReadText(absl::string_view name, std::size_t max_bytes,
                          std::string& value) {
  const Json* field = Find(name);
  if (field == nullptr) {
    return;
  }
  const std::string text =
      field->is_string() ? field->get<std::string>() : std::string();
  const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_iscntrl(static_cast<unsigned char>(c));
  });
  if (text.empty() || text.size() > max_bytes || !printable) {
    Refuse(name, absl::StrCat("a text of 1 to ", max_bytes,
                              " bytes without control characters"));
    return;
  }
  value = text;
}

void JsonFields::RefuseOthers() {
  for (const auto& item : object_.items()) {
    if (known_.find(item.key()) == known_.end()) {
      Fail(absl::StrCat(path_.empty() ? "the workload" : path_, " has ",
                        Quoted(item.key()), ", known are ",
                        absl::StrJoin(known_, ", ")));
    }
  }
}

std::string JsonFields::PathOf(absl::string_view name) const {
  return absl::StrCat(path_, path_.empty() ? "" : ".", name);
}

void JsonFields::Refuse(absl::string_view name, absl::string_view rule) {
  const Json* field = Find(name);
  std::string is;
  if (field == nullptr) {
    is = "absent";
  } else if (field->is_structured()) {
    is = field->type_name();
  } else if (field->is_string()) {
    is = Quoted(field->get_ref<const std::string&>());
  } else {
    is = field->dump();
  }
  Fail(absl::StrCat(PathOf(name), " is ", is, ", must be ", rule));
}

void JsonFields::Fail(absl::string_view message) {
  if (status_.ok()) {
    status_ = absl::InvalidArgumentError(message);
  }
}

bool JsonFields::IsWord(absl::string_view name, absl::string_view word) {
  const Json* field = Find(name);
  return field != nullptr && field->is_string() &&
         absl::string_view(field->get_ref<const std::string&>()) == word;
}

void JsonFields::RefuseWord(absl::string_view name,
                            const std::vector<absl::string_view>& allowed) {
  if (Has(name)) {
    Refuse(name, absl::StrCat("one of ", absl::StrJoin(allowed, ", ")));
  }
}

}  // namespace attention::load
