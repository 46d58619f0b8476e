// Zone files for tests: a folder of their own, and processes' uses of them.

#ifndef SLUICE_TEST_NATIVE_ZONE_FILE_FIXTURE_H_
#define SLUICE_TEST_NATIVE_ZONE_FILE_FIXTURE_H_

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/limit_req_file.h"
#include "os/shared_memory.h"
#include "os/zone_file.h"

namespace sluice {
namespace test {

constexpr size_t kFileSize = 64 * 1024;

// A folder of its own with everything in it, gone at the end.
class Folder {
 public:
  explicit Folder(const char* parent = "/tmp") {
    snprintf(name_, sizeof(name_), "%s/sluice-zone-file-XXXXXX", parent);
    if (mkdtemp(name_) == nullptr) abort();
  }
  ~Folder() {
    const std::string command = std::string("rm -rf ") + name_;
    if (system(command.c_str()) != 0) abort();
  }
  std::string operator/(const char* name) const { return std::string(name_) + "/" + name; }
  // Names in the folder, separated by spaces.
  std::string Listing() const {
    std::string text;
    FILE* list = popen((std::string("ls -A ") + name_).c_str(), "r");
    char line[256];
    while (fgets(line, sizeof(line), list) != nullptr)
      text += (text.empty() ? "" : " ") + std::string(line, strcspn(line, "\n"));
    pclose(list);
    return text;
  }

 private:
  char name_[64];
};

inline void WriteFile(const std::string& path, const std::string& content, mode_t mode = 0600) {
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  if (fd < 0 || write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size())) abort();
  if (fchmod(fd, mode) != 0) abort();
  close(fd);
}

// One process's use of a zone file.
struct User {
  explicit User(const std::string& path) { request.path = path; }
  ~User() { Close(); }
  // The text of what went wrong, or "".
  std::string Open() {
    Close();
    const ZoneFileError error = OpenLimitReqZoneFile(request, now, &opened);
    if (!error.os.ok()) return std::string(error.os.call) + ": " + ErrorText(error.os.code);
    if (!error.ok()) return error.text;
    if (zone.Attach(opened.address, request.size_bytes, request.name) != ZoneStatus::kOk) return "cannot attach";
    return "";
  }
  void Close() {
    if (opened.fd < 0) return;
    close(opened.fd);
    UnmapSharedMemory(opened.address, request.size_bytes);
    opened = OpenedZoneFile();
  }
  int64_t Hit(std::string_view key, int64_t burst, int64_t rate = 1000) {
    const LimitSpec limit = {&zone, rate, burst, kMaxTicks, false};
    return Decide(&limit, &key, 1, now.monotonic_ms, &decision);
  }

  ZoneFileRequest request = {"", kFileSize, "one", "$key"};
  ClockReading now = {{1, 2}, 1000000, 1700000000000};
  OpenedZoneFile opened;
  LimitReqZone zone;
  Decision decision;
};

constexpr int64_t kMinute = 60000;

// As after a reboot: `monotonic_ms` is small again, and so much time has gone by.
inline void Reboot(User& user, int64_t gone_ms) {
  user.Close();
  user.now.boot[0]++;
  user.now.monotonic_ms = 5000;
  user.now.wall_ms += gone_ms;
}

}  // namespace test
}  // namespace sluice

#endif  // SLUICE_TEST_NATIVE_ZONE_FILE_FIXTURE_H_
