// Socket addresses as sluice names them (family, text, port) and as the kernel does (sockaddr). Only numeric text:
// names are resolved elsewhere. IPv6 text is inet_ntop's, without brackets; a Unix address is a path.

#ifndef SLUICE_OS_SOCKET_ADDRESS_H_
#define SLUICE_OS_SOCKET_ADDRESS_H_

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>

#include "os/os_error.h"

namespace sluice {

// Room for any address that the kernel may return. The byte at the end keeps a Unix path of full length terminated.
struct KernelAddress {
  union {
    sockaddr any;
    sockaddr_in inet;
    sockaddr_in6 inet6;
    sockaddr_un unix_path;
    char bytes[sizeof(sockaddr_un) + 1];
  };
  socklen_t length;

  KernelAddress() : bytes{}, length(sizeof(sockaddr_un)) {}
};

// Largest text of an address: inet_ntop's, or a Unix path.
inline constexpr size_t kMaxAddressText = sizeof(sockaddr_un::sun_path) + 1;

// EINVAL for text that is no numeric address of `family` (AF_INET, AF_INET6, AF_UNIX) or an empty path, ENAMETOOLONG
// for a path that does not fit into sockaddr_un with its terminating zero.
OsError ParseAddress(int family, const std::string& text, uint16_t port, KernelAddress* address);

// Writes the text, zero-terminated, and returns its length. An unnamed Unix socket gives an empty text.
size_t FormatAddress(const KernelAddress& address, char text[kMaxAddressText]);

// The port in host order; 0 for Unix addresses.
uint16_t PortOf(const KernelAddress& address);

// The bytes of an IP address (4 or 16, network order); none for Unix addresses.
size_t BinaryOf(const KernelAddress& address, const char** bytes);

}  // namespace sluice

#endif  // SLUICE_OS_SOCKET_ADDRESS_H_
