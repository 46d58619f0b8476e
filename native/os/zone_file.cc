// open, flock, posix_fallocate and link in the order that makes them safe; see zone_file.h.

#include "os/zone_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>

namespace sluice {

const char* const kUnfit = "zone file";

namespace {

constexpr mode_t kMode = S_IRUSR | S_IWUSR;

// Reasons to refuse a file, told apart by codes that say the same as nearly as codes can.
constexpr OsError kNotRegular = {EINVAL, kUnfit};
constexpr OsError kSymbolicLink = {ELOOP, kUnfit};
constexpr OsError kForeignOwner = {EPERM, kUnfit};
constexpr OsError kOpenToOthers = {EACCES, kUnfit};

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string NameOfDescriptor(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

int Flock(int fd, int operation) {
  int result;
  do {
    result = flock(fd, operation);
  } while (result < 0 && errno == EINTR);
  return result;
}

// Opening must neither follow a link that somebody has put there nor wait for the other end of a FIFO.
int OpenExisting(const char* path) { return open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY); }

// Whether nothing of a file in memory is missing. tmpfs counts a file's pages and nothing else, so this is known
// without walking over them, as posix_fallocate does (some 0.05 ms a MB).
bool HasAllPages(int fd, size_t size_bytes) {
  constexpr uint32_t kTmpfsMagic = 0x01021994;  // TMPFS_MAGIC of linux/magic.h
  constexpr size_t kBlock = 512;
  struct statfs system;
  struct stat info;
  return fstatfs(fd, &system) == 0 && static_cast<uint32_t>(system.f_type) == kTmpfsMagic && fstat(fd, &info) == 0 &&
         static_cast<size_t>(info.st_size) == size_bytes && static_cast<size_t>(info.st_blocks) * kBlock >= size_bytes;
}

OsError CheckTrust(const struct stat& info) {
  if (!S_ISREG(info.st_mode)) return kNotRegular;
  if (info.st_uid != geteuid()) return kForeignOwner;
  if ((info.st_mode & 07777 & ~kMode) != 0) return kOpenToOthers;
  return {};
}

}  // namespace

const char* UnfitText(const OsError& error) {
  switch (error.code) {
    case EINVAL:
      return "is not a regular file";
    case ELOOP:
      return "is a symbolic link";
    case EPERM:
      return "belongs to another user";
    case EACCES:
      return "may be opened by others, its mode must be 0600";
  }
  return "cannot be used";
}

OsError ZoneFile::Open() {
  for (;;) {
    Close();
    if (OsError error = OpenNamed(); !error.ok()) return error;
    is_exclusive_ = Flock(fd_, LOCK_EX | LOCK_NB) == 0;
    if (!is_exclusive_ && errno != EWOULDBLOCK) return LastError("flock");
    // Also the wait for whoever holds it exclusively, who will have replaced or shared it soon.
    if (!is_exclusive_ && Flock(fd_, LOCK_SH) < 0) return LastError("flock");
    // Until we had the lock the file may have been removed or replaced.
    if (HasName()) break;
  }
  struct stat info;
  if (fstat(fd_, &info) < 0) return LastError("fstat");
  size_bytes_ = static_cast<size_t>(info.st_size);
  return {};
}

OsError ZoneFile::OpenNamed() {
  fd_ = OpenExisting(path_.c_str());
  if (fd_ < 0) {
    if (errno == ELOOP) return kSymbolicLink;
    // What open() says of sockets and devices that nothing is behind, and of folders.
    if (errno == ENXIO || errno == EISDIR) return kNotRegular;
    return LastError("open");
  }
  struct stat info;
  if (fstat(fd_, &info) < 0) return LastError("fstat");
  return CheckTrust(info);
}

OsError ZoneFile::Create(size_t size_bytes) {
  Close();
  if (has_tmpfile_) fd_ = open(FolderOf(path_).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, kMode);
  if (fd_ < 0) {
    // Not every file system has files without a name, and a kernel that does not know them takes the folder for a file.
    if (has_tmpfile_ && errno != EOPNOTSUPP && errno != EISDIR) return LastError("open");
    if (OsError error = CreateTemporary(); !error.ok()) return error;
  }
  // The umask may have taken bits away.
  if (fchmod(fd_, kMode) < 0) return LastError("fchmod");
  if (Flock(fd_, LOCK_EX | LOCK_NB) < 0) return LastError("flock");
  is_exclusive_ = true;
  size_bytes_ = size_bytes;
  return Reserve();
}

OsError ZoneFile::Reserve() {
  if (HasAllPages(fd_, size_bytes_)) return {};
  int status;
  do {
    status = posix_fallocate(fd_, 0, static_cast<off_t>(size_bytes_));
  } while (status == EINTR);
  return status == 0 ? OsError{} : OsError{status, "posix_fallocate"};
}

OsError ZoneFile::CreateTemporary() {
  for (int tries = 0; tries < 100; ++tries) {
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) < 0) return LastError("getrandom");
    char suffix[24];
    snprintf(suffix, sizeof(suffix), ".%016" PRIx64, random);
    const std::string name = path_ + suffix;
    // With a file at hand only the name is wanted.
    const int result = fd_ < 0
                           ? fd_ = open(name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC | O_NOFOLLOW, kMode)
                           : linkat(AT_FDCWD, NameOfDescriptor(fd_).c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW);
    if (result >= 0) {
      temporary_ = name;
      return {};
    }
    if (errno != EEXIST) return LastError(fd_ < 0 ? "open" : "linkat");
  }
  return {EEXIST, "open"};
}

OsError ZoneFile::NameTemporary() { return temporary_.empty() ? CreateTemporary() : OsError{}; }

OsError ZoneFile::Publish() {
  // Otherwise, after a loss of power, the name could lead to a file full of nothing.
  if (fsync(fd_) < 0) return LastError("fsync");
  const std::string from = temporary_.empty() ? NameOfDescriptor(fd_) : temporary_;
  if (linkat(AT_FDCWD, from.c_str(), AT_FDCWD, path_.c_str(), AT_SYMLINK_FOLLOW) < 0) return LastError("linkat");
  RemoveTemporary();
  return {};
}

OsError ZoneFile::Replace() {
  if (fsync(fd_) < 0) return LastError("fsync");
  if (OsError error = NameTemporary(); !error.ok()) return error;
  if (rename(temporary_.c_str(), path_.c_str()) < 0) return LastError("rename");
  temporary_.clear();
  return {};
}

OsError ZoneFile::Share() {
  // flock() converts by giving up and locking anew: in between another process may take the file for its own.
  if (Flock(fd_, LOCK_SH) < 0) return LastError("flock");
  is_exclusive_ = false;
  return HasName() ? OsError{} : OsError{ESTALE, "flock"};
}

bool ZoneFile::HasName() const {
  struct stat ours;
  struct stat named;
  return fstat(fd_, &ours) == 0 && lstat(path_.c_str(), &named) == 0 && ours.st_dev == named.st_dev &&
         ours.st_ino == named.st_ino;
}

void ZoneFile::Swap(ZoneFile* other) {
  std::swap(path_, other->path_);
  std::swap(temporary_, other->temporary_);
  std::swap(fd_, other->fd_);
  std::swap(size_bytes_, other->size_bytes_);
  std::swap(is_exclusive_, other->is_exclusive_);
}

int ZoneFile::Release() {
  RemoveTemporary();
  const int fd = fd_;
  fd_ = -1;
  return fd;
}

int ZoneFile::ReleaseUnnamed(std::string* temporary) {
  *temporary = temporary_;
  temporary_.clear();
  return Release();
}

void ZoneFile::Adopt(int fd, const std::string& temporary) {
  Close();
  fd_ = fd;
  temporary_ = temporary;
}

void ZoneFile::Close() {
  RemoveTemporary();
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  is_exclusive_ = false;
  size_bytes_ = 0;
}

void ZoneFile::RemoveTemporary() {
  if (!temporary_.empty()) unlink(temporary_.c_str());
  temporary_.clear();
}

}  // namespace sluice
