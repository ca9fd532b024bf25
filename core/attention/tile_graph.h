// The order that the tiles of a batch must keep.
#ifndef CORE_ATTENTION_TILE_GRAPH_H_
#define CORE_ATTENTION_TILE_GRAPH_H_

#include <vector>

namespace attention {

// Tiles are counted from 0. A tile may run once every gate that holds it is
// open; a gate opens when as many tiles as `pending` have signalled it.
struct TileGraph {
  struct Gate {
    int pending = 0;
    // Tiles that may run when the gate opens.
    std::vector<int> tiles;
    // The sequence whose results are written when the gate opens, or -1.
    int finished_sequence = -1;
  };

  struct Tile {
    // Gates that the tile signals when it is done.
    std::vector<int> signals;
    // Estimated work, to run the longest first.
    double cost = 0;
    // The sequences that it works for: [first_sequence, end_sequence).
    int first_sequence = 0;
    int end_sequence = 0;
  };

  std::vector<Tile> tiles;
  std::vector<Gate> gates;
  // Tiles that no gate holds.
  std::vector<int> initial;
};

}  // namespace attention

#endif  // CORE_ATTENTION_TILE_GRAPH_H_
