// Conversions between text and sockaddr for the three families that a listener may have.

#include "os/socket_address.h"

#include <arpa/inet.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace sluice {
namespace {

OsError ParsePath(const std::string& path, KernelAddress* address) {
  // An empty path would make the kernel choose a name; a leading zero byte means the abstract namespace. Neither is a
  // file that a client could open.
  if (path.empty() || path.find('\0') != std::string::npos) return {EINVAL, "bind"};
  if (path.size() >= sizeof address->unix_path.sun_path) return {ENAMETOOLONG, "bind"};
  address->unix_path.sun_family = AF_UNIX;
  std::memcpy(address->unix_path.sun_path, path.c_str(), path.size() + 1);
  address->length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return {};
}

}  // namespace

OsError ParseAddress(int family, const std::string& text, uint16_t port, KernelAddress* address) {
  if (family == AF_UNIX) return ParsePath(text, address);

  void* binary;
  if (family == AF_INET) {
    address->inet.sin_family = AF_INET;
    address->inet.sin_port = htons(port);
    address->length = sizeof(sockaddr_in);
    binary = &address->inet.sin_addr;
  } else {
    address->inet6.sin6_family = AF_INET6;
    address->inet6.sin6_port = htons(port);
    address->length = sizeof(sockaddr_in6);
    binary = &address->inet6.sin6_addr;
  }
  if (inet_pton(family, text.c_str(), binary) != 1) return {EINVAL, "inet_pton"};
  return {};
}

size_t FormatAddress(const KernelAddress& address, char text[kMaxAddressText]) {
  text[0] = '\0';
  switch (address.any.sa_family) {
    case AF_INET:
      inet_ntop(AF_INET, &address.inet.sin_addr, text, kMaxAddressText);
      break;
    case AF_INET6:
      inet_ntop(AF_INET6, &address.inet6.sin6_addr, text, kMaxAddressText);
      break;
    case AF_UNIX:
      if (address.length > offsetof(sockaddr_un, sun_path)) {
        std::memcpy(text, address.unix_path.sun_path, sizeof address.unix_path.sun_path);
        text[sizeof address.unix_path.sun_path] = '\0';
      }
      break;
    default:
      break;
  }
  return std::strlen(text);
}

uint16_t PortOf(const KernelAddress& address) {
  if (address.any.sa_family == AF_INET) return ntohs(address.inet.sin_port);
  if (address.any.sa_family == AF_INET6) return ntohs(address.inet6.sin6_port);
  return 0;
}

size_t BinaryOf(const KernelAddress& address, const char** bytes) {
  *bytes = nullptr;
  if (address.any.sa_family == AF_INET) {
    *bytes = reinterpret_cast<const char*>(&address.inet.sin_addr);
    return sizeof address.inet.sin_addr;
  }
  if (address.any.sa_family == AF_INET6) {
    *bytes = reinterpret_cast<const char*>(&address.inet6.sin6_addr);
    return sizeof address.inet6.sin6_addr;
  }
  return 0;
}

}  // namespace sluice
