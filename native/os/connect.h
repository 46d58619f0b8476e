// Starting a connection to a peer.

#ifndef SLUICE_OS_CONNECT_H_
#define SLUICE_OS_CONNECT_H_

#include "os/socket_address.h"

namespace sluice {

struct ConnectRequest {
  KernelAddress peer;
  KernelAddress local;  // counts only with has_local
  bool has_local = false;
  bool keepalive = false;  // SO_KEEPALIVE
};

// socket, bind, connect: non-blocking, close-on-exec, TCP_NODELAY. Returns 0 and fills *fd when the connection is made
// or on its way (the socket becomes writable when it is decided), else the errno value.
int StartConnection(const ConnectRequest& request, int* fd);

}  // namespace sluice

#endif  // SLUICE_OS_CONNECT_H_
