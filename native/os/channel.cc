// sendmsg and recvmsg with one SCM_RIGHTS descriptor, and the checks of what arrives.

#include "os/channel.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "os/descriptor.h"

namespace sluice {
namespace {

union ControlBuffer {
  cmsghdr align;
  char bytes[CMSG_SPACE(sizeof(int))];
};

OsError IgnoreSigioByDefault() {
  struct sigaction action;
  if (sigaction(SIGIO, nullptr, &action) < 0) return LastError("sigaction(SIGIO)");
  if (action.sa_handler != SIG_DFL) return {};
  action.sa_handler = SIG_IGN;
  if (sigaction(SIGIO, &action, nullptr) < 0) return LastError("sigaction(SIGIO)");
  return {};
}

// All descriptors that came with a message. The control buffer has room for two because of its alignment, so a peer
// that sends more than it should is noticed, and nothing leaks.
struct Received {
  int fds[CMSG_SPACE(sizeof(int)) / sizeof(int)];
  size_t count = 0;
  const cmsghdr* foreign = nullptr;  // a control message that is not SCM_RIGHTS

  explicit Received(msghdr* header) {
    for (cmsghdr* control = CMSG_FIRSTHDR(header); control != nullptr; control = CMSG_NXTHDR(header, control)) {
      if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) {
        foreign = control;
        continue;
      }
      const size_t bytes = control->cmsg_len - CMSG_LEN(0);
      for (size_t at = 0; at + sizeof(int) <= bytes && count < sizeof fds / sizeof fds[0]; at += sizeof(int)) {
        std::memcpy(&fds[count++], CMSG_DATA(control) + at, sizeof(int));
      }
    }
  }

  ChannelRead Refuse(std::string* error, std::string text) const {
    for (size_t i = 0; i < count; i++) close(fds[i]);
    *error = std::move(text);
    return ChannelRead::kError;
  }
};

}  // namespace

OsError CreateChannel(int ends[2]) {
  if (OsError error = IgnoreSigioByDefault(); !error.ok()) return error;

  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) return LastError("socketpair");
  Descriptor first(pair[0]);
  Descriptor second(pair[1]);

  int on = 1;
  if (ioctl(first.get(), FIOASYNC, &on) < 0) return LastError("ioctl(FIOASYNC)");
  if (fcntl(first.get(), F_SETOWN, getpid()) < 0) return LastError("fcntl(F_SETOWN)");

  ends[0] = first.Release();
  ends[1] = second.Release();
  return {};
}

OsError WriteChannel(int fd, const ChannelMessage& message) {
  ChannelMessage copy = message;
  iovec data = {&copy, sizeof copy};
  msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;

  ControlBuffer control = {};
  if (message.fd != -1) {
    header.msg_control = control.bytes;
    header.msg_controllen = sizeof control.bytes;
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &message.fd, sizeof(int));
    header.msg_controllen = CMSG_SPACE(sizeof(int));
  }

  ssize_t sent;
  do {
    sent = sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return LastError("sendmsg");
  return {};
}

ChannelRead ReadChannel(int fd, ChannelMessage* message, std::string* error) {
  iovec data = {message, sizeof *message};
  ControlBuffer control = {};
  msghdr header = {};
  header.msg_iov = &data;
  header.msg_iovlen = 1;
  header.msg_control = control.bytes;
  header.msg_controllen = sizeof control.bytes;

  ssize_t got;
  do {
    got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    const int code = errno;
    if (code == EAGAIN) return ChannelRead::kEmpty;
    // The other end was closed by a process that had not read all: an end as any other.
    if (code == ECONNRESET) return ChannelRead::kEnd;
    *error = "recvmsg() failed (" + std::to_string(code) + ": " + ErrorText(code) + ")";
    return ChannelRead::kError;
  }
  if (got == 0) return ChannelRead::kEnd;

  const Received received(&header);
  if (static_cast<size_t>(got) < sizeof *message) {
    return received.Refuse(error, "recvmsg() returned not enough data: " + std::to_string(got));
  }
  if ((header.msg_flags & MSG_CTRUNC) != 0 && received.count == 0 && received.foreign == nullptr && message->fd != -1) {
    // What the message says is as good as ever, and so is the channel.
    message->fd = kLostDescriptor;
    return ChannelRead::kMessage;
  }
  if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) return received.Refuse(error, "recvmsg() truncated data");
  if (received.foreign != nullptr) {
    return received.Refuse(error, "recvmsg() returned invalid ancillary data level " +
                                      std::to_string(received.foreign->cmsg_level) + " or type " +
                                      std::to_string(received.foreign->cmsg_type));
  }
  if (message->fd != -1 && received.count == 0) {
    return received.Refuse(error, "recvmsg() returned too small ancillary data");
  }
  if (received.count != (message->fd != -1 ? 1U : 0U)) {
    return received.Refuse(error, "recvmsg() returned unexpected descriptors: " + std::to_string(received.count));
  }
  if (message->fd != -1) message->fd = received.fds[0];
  return ChannelRead::kMessage;
}

OsError PeerUser(int fd, uint32_t* user) {
  ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return LastError("getsockopt(SO_PEERCRED)");
  *user = peer.uid;
  return {};
}

bool ReachedEnd(int fd) {
  char discarded[256];
  for (;;) {
    const ssize_t got = read(fd, discarded, sizeof discarded);
    if (got > 0 || (got < 0 && errno == EINTR)) continue;
    return got == 0 || errno != EAGAIN;
  }
}

}  // namespace sluice
