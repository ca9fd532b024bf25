// The version that the server reports; the build passes the project's.
#ifndef SERVER_VERSION_H_
#define SERVER_VERSION_H_

namespace attention {

inline constexpr char kVersion[] = ATTENTION_VERSION;

}  // namespace attention

#endif  // SERVER_VERSION_H_
