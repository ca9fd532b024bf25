// How many files this process may have open: a connection is one.
#ifndef SERVER_BASE_FILE_LIMIT_H_
#define SERVER_BASE_FILE_LIMIT_H_

namespace attention {

// Raises the limit as far as the system lets everybody, far above the usual
// 1,024. Once, before there are connections.
void RaiseFileLimit();

// Connections use file descriptors below this one; those above are left for
// models, shared memory and the metrics port.
int MaxConnectionDescriptor();

}  // namespace attention

#endif  // SERVER_BASE_FILE_LIMIT_H_
