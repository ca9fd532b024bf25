// The certificates of tests/data/tls.
#include "tests/support/tls_files.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "tests/support/conformance_files.h"

namespace attention {

std::string TlsPath(const std::string& name) {
  return TestDataDirectory() + "/tls/" + name;
}

std::string ReadTlsFile(const std::string& name) {
  std::ifstream file(TlsPath(name), std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", TlsPath(name).c_str());
    std::exit(1);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace attention
