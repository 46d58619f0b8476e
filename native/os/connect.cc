// See connect.h.

#include "os/connect.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "os/descriptor.h"

namespace sluice {
namespace {

bool Enable(int fd, int level, int option) {
  const int on = 1;
  return setsockopt(fd, level, option, &on, sizeof on) == 0;
}

bool Bind(int fd, const KernelAddress& local) {
  // Without a port the system may choose one that other connections use, to other peers. Older kernels lack it: no
  // harm.
  if (PortOf(local) == 0) Enable(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
  // With a port: its last connection may still be in TIME_WAIT.
  return Enable(fd, SOL_SOCKET, SO_REUSEADDR) && bind(fd, &local.any, local.length) == 0;
}

}  // namespace

int StartConnection(const ConnectRequest& request, int* fd) {
  const int family = request.peer.any.sa_family;
  Descriptor connection(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connection.get() < 0) return errno;
  if (family != AF_UNIX && !Enable(connection.get(), IPPROTO_TCP, TCP_NODELAY)) return errno;
  if (request.keepalive && !Enable(connection.get(), SOL_SOCKET, SO_KEEPALIVE)) return errno;
  if (request.has_local && !Bind(connection.get(), request.local)) return errno;
  if (connect(connection.get(), &request.peer.any, request.peer.length) < 0 && errno != EINPROGRESS && errno != EINTR) {
    return errno;
  }
  *fd = connection.Release();
  return 0;
}

}  // namespace sluice
