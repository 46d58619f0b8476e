// See send.h. Interrupted calls are made again; a full buffer is 0, not an error.

#include "os/send.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {

int64_t SendNow(int fd, const void* bytes, size_t length) {
  for (;;) {
    const ssize_t sent = send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
  }
}

int64_t WriteNow(int fd, const void* bytes, size_t length) {
  for (;;) {
    const ssize_t written = write(fd, bytes, length);
    if (written >= 0) return written;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
  }
}

}  // namespace sluice
