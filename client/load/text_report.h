// A report for the terminal.
#ifndef CLIENT_LOAD_TEXT_REPORT_H_
#define CLIENT_LOAD_TEXT_REPORT_H_

#include <string>

#include "client/load/report.h"

namespace attention::load {

std::string TextReport(const Report& report);

}  // namespace attention::load

#endif  // CLIENT_LOAD_TEXT_REPORT_H_
