// A zone's memory in a file, so that it outlives the processes: in /dev/shm until the machine stops, on a disk longer.
// Whoever holds a ZoneFile holds a lock of flock(2) on it, and so does every process that inherits the descriptor,
// until the last copy is closed:
//
//   exclusive   nobody else uses the file: what a crash or a reboot left in it may be put in order, or replaced
//   shared      others may use it, too
//
// A file gets its name when it is whole (Publish), so that of several processes that make one at the same time all end
// up with the same, and none ever sees a half-made one. The memory cannot be sealed as a memfd is: who may write the
// file may truncate it, and touching what is gone ends a process with SIGBUS. Hence only files that nobody else may
// open are accepted: regular, our own, mode 0600.

#ifndef SLUICE_OS_ZONE_FILE_H_
#define SLUICE_OS_ZONE_FILE_H_

#include <cstddef>
#include <string>
#include <utility>

#include "os/os_error.h"

namespace sluice {

class ZoneFile {
 public:
  explicit ZoneFile(std::string path) : path_(std::move(path)) {}
  ~ZoneFile() { Close(); }
  ZoneFile(const ZoneFile&) = delete;
  ZoneFile& operator=(const ZoneFile&) = delete;

  // Opens the file of that name, locks it, exclusively if nobody else has it, and learns its size. Waits while another
  // process puts the file in order. ENOENT: there is none. Errors whose `call` is kUnfit tell what is wrong with the
  // file itself; see UnfitText.
  OsError Open();

  // Instead of Open: a new file without a name in the same folder, locked exclusively, `size_bytes` zero bytes long.
  // All of it is reserved here: a file system that is full refuses now and not by SIGBUS later.
  OsError Create(size_t size_bytes);

  // Reserves what a file that was opened may lack of its size: a copied one may have holes.
  OsError Reserve();

  // Gives a created file its name, once its content is whole; the content is on the disk before the name is. EEXIST:
  // somebody else was faster; Open that one.
  OsError Publish();
  // The same, instead of the file that has the name now. REQUIRES: that one is held exclusively, or by us alone.
  OsError Replace();

  // From exclusive to shared. ESTALE: the name has come to mean another file meanwhile; open that one.
  OsError Share();

  int fd() const { return fd_; }
  size_t size_bytes() const { return size_bytes_; }
  bool is_exclusive() const { return is_exclusive_; }
  const std::string& path() const { return path_; }

  void Swap(ZoneFile* other);
  void PretendNoTmpfileForTest() { has_tmpfile_ = false; }
  // Whether the name still means this file.
  bool HasName() const;
  // Hands the descriptor, and with it the lock, to the caller.
  int Release();
  // The same for a created file that will get its name later: `temporary` gets the name that it has until then, if it
  // needs one.
  int ReleaseUnnamed(std::string* temporary);
  // Takes back what ReleaseUnnamed has handed out.
  void Adopt(int fd, const std::string& temporary);
  void Close();

 private:
  OsError OpenNamed();
  OsError CreateTemporary();
  // Makes a name for the file beside `path_`, unless it has one.
  OsError NameTemporary();
  void RemoveTemporary();
  std::string path_;
  std::string temporary_;  // the other name of a file that is not published; empty = none
  int fd_ = -1;
  size_t size_bytes_ = 0;
  bool is_exclusive_ = false;
  bool has_tmpfile_ = true;
};

// The `call` of errors that no system call has made: the file is not one to be trusted.
extern const char* const kUnfit;
// For such an error, what is wrong: "is not a regular file".
const char* UnfitText(const OsError& error);

}  // namespace sluice

#endif  // SLUICE_OS_ZONE_FILE_H_
