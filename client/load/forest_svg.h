// Ratios with their confidence intervals as SVG.
#ifndef CLIENT_LOAD_FOREST_SVG_H_
#define CLIENT_LOAD_FOREST_SVG_H_

#include <string>

#include "client/load/report.h"

namespace attention::load {

// A forest plot: an <svg> with a row for each ratio, on one logarithmic scale
// around 1. REQUIRES: at least one ratio, all positive.
std::string ForestSvg(const Comparison& comparison);

}  // namespace attention::load

#endif  // CLIENT_LOAD_FOREST_SVG_H_
