#include "server/base/port_file.h"

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace attention {

absl::Status WritePortFile(const std::string& path, const Ports& ports) {
  const std::string unfinished = absl::StrCat(path, ".tmp");
  {
    std::ofstream file(unfinished);
    file << "grpc_port=" << ports.grpc << "\nhttp_port=" << ports.http
         << "\nmetrics_port=" << ports.metrics << "\n";
    file.close();
    if (file.good() && std::rename(unfinished.c_str(), path.c_str()) == 0) {
      return absl::OkStatus();
    }
  }
  std::remove(unfinished.c_str());
  return absl::FailedPreconditionError(absl::StrCat(
      "--port-file: cannot write ", path, ", name a file that can be made"));
}

}  // namespace attention
