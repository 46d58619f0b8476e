// How native/os reports a refusal by the system: an errno value together with the call that set it, so that a log line
// can say `bind() failed (98: Address already in use)`. Returned by value, never thrown; a zero `code` means success.

#ifndef SLUICE_OS_OS_ERROR_H_
#define SLUICE_OS_OS_ERROR_H_

#include <string>

namespace sluice {

struct [[nodiscard]] OsError {
  int code = 0;           // errno; 0 = no error
  const char* call = "";  // name of the failed call, a string literal

  bool ok() const { return code == 0; }
};

// The error of `call` from the current errno.
OsError LastError(const char* call);

// What strerror() prints for an errno value of either sign. Thread-safe.
std::string ErrorText(int code);

}  // namespace sluice

#endif  // SLUICE_OS_OS_ERROR_H_
