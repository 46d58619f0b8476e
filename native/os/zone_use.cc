// See zone_use.h. Locks of open file descriptions, F_OFD_SETLK: not of processes, which lose theirs when any descriptor
// of the file is closed.

#include "os/zone_use.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "os/descriptor.h"

namespace sluice {
namespace {

// `count` bytes from `first`; 0 = all.
OsError SetLock(int fd, short type, off_t first, off_t count) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = first;
  lock.l_len = count;
  return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? OsError{} : LastError("fcntl(F_OFD_SETLK)");
}

// All bytes but that of the mark.
OsError SetOthers(int fd, short type, uint32_t mark) {
  if (mark > 0) {
    if (OsError error = SetLock(fd, type, 0, mark); !error.ok()) return error;
  }
  return SetLock(fd, type, off_t{mark} + 1, 0);
}

}  // namespace

OsError OpenZoneUse(int fd, uint32_t mark, int* use) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  Descriptor own(open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (own.get() < 0) return LastError("open");
  if (flock(own.get(), LOCK_SH | LOCK_NB) < 0) return LastError("flock");
  if (OsError error = SetZoneUse(own.get(), mark); !error.ok()) return error;
  *use = own.Release();
  return {};
}

OsError SetZoneUse(int fd, uint32_t mark) {
  if (OsError error = SetLock(fd, F_RDLCK, mark, 1); !error.ok()) return error;
  return SetOthers(fd, F_UNLCK, mark);
}

OsError ClaimZone(int fd, uint32_t mark, bool* claimed) {
  OsError error = SetOthers(fd, F_WRLCK, mark);
  *claimed = error.ok();
  if (error.ok()) return {};
  const OsError undone = SetOthers(fd, F_UNLCK, mark);
  if (error.code == EAGAIN || error.code == EACCES) return undone;
  return error;
}

OsError GiveUpClaim(int fd, uint32_t mark) { return SetOthers(fd, F_UNLCK, mark); }

}  // namespace sluice
