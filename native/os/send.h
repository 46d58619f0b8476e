// Writing without waiting: to a socket that nobody else is writing to at that moment, and to log files.

#ifndef SLUICE_OS_SEND_H_
#define SLUICE_OS_SEND_H_

#include <cstddef>
#include <cstdint>

namespace sluice {

// Bytes that the kernel took (0 when its buffer is full), or a negative errno. Never raises SIGPIPE, never blocks.
int64_t SendNow(int fd, const void* bytes, size_t length);

// SendNow for two pieces in one call.
int64_t SendBothNow(int fd, const void* first, size_t first_length, const void* second, size_t second_length);

// SendNow with write(2), for files and pipes (which are blocking unless their owner says otherwise).
int64_t WriteNow(int fd, const void* bytes, size_t length);

}  // namespace sluice

#endif  // SLUICE_OS_SEND_H_
