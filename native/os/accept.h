// Accepting one connection, and what an error of accept4() means for the listener.

#ifndef SLUICE_OS_ACCEPT_H_
#define SLUICE_OS_ACCEPT_H_

#include "os/socket_address.h"

namespace sluice {

// accept4 with a non-blocking, close-on-exec result. Returns 0 and fills *fd and *peer, or the errno value.
int AcceptConnection(int listener, int* fd, KernelAddress* peer);

enum class AcceptError {
  kEmpty,       // EAGAIN: nobody waits
  kConnection,  // this one connection failed before it was accepted; the next one may be fine
  kListener,    // out of descriptors or memory, or the listener is unusable: trying again at once would only spin
};

AcceptError ClassifyAcceptError(int code);

}  // namespace sluice

#endif  // SLUICE_OS_ACCEPT_H_
