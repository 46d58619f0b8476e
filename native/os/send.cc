// See send.h. Interrupted calls are made again; a full buffer is 0, not an error.

#include "os/send.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {

// By its number, as what is read: without libc's bookkeeping for threads that could be cancelled within.
int64_t SendNow(int fd, const void* bytes, size_t length) {
  for (;;) {
    const ssize_t sent = syscall(SYS_sendto, fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
    if (sent >= 0) return sent;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -errno;
  }
}

int64_t SendBothNow(int fd, const void* first, size_t first_length, const void* second, size_t second_length) {
  // sendmsg() only reads what the pieces point to.
  iovec pieces[] = {{const_cast<void*>(first), first_length}, {const_cast<void*>(second), second_length}};
  msghdr message = {};
  message.msg_iov = pieces;
  message.msg_iovlen = 2;
  for (;;) {
    const ssize_t sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
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
