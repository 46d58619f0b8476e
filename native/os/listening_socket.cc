// socket, options, bind, chmod, listen.

#include "os/listening_socket.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/descriptor.h"

namespace sluice {
namespace {

// Any client may connect; who may is decided by the directories above, as with nginx.
constexpr mode_t kUnixSocketMode = 0666;

constexpr SocketOption kSocketOptions[] = {
    {"rcvbuf", SOL_SOCKET, SO_RCVBUF},       {"sndbuf", SOL_SOCKET, SO_SNDBUF},
    {"reuseport", SOL_SOCKET, SO_REUSEPORT}, {"keepalive", SOL_SOCKET, SO_KEEPALIVE},
    {"keepidle", IPPROTO_TCP, TCP_KEEPIDLE}, {"keepintvl", IPPROTO_TCP, TCP_KEEPINTVL},
    {"keepcnt", IPPROTO_TCP, TCP_KEEPCNT},   {"defer_accept", IPPROTO_TCP, TCP_DEFER_ACCEPT},
    {"fastopen", IPPROTO_TCP, TCP_FASTOPEN}, {"nodelay", IPPROTO_TCP, TCP_NODELAY},
};

OsError SetInt(int fd, int level, int option, int value, const char* call) {
  if (setsockopt(fd, level, option, &value, sizeof value) < 0) return LastError(call);
  return {};
}

OsError SetOptions(int fd, const ListenRequest& request) {
  if (OsError error = SetInt(fd, SOL_SOCKET, SO_REUSEADDR, 1, "setsockopt(SO_REUSEADDR)"); !error.ok()) return error;
  if (request.reuseport) {
    if (OsError error = SetInt(fd, SOL_SOCKET, SO_REUSEPORT, 1, "setsockopt(SO_REUSEPORT)"); !error.ok()) return error;
  }
  if (request.family == AF_INET6) {
    return SetInt(fd, IPPROTO_IPV6, IPV6_V6ONLY, request.ipv6only ? 1 : 0, "setsockopt(IPV6_V6ONLY)");
  }
  return {};
}

OsError ChmodAndListen(int fd, const ListenRequest& request) {
  if (request.family == AF_UNIX && chmod(request.address.c_str(), kUnixSocketMode) < 0) return LastError("chmod");
  return SetBacklog(fd, request.backlog);
}

}  // namespace

OsError OpenListeningSocket(const ListenRequest& request, int* fd) {
  KernelAddress address;
  if (OsError error = ParseAddress(request.family, request.address, request.port, &address); !error.ok()) return error;

  Descriptor listener(socket(request.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (listener.get() < 0) return LastError("socket");
  if (OsError error = SetOptions(listener.get(), request); !error.ok()) return error;
  if (bind(listener.get(), &address.any, address.length) < 0) return LastError("bind");

  if (OsError error = ChmodAndListen(listener.get(), request); !error.ok()) {
    if (request.family == AF_UNIX) unlink(request.address.c_str());
    return error;
  }
  *fd = listener.Release();
  return {};
}

OsError SetBacklog(int fd, int backlog) {
  if (listen(fd, backlog) < 0) return LastError("listen");
  return {};
}

OsError SteerConnections(int fd, uint32_t count) {
  // Returns an index: random() % count. Asked once for each SYN; what follows finds the connection that the SYN has
  // made.
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_RANDOM)),
      BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, count),
      BPF_STMT(BPF_RET | BPF_A, 0),
  };
  const sock_fprog filter = {sizeof program / sizeof *program, program};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter) < 0) {
    return LastError("setsockopt(SO_ATTACH_REUSEPORT_CBPF)");
  }
  return {};
}

OsError OpenDatagramSocket(int family, const std::string& address, uint16_t port, int* fd) {
  KernelAddress to;
  if (OsError error = ParseAddress(family, address, port, &to); !error.ok()) return error;

  Descriptor sender(socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (sender.get() < 0) return LastError("socket");
  if (connect(sender.get(), &to.any, to.length) < 0) return LastError("connect");
  *fd = sender.Release();
  return {};
}

const SocketOption* FindSocketOption(const std::string& name) {
  for (const SocketOption& option : kSocketOptions) {
    if (name == option.name) return &option;
  }
  return nullptr;
}

OsError SetSocketOption(int fd, const SocketOption& option, int value) {
  return SetInt(fd, option.level, option.option, value, "setsockopt");
}

OsError SocketName(int fd, KernelAddress* address) {
  if (getsockname(fd, &address->any, &address->length) < 0) return LastError("getsockname");
  return {};
}

}  // namespace sluice
