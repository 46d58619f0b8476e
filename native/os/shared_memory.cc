// memfd_create, posix_fallocate and mmap behind three functions.

#include "os/shared_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <cerrno>

#include "os/descriptor.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

namespace sluice {
namespace {

// Linux 6.3 and newer want every memfd to say whether it may be executed, and log a warning otherwise; older ones
// refuse the flag.
int CreateMemfd(const char* name) {
  const int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
  if (fd >= 0 || errno != EINVAL) return fd;
  return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

// Anonymous files know no limit of their own: reserving more than there is would end in the kernel's out-of-memory
// killer, not in an error.
bool ExceedsAllMemory(size_t size_bytes) {
  struct sysinfo info;
  if (sysinfo(&info) < 0) return false;
  return size_bytes / info.mem_unit > static_cast<size_t>(info.totalram) + info.totalswap;
}

}  // namespace

OsError CreateSharedMemory(const char* name, size_t size_bytes, int* fd) {
  Descriptor memory(CreateMemfd(name));
  if (memory.get() < 0) return LastError("memfd_create");
  if (ExceedsAllMemory(size_bytes)) return {ENOMEM, "posix_fallocate"};

  int status;
  do {
    status = posix_fallocate(memory.get(), 0, static_cast<off_t>(size_bytes));
  } while (status == EINTR);
  if (status != 0) return {status, "posix_fallocate"};

  if (fcntl(memory.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0) return LastError("fcntl(F_ADD_SEALS)");
  *fd = memory.Release();
  return {};
}

OsError MapSharedMemory(int fd, size_t size_bytes, void** address) {
  struct stat info;
  if (fstat(fd, &info) < 0) return LastError("fstat");
  if (info.st_size < 0 || static_cast<size_t>(info.st_size) < size_bytes) return {EINVAL, "mmap"};

  void* mapping = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (mapping == MAP_FAILED) return LastError("mmap");
  *address = mapping;
  return {};
}

bool EmptyMapping(void* address, size_t size_bytes) {
  constexpr int kFlags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  return mmap(address, size_bytes, PROT_READ | PROT_WRITE, kFlags, -1, 0) != MAP_FAILED;
}

void UnmapSharedMemory(void* address, size_t size_bytes) { munmap(address, size_bytes); }

}  // namespace sluice
