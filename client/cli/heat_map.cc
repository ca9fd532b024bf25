// Attention weights as a picture in a terminal.
#include "client/cli/heat_map.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <functional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace attention {
namespace {

// A cell reaches a level from this share of the full weight on.
constexpr std::array<float, 5> kLevels = {0.08F, 0.25F, 0.45F, 0.65F, 0.85F};
constexpr std::array<absl::string_view, 6> kShades = {"  ", "· ", "░░",
                                                      "▒▒", "▓▓", "██"};
constexpr std::array<absl::string_view, 6> kAsciiShades = {
    "  ", ". ", "::", "++", "##", "@@"};
// The full weight is one that this share of all weights exceeds: a few tokens
// such as [CLS] collect so much that the rest would fade beside them.
constexpr double kAboveFull = 0.03;

// The dark and the bright end are both far from black and white backgrounds.
struct Rgb {
  int red = 0;
  int green = 0;
  int blue = 0;
};
constexpr std::array<Rgb, 6> kRamp = {{{38, 24, 74},
                                       {87, 16, 110},
                                       {150, 38, 103},
                                       {212, 72, 66},
                                       {245, 125, 21},
                                       {250, 205, 80}}};
// The nearest of the 256 colours.
constexpr std::array<int, 6> kRamp256 = {236, 54, 89, 167, 208, 221};
// From here on the ramp is too bright for white digits.
constexpr int kFirstBright = 4;

constexpr absl::string_view kStrongest = "strongest word";
constexpr int kMaxLabel = 12;
constexpr int kMaxRows = 64;
constexpr int kIndent = 2;

int DisplayWidth(absl::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80;
  }));
}

// The characters of UTF-8 text, at most kMaxLabel of them.
std::vector<std::string> Characters(absl::string_view text, bool ascii) {
  std::vector<std::string> characters;
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) & 0xC0U) == 0x80 &&
        !characters.empty()) {
      characters.back() += c;
    } else {
      characters.emplace_back(1, c);
    }
  }
  if (characters.size() > kMaxLabel) {
    characters.resize(kMaxLabel - 1);
    characters.emplace_back(ascii ? "~" : "…");
  }
  return characters;
}

std::string Shorten(absl::string_view text, bool ascii) {
  std::string result;
  for (const std::string& character : Characters(text, ascii)) {
    result += character;
  }
  return result;
}

std::string PadLeft(const std::string& text, int width) {
  return std::string(std::max(0, width - DisplayWidth(text)), ' ') + text;
}

std::string Percent(float weight) {
  return absl::StrFormat("%.0f", weight * 100);
}

float FullWeight(std::vector<float> weights) {
  std::erase_if(weights, [](float weight) { return !std::isfinite(weight); });
  if (weights.empty()) {
    return 0;
  }
  const auto nth =
      weights.begin() + static_cast<std::ptrdiff_t>(
                            kAboveFull * static_cast<double>(weights.size()));
  std::nth_element(weights.begin(), nth, weights.end(), std::greater<>());
  return *nth;
}

// [CLS], [SEP] and their like.
bool IsSpecial(absl::string_view label) {
  return label.size() > 2 && label.front() == '[' && label.back() == ']';
}

class Renderer {
 public:
  Renderer(const HeatMap& map, const HeatMapStyle& style)
      : map_(map), style_(style) {
    full_ = FullWeight(map.weights);
    for (const std::string& label : map.queries) {
      queries_.push_back(Shorten(label, style.ascii));
      label_width_ = std::max(label_width_, DisplayWidth(queries_.back()));
    }
    for (const std::string& label : map.keys) {
      keys_.push_back(Shorten(label, style.ascii));
      key_width_ = std::max(key_width_, DisplayWidth(keys_.back()));
    }
    rows_ = std::min(static_cast<int>(queries_.size()), kMaxRows);
    Layout();
  }

  std::string Render() {
    std::string out = Heading();
    for (int row = 0; row < rows_; ++row) {
      out += Row(row);
    }
    out += Legend();
    return out + Notes();
  }

 private:
  // Decides, from wide to narrow, how much of a row is shown.
  void Layout() {
    const int keys = static_cast<int>(keys_.size());
    const int border = kIndent + label_width_ + 3;
    key_width_ = std::max(key_width_, static_cast<int>(kStrongest.size()) - 6);
    const int strongest = 2 + key_width_ + 6;
    const int room = style_.width - border;
    columns_ = keys;
    cell_ = style_.color == ColorDepth::kNone ? 2 : 3;
    if (keys * cell_ + strongest > room) {
      cell_ = 2;
    }
    if (keys * cell_ + strongest > room) {
      show_strongest_ = false;
    }
    if (keys * cell_ > room) {
      columns_ = std::max(1, room / cell_);
    }
  }

  float Weight(int row, int column) const {
    return map_.weights[static_cast<std::size_t>(row) * keys_.size() + column];
  }

  int Level(float weight) const {
    int level = 0;
    while (level < static_cast<int>(kLevels.size()) && full_ > 0 &&
           weight >= kLevels[level] * full_) {
      ++level;
    }
    return level;
  }

  // Keys from top to bottom, each ending right above its column.
  std::string Heading() const {
    std::vector<std::vector<std::string>> labels;
    std::size_t height = 0;
    for (int column = 0; column < columns_; ++column) {
      labels.push_back(Characters(map_.keys[column], style_.ascii));
      height = std::max(height, labels.back().size());
    }
    std::string out;
    for (std::size_t line = 0; line < height; ++line) {
      std::string text(kIndent + label_width_ + 2, ' ');
      for (const std::vector<std::string>& label : labels) {
        const std::size_t blank = height - label.size();
        text += cell_ == 3 ? " " : "";
        text += line < blank ? " " : label[line - blank];
        text += " ";
      }
      if (line + 1 == height && show_strongest_) {
        absl::StrAppend(&text, "   ", kStrongest);
      }
      text.erase(text.find_last_not_of(' ') + 1);
      out += text + "\n";
    }
    return out;
  }

  std::string Row(int row) const {
    const absl::string_view bar = style_.ascii ? "|" : "│";
    std::string out =
        absl::StrCat(std::string(kIndent, ' '),
                     PadLeft(queries_[row], label_width_), " ", bar);
    for (int column = 0; column < columns_; ++column) {
      out += Cell(Weight(row, column));
    }
    absl::StrAppend(&out, bar, show_strongest_ ? Strongest(row) : "");
    return out + "\n";
  }

  std::string Cell(float weight) const {
    if (!std::isfinite(weight)) {
      return PadLeft("?", cell_);
    }
    const int level = Level(weight);
    if (style_.color == ColorDepth::kNone) {
      return std::string(Shade(level));
    }
    std::string text = weight < 0.005F ? "" : Percent(weight);
    if (static_cast<int>(text.size()) > cell_) {
      text.clear();
    }
    return Colored(level, PadLeft(text, cell_));
  }

  absl::string_view Shade(int level) const {
    return style_.ascii ? kAsciiShades[level] : kShades[level];
  }

  std::string Colored(int level, absl::string_view text) const {
    const bool bright = level >= kFirstBright;
    if (style_.color == ColorDepth::k256) {
      return absl::StrCat("\x1b[48;5;", kRamp256[level], ";38;5;",
                          bright ? 16 : 231, "m", text, "\x1b[0m");
    }
    const Rgb& color = kRamp[level];
    return absl::StrCat("\x1b[48;2;", color.red, ";", color.green, ";",
                        color.blue, ";38;2;", bright ? "0;0;0" : "255;255;255",
                        "m", text, "\x1b[0m");
  }

  std::string Strongest(int row) const {
    int best = -1;
    for (int column = 0; column < static_cast<int>(keys_.size()); ++column) {
      const float weight = Weight(row, column);
      if (weight > 0 && !IsSpecial(keys_[column]) &&
          (best < 0 || weight > Weight(row, best))) {
        best = column;
      }
    }
    if (best < 0) {
      return "  -";
    }
    const std::string& key = keys_[best];
    return absl::StrCat("  ", key,
                        std::string(key_width_ - DisplayWidth(key), ' '),
                        absl::StrFormat(" %3.0f %%", Weight(row, best) * 100));
  }

  std::string Legend() const {
    std::string out(kIndent + label_width_ + 2, ' ');
    for (int level = 0; level < static_cast<int>(kShades.size()); ++level) {
      const float from = level == 0 ? 0 : kLevels[level - 1] * full_;
      out += style_.color == ColorDepth::kNone ? std::string(Shade(level))
                                               : Colored(level, "  ");
      absl::StrAppendFormat(&out, " %.*f", from < 0.0995F ? 1 : 0, from * 100);
      out += level + 1 < static_cast<int>(kShades.size()) ? "   " : " % and up";
    }
    return "\n" + out + "\n";
  }

  std::string Notes() const {
    std::string out;
    const std::string indent(kIndent + label_width_ + 2, ' ');
    if (columns_ < static_cast<int>(keys_.size())) {
      const std::size_t needed = kIndent + label_width_ + 3 + 2 * keys_.size();
      absl::StrAppend(&out, indent, "first ", columns_, " of ", keys_.size(),
                      " keys; a terminal of ", needed, " columns shows all\n");
    }
    if (rows_ < static_cast<int>(queries_.size())) {
      absl::StrAppend(&out, indent, "first ", rows_, " of ", queries_.size(),
                      " queries; --output FILE writes all\n");
    }
    return out;
  }

  const HeatMap& map_;
  const HeatMapStyle& style_;
  std::vector<std::string> queries_;
  std::vector<std::string> keys_;
  int label_width_ = 0;
  int key_width_ = 0;
  int rows_ = 0;
  int columns_ = 0;
  int cell_ = 2;
  bool show_strongest_ = true;
  float full_ = 0;
};

}  // namespace

std::string RenderHeatMap(const HeatMap& map, const HeatMapStyle& style) {
  return Renderer(map, style).Render();
}

}  // namespace attention
