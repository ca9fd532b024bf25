// The tables of reports, as text and as HTML show them.
#ifndef CLIENT_LOAD_REPORT_TABLES_H_
#define CLIENT_LOAD_REPORT_TABLES_H_

#include <vector>

#include "client/load/report.h"
#include "client/load/report_table.h"

namespace attention::load {

// How many requests were offered, and how they ended.
ReportTable EndingTable(const Step& step);

// What went back and forth, and what that took of the client.
ReportTable ThroughputTable(const Step& step);

// All loads up to the knee and around it, from the lowest rate to the highest.
ReportTable LoadTable(const Sweep& sweep);

ReportTable OverloadTable(const std::vector<Overload>& overloads);

// A and B, turn by turn.
ReportTable TurnTable(const Comparison& comparison);

ReportTable RatioTable(const Comparison& comparison);

}  // namespace attention::load

#endif  // CLIENT_LOAD_REPORT_TABLES_H_
