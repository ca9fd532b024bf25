// A report as HTML.
#ifndef CLIENT_LOAD_HTML_REPORT_H_
#define CLIENT_LOAD_HTML_REPORT_H_

#include <string>

#include "client/load/report.h"

namespace attention::load {

std::string HtmlReport(const Report& report);

}  // namespace attention::load

#endif  // CLIENT_LOAD_HTML_REPORT_H_
