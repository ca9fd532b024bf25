// A report as CSV.
#ifndef CLIENT_LOAD_CSV_REPORT_H_
#define CLIENT_LOAD_CSV_REPORT_H_

#include <string>

#include "client/load/report.h"

namespace attention::load {

std::string CsvReport(const Report& report);

}  // namespace attention::load

#endif  // CLIENT_LOAD_CSV_REPORT_H_
