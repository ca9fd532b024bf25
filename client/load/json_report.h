// A report as JSON.
#ifndef CLIENT_LOAD_JSON_REPORT_H_
#define CLIENT_LOAD_JSON_REPORT_H_

#include <string>

#include "client/load/report.h"

namespace attention::load {

std::string JsonReport(const Report& report);

}  // namespace attention::load

#endif  // CLIENT_LOAD_JSON_REPORT_H_
