// Owner of one file descriptor while it is being set up: closed on every early return, released to the caller at the
// end.

#ifndef SLUICE_OS_DESCRIPTOR_H_
#define SLUICE_OS_DESCRIPTOR_H_

#include <unistd.h>

namespace sluice {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  int Release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

}  // namespace sluice

#endif  // SLUICE_OS_DESCRIPTOR_H_
