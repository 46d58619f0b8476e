// Name resolution while a configuration is read. Blocks; never called while requests are served.

#ifndef SLUICE_OS_RESOLVE_H_
#define SLUICE_OS_RESOLVE_H_

#include <string>
#include <vector>

#include "os/os_error.h"

namespace sluice {

// Numeric texts of the distinct addresses of `host`, in getaddrinfo's order; empty when the name was not found, also
// when no server answered. An error only where the system itself failed (no memory, no descriptors).
OsError ResolveHost(const std::string& host, std::vector<std::string>* addresses);

}  // namespace sluice

#endif  // SLUICE_OS_RESOLVE_H_
