// Macros that leave a function early when a status is an error.
#ifndef CORE_BASE_STATUS_MACROS_H_
#define CORE_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Returns the status of `expr` from the enclosing function unless it is OK.
#define ATTENTION_RETURN_IF_ERROR(expr)      \
  do {                                       \
    absl::Status attention_status_ = (expr); \
    if (!attention_status_.ok()) {           \
      return attention_status_;              \
    }                                        \
  } while (false)

#define ATTENTION_STATUS_CONCAT_INNER(a, b) a##b
#define ATTENTION_STATUS_CONCAT(a, b) ATTENTION_STATUS_CONCAT_INNER(a, b)

// Moves the value of the StatusOr `expr` into `lhs`, or returns its status.
// NOLINTBEGIN(bugprone-macro-parentheses): `lhs` may be a declaration.
#define ATTENTION_ASSIGN_OR_RETURN(lhs, expr) \
  ATTENTION_ASSIGN_OR_RETURN_INNER(           \
      ATTENTION_STATUS_CONCAT(attention_status_or_, __LINE__), lhs, expr)

#define ATTENTION_ASSIGN_OR_RETURN_INNER(status_or, lhs, expr) \
  auto status_or = (expr);                                     \
  if (!status_or.ok()) {                                       \
    return std::move(status_or).status();                      \
  }                                                            \
  lhs = std::move(status_or).value()
// NOLINTEND(bugprone-macro-parentheses)

#endif  // CORE_BASE_STATUS_MACROS_H_
