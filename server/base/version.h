// The version that the server reports; the build passes the project's.
#ifndef SERVER_BASE_VERSION_H_
#define SERVER_BASE_VERSION_H_

namespace attention {

inline constexpr char kVersion[] = ATTENTION_VERSION;

}  // namespace attention

#endif  // SERVER_BASE_VERSION_H_
