// The certificates of tests/data/tls.
#ifndef TESTS_SUPPORT_TLS_FILES_H_
#define TESTS_SUPPORT_TLS_FILES_H_

#include <string>

namespace attention {

// The path of "ca.pem", "server.key" and so on.
std::string TlsPath(const std::string& name);

// What the file holds. Ends the process when there is none.
std::string ReadTlsFile(const std::string& name);

}  // namespace attention

#endif  // TESTS_SUPPORT_TLS_FILES_H_
