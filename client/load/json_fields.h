// The fields of a JSON object that a person wrote, checked as they are read.
#ifndef CLIENT_LOAD_JSON_FIELDS_H_
#define CLIENT_LOAD_JSON_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace attention::load {

// The JSON object in `text`. InvalidArgument for anything else, with line and
// column of what is broken, for a field that is there twice, and for nesting
// deeper than any workload.
absl::StatusOr<nlohmann::json> ParseObject(const std::string& text);

// `"text"`, printable and of limited length, for one line of a message.
std::string Quoted(absl::string_view text);

// Reads the fields of one object. A field that is absent leaves its value as it
// is; the first that is wrong is kept in `status`, InvalidArgument, as in
// `mixes[1].batch is -3, must be a whole number from 1 to 65536`.
class JsonFields {
 public:
  // `path` names the object in messages; empty for the outermost. `object` is
  // one; it and `status` outlive this.
  JsonFields(const nlohmann::json& object, std::string path,
             absl::Status& status)
      : object_(object), path_(std::move(path)), status_(status) {}

  // The field as it is, null when it is absent.
  const nlohmann::json* Find(absl::string_view name);
  bool Has(absl::string_view name) { return Find(name) != nullptr; }

  void ReadInteger(absl::string_view name, std::int64_t low, std::int64_t high,
                   std::int64_t& value);
  void ReadNumber(absl::string_view name, double low, double high,
                  double& value);
  void ReadBoolean(absl::string_view name, bool& value);
  // Not empty, printable, at most `max_bytes`.
  void ReadText(absl::string_view name, std::size_t max_bytes,
                std::string& value);

  // One of `words`; `value` may be an optional.
  template <typename T, typename Value>
  void ReadWord(absl::string_view name,
                std::initializer_list<std::pair<absl::string_view, T>> words,
                Value& value) {
    std::vector<absl::string_view> allowed;
    for (const auto& [word, meaning] : words) {
      if (IsWord(name, word)) {
        value = meaning;
        return;
      }
      allowed.push_back(word);
    }
    RefuseWord(name, allowed);
  }

  // Complains of a field that nobody has asked for. To be called last.
  void RefuseOthers();

  // "mixes[1].batch".
  std::string PathOf(absl::string_view name) const;
  // "mixes[1].batch is -3, must be " and `rule`, unless something was wrong
  // before.
  void Refuse(absl::string_view name, absl::string_view rule);
  // Any message, unless something was wrong before.
  void Fail(absl::string_view message);

 private:
  bool IsWord(absl::string_view name, absl::string_view word);
  void RefuseWord(absl::string_view name,
                  const std::vector<absl::string_view>& allowed);

  const nlohmann::json& object_;
  const std::string path_;
  absl::Status& status_;
  std::set<std::string> known_;
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_JSON_FIELDS_H_
