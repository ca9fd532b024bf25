// Attention weights as a picture in a terminal.
#ifndef CLIENT_CLI_HEAT_MAP_H_
#define CLIENT_CLI_HEAT_MAP_H_

#include <cstdint>
#include <string>
#include <vector>

namespace attention {

enum class ColorDepth : std::uint8_t { kNone, k256, kTrueColor };

struct HeatMapStyle {
  ColorDepth color = ColorDepth::kNone;
  // Columns of the terminal.
  int width = 80;
  // For terminals that show ASCII only.
  bool ascii = false;
};

// One matrix with its labels.
struct HeatMap {
  std::vector<std::string> queries{};  // [q_len], UTF-8
  std::vector<std::string> keys{};     // [kv_len], UTF-8
  std::vector<float> weights{};        // [q_len, kv_len], 0 to 1
};

// Queries from top to bottom, keys from left to right, at the end of each row
// the word that it attends to most ([CLS] and [SEP] are none), below them a
// legend in percent. Without colour a weight is a shade; with colour it is a
// background and its percentage. Keys and rows that do not fit are left out,
// and a note says so. Lines end in '\n'.
std::string RenderHeatMap(const HeatMap& map, const HeatMapStyle& style);

}  // namespace attention

#endif  // CLIENT_CLI_HEAT_MAP_H_
