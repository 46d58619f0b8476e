// Channels between master and workers: one fixed-size message {command, pid, slot} at a time over a Unix stream
// socketpair, optionally with a descriptor attached (SCM_RIGHTS). Messages are smaller than any socket buffer, so the
// kernel moves each of them whole or not at all; a partial one is a protocol error.

#ifndef SLUICE_OS_CHANNEL_H_
#define SLUICE_OS_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "os/os_error.h"

namespace sluice {

struct ChannelMessage {
  int32_t command;
  int32_t pid;
  int32_t slot;
  int32_t fd;  // -1 = none. On the wire: the sender's number, which tells only that a descriptor is attached.
};

// A socketpair whose ends are non-blocking and close-on-exec. End 0 belongs to this process and asks for SIGIO; SIGIO
// is ignored first, since nobody needs it and its default action ends a process.
OsError CreateChannel(int ends[2]);

// Sends one message. EAGAIN: the socket is full and nothing was sent. Never raises SIGPIPE.
OsError WriteChannel(int fd, const ChannelMessage& message);

// `fd` of a message whose descriptor is lost: this process has as many as it may.
constexpr int32_t kLostDescriptor = -2;

enum class ChannelRead {
  kMessage,  // *message is filled; its fd, if any, is ours and close-on-exec
  kEmpty,    // nothing to read now
  kEnd,      // the other end is closed everywhere
  kError,    // *error says what is wrong; the channel must not be read any more
};

// Reads one message. Descriptors of a message that is refused are closed here.
ChannelRead ReadChannel(int fd, ChannelMessage* message, std::string* error);

// The user that has connected the other end of a Unix socket.
OsError PeerUser(int fd, uint32_t* user);

// Throws away what can be read now. True when the other end is closed everywhere, or reading failed for good: for
// sockets that carry no data and only tell, by their end, that a process is gone.
bool ReachedEnd(int fd);

}  // namespace sluice

#endif  // SLUICE_OS_CHANNEL_H_
