// Listening sockets: opening them with nginx's options in nginx's order, changing options later, and asking an
// inherited descriptor for its address. All of them are stream sockets, non-blocking and close-on-exec. And the sockets
// that messages to syslog leave by.

#ifndef SLUICE_OS_LISTENING_SOCKET_H_
#define SLUICE_OS_LISTENING_SOCKET_H_

#include <cstdint>
#include <string>

#include "os/os_error.h"
#include "os/socket_address.h"

namespace sluice {

struct ListenRequest {
  int family = 0;       // AF_INET, AF_INET6 or AF_UNIX
  std::string address;  // numeric, or a path
  uint16_t port = 0;
  int backlog = 0;
  bool reuseport = false;
  bool ipv6only = false;  // AF_INET6 only; always set, one way or the other
};

// The `call` of an error names the step that failed, so that the caller can tell EADDRINUSE of bind() from that of
// listen(). An existing Unix socket file is not removed: EADDRINUSE. One that was just made is, if a later step fails.
OsError OpenListeningSocket(const ListenRequest& request, int* fd);

OsError SetBacklog(int fd, int backlog);

// Of the sockets that share the address of `fd` (SO_REUSEPORT), in the order of their listen(), only the first `count`
// get new connections from now on, each its share by chance. What is queued on the others stays there. EINVAL when `fd`
// shares with nobody.
OsError SteerConnections(int fd, uint32_t count);

// A datagram socket that sends to one address, non-blocking and close-on-exec. The `call` of an error is socket or
// connect.
OsError OpenDatagramSocket(int family, const std::string& address, uint16_t port, int* fd);

// Integer socket options by the names that the bindings use. nullptr when there is no such name.
struct SocketOption {
  const char* name;
  int level;
  int option;
};
const SocketOption* FindSocketOption(const std::string& name);
OsError SetSocketOption(int fd, const SocketOption& option, int value);

OsError SocketName(int fd, KernelAddress* address);

}  // namespace sluice

#endif  // SLUICE_OS_LISTENING_SOCKET_H_
