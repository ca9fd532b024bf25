// What the terminal behind stdout can show.
#ifndef CLIENT_CLI_TERMINAL_H_
#define CLIENT_CLI_TERMINAL_H_

#include "client/cli/command_line.h"
#include "client/cli/heat_map.h"

namespace attention {

// Width from the terminal, else from COLUMNS, else 120. Colour as `mode` says;
// kAuto: on a terminal that is not "dumb", unless NO_COLOR is set. ASCII where
// the locale's variables name another character set than UTF-8.
HeatMapStyle StyleOfStdout(ColorMode mode);

}  // namespace attention

#endif  // CLIENT_CLI_TERMINAL_H_
