// A table of a report, whatever shows it.
#ifndef CLIENT_LOAD_REPORT_TABLE_H_
#define CLIENT_LOAD_REPORT_TABLE_H_

#include <string>
#include <vector>

namespace attention::load {

struct ReportTable {
  std::string caption{};
  std::vector<std::string> head{};  // may be empty
  // The first cell names the row.
  std::vector<std::vector<std::string>> rows{};
  int marked_row = -1;  // stands out; -1: none
};

}  // namespace attention::load

#endif  // CLIENT_LOAD_REPORT_TABLE_H_
