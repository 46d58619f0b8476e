// accept4 and the classification of its errors.

#include "os/accept.h"

#include <sys/socket.h>

#include <cerrno>

namespace sluice {

int AcceptConnection(int listener, int* fd, KernelAddress* peer) {
  int connection;
  do {
    peer->length = sizeof(sockaddr_un);
    connection = accept4(listener, &peer->any, &peer->length, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (connection < 0 && errno == EINTR);
  if (connection < 0) return errno;
  *fd = connection;
  return 0;
}

AcceptError ClassifyAcceptError(int code) {
  switch (code) {
    case EAGAIN:
      return AcceptError::kEmpty;
    // Linux hands out errors that were already pending on the new connection; accept(2) lists these. EPERM is a
    // firewall's.
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case EPERM:
      return AcceptError::kConnection;
    default:
      return AcceptError::kListener;
  }
}

}  // namespace sluice
