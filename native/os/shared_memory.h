// Memory shared by descriptor: anonymous files (memfd) whose pages are reserved when they are made, and mappings of
// them. Every process maps the same memory at another address. A mapping outlives its descriptor.

#ifndef SLUICE_OS_SHARED_MEMORY_H_
#define SLUICE_OS_SHARED_MEMORY_H_

#include <cstddef>

#include "os/os_error.h"

namespace sluice {

// Makes an anonymous file of exactly `size_bytes` zero bytes, close-on-exec. All pages are reserved here: a tmpfs that
// is full refuses now (ENOSPC) and does not kill a process with SIGBUS at the first touch. The size is sealed, so that
// no process that shares the descriptor can truncate memory that another one has mapped.
OsError CreateSharedMemory(const char* name, size_t size_bytes, int* fd);

// Maps the first `size_bytes` of `fd` for reading and writing. EINVAL if the file is shorter (touching the rest would
// be SIGBUS).
OsError MapSharedMemory(int fd, size_t size_bytes, void** address);

// Takes the memory out of a mapping, and with it the file behind it, but leaves the addresses valid: private zeros, for
// whoever still has them. False, and nothing has changed, when the system refuses.
bool EmptyMapping(void* address, size_t size_bytes);

void UnmapSharedMemory(void* address, size_t size_bytes);

}  // namespace sluice

#endif  // SLUICE_OS_SHARED_MEMORY_H_
