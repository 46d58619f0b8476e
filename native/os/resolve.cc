// getaddrinfo for stream sockets.

#include "os/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/socket_address.h"

namespace sluice {

OsError ResolveHost(const std::string& host, std::vector<std::string>* addresses) {
  addrinfo hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;

  addrinfo* list = nullptr;
  const int status = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (status == EAI_SYSTEM) return LastError("getaddrinfo");
  if (status == EAI_MEMORY) return {ENOMEM, "getaddrinfo"};
  if (status != 0) return {};

  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    KernelAddress address;
    std::memcpy(address.bytes, entry->ai_addr, entry->ai_addrlen);
    char text[kMaxAddressText];
    std::string found(text, FormatAddress(address, text));
    if (std::find(addresses->begin(), addresses->end(), found) == addresses->end()) {
      addresses->push_back(std::move(found));
    }
  }
  freeaddrinfo(list);
  return {};
}

}  // namespace sluice
