// Turning errno values into OsError and text.

#include "os/os_error.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace sluice {
namespace {

// strerror_r has two signatures; overloads choose by what the C library returns, GNU's text or POSIX's status.
[[maybe_unused]] const char* TextOf(const char* text, const char* /*buffer*/) { return text; }
[[maybe_unused]] const char* TextOf(int /*status*/, const char* buffer) { return buffer; }

}  // namespace

OsError LastError(const char* call) { return {errno, call}; }

std::string ErrorText(int code) {
  char buffer[128] = "";
  return TextOf(strerror_r(std::abs(code), buffer, sizeof buffer), buffer);
}

}  // namespace sluice
