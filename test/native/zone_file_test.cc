// Zones in files: whom a file is accepted from, creators that race, locks, and time over a reboot.

#include "os/zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "child_process.h"
#include "core/fault_point.h"
#include "core/limit_req_file.h"
#include "core/limit_req_shard.h"
#include "os/shared_memory.h"
#include "test.h"

namespace sluice {
namespace test {
namespace {

constexpr size_t kSize = 64 * 1024;

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

void WriteFile(const std::string& path, const std::string& content, mode_t mode = 0600) {
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

  ZoneFileRequest request = {"", kSize, "one", "$key"};
  ClockReading now = {{1, 2}, 1000000, 1700000000000};
  OpenedZoneFile opened;
  LimitReqZone zone;
  Decision decision;
};

TEST("zone file: it is private, reserved to its full size, and has no other name") {
  Folder folder;
  const mode_t before = umask(0);
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  umask(before);
  EXPECT(user.opened.origin == ZoneFileOrigin::kCreated);
  struct stat info;
  ASSERT(stat((folder / "zone").c_str(), &info) == 0);
  EXPECT_EQ(info.st_mode & 07777u, 0600u);
  EXPECT_EQ(static_cast<size_t>(info.st_size), kSize);
  EXPECT(static_cast<size_t>(info.st_blocks) * 512 >= kSize);
  EXPECT(fcntl(user.opened.fd, F_GETFD) == FD_CLOEXEC);
  EXPECT_EQ(folder.Listing(), "zone");
}

TEST("zone file: a later process finds what an earlier one left") {
  Folder folder;
  User first(folder / "zone");
  EXPECT_EQ(first.Open(), "");
  EXPECT_EQ(first.Hit("key", 0), 0);
  first.Close();
  User second(folder / "zone");
  EXPECT_EQ(second.Open(), "");
  EXPECT(second.opened.origin == ZoneFileOrigin::kRecovered);
  EXPECT_EQ(second.Hit("key", 0), kRejected);
  EXPECT_EQ(second.Hit("other", 0), 0);
  EXPECT_EQ(second.zone.Check(), "");
}

TEST("zone file: processes that use it at the same time share it") {
  Folder folder;
  User first(folder / "zone"), second(folder / "zone");
  EXPECT_EQ(first.Open(), "");
  EXPECT_EQ(second.Open(), "");
  EXPECT(second.opened.origin == ZoneFileOrigin::kShared);
  EXPECT_EQ(first.Hit("key", 0), 0);
  EXPECT_EQ(second.Hit("key", 0), kRejected);
}

TEST("zone file: a process that has inherited it keeps it in use after the one that opened it") {
  Folder folder;
  User first(folder / "zone"), second(folder / "zone");
  EXPECT_EQ(first.Open(), "");
  const pid_t child = Fork([] {
    for (;;) pause();
    return 0;
  });
  first.Close();
  EXPECT_EQ(second.Open(), "");
  EXPECT(second.opened.origin == ZoneFileOrigin::kShared);
  second.Close();
  kill(child, SIGKILL);
  Wait(child);
  EXPECT_EQ(second.Open(), "");
  EXPECT(second.opened.origin == ZoneFileOrigin::kRecovered);
}

TEST("zone file: what a killed owner held is free for the next process") {
  Folder folder;
  User user(folder / "zone");
  const pid_t child = Fork([&] {
    if (user.Open() != "" || user.Hit("key", 0) != 0) return 1;
    ShardView(&user.zone, 0).shard()->mutex.Lock();
    ShardView(&user.zone, 0).shard()->change = Shard::kInsert;
    kill(getpid(), SIGKILL);
    return 1;
  });
  EXPECT(WasKilled(Wait(child)));
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.zone.Check(), "");
  EXPECT_EQ(user.Hit("key", 0), kRejected);
}

TEST("zone file: creators that race end up with one zone, and leave nothing else") {
  for (int round = 0; round < 20; ++round) {
    Folder folder;
    constexpr int kProcesses = 6;
    pid_t children[kProcesses];
    int start[2];
    ASSERT(pipe(start) == 0);
    for (pid_t& child : children) {
      child = Fork([&] {
        char byte;
        close(start[1]);
        if (read(start[0], &byte, 1) != 0) return 1;
        User user(folder / "zone");
        if (user.Open() != "") return 2;
        // Of a burst of 2, the first and two more.
        return user.Hit("key", 2000, 1) == 0 ? 0 : 10;
      });
    }
    close(start[0]);
    close(start[1]);
    int passed = 0, refused = 0;
    for (const pid_t child : children) {
      const int status = Wait(child);
      passed += EndedWell(status);
      refused += WIFEXITED(status) && WEXITSTATUS(status) == 10;
    }
    EXPECT_EQ(passed, 3);
    EXPECT_EQ(refused, kProcesses - 3);
    EXPECT_EQ(folder.Listing(), "zone");
  }
}

TEST("zone file: files that others may touch are refused") {
  Folder folder;
  User user(folder / "zone");
  const std::string quoted = "\"" + folder / "zone" + "\" ";

  ASSERT(symlink("elsewhere", user.request.path.c_str()) == 0);
  EXPECT_EQ(user.Open(), quoted + "is a symbolic link");
  unlink(user.request.path.c_str());

  ASSERT(mkfifo(user.request.path.c_str(), 0600) == 0);
  EXPECT_EQ(user.Open(), quoted + "is not a regular file");
  unlink(user.request.path.c_str());

  ASSERT(mkdir(user.request.path.c_str(), 0700) == 0);
  EXPECT_EQ(user.Open(), quoted + "is not a regular file");
  rmdir(user.request.path.c_str());

  EXPECT_EQ(user.Open(), "");
  user.Close();
  for (const mode_t mode : {0640, 0604, 0620}) {
    ASSERT(chmod(user.request.path.c_str(), mode) == 0);
    EXPECT_EQ(user.Open(), quoted + "may be opened by others, its mode must be 0600");
  }
  ASSERT(chmod(user.request.path.c_str(), 0600) == 0);
  EXPECT_EQ(user.Open(), "");
  user.Close();
  if (geteuid() != 0) return;  // only root can give files away
  ASSERT(chown(user.request.path.c_str(), 12345, 12345) == 0);
  EXPECT_EQ(user.Open(), quoted + "belongs to another user");
}

TEST("zone file: what is no zone is refused and left as it is") {
  Folder folder;
  User user(folder / "zone");
  for (const std::string& content : {std::string(), std::string("precious"), std::string(kSize, 'x')}) {
    WriteFile(user.request.path, content);
    EXPECT_EQ(user.Open(), "\"" + user.request.path + "\" is not a limit_req zone");
    struct stat info;
    EXPECT(stat(user.request.path.c_str(), &info) == 0 && static_cast<size_t>(info.st_size) == content.size());
  }
}

TEST("zone file: another zone's name, key or size is refused") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 0), 0);
  User other(folder / "zone");
  for (const bool in_use : {true, false}) {
    other.request = {user.request.path, kSize, "two", "$key"};
    EXPECT_EQ(other.Open(), "\"" + other.request.path + "\" is a zone of another name");
    other.request = {user.request.path, kSize, "one", "$uri"};
    EXPECT_EQ(other.Open(), "limit_req \"one\" uses the \"$uri\" key while previously it used the \"$key\" key");
    other.request = {user.request.path, 2 * kSize, "one", "$key"};
    EXPECT_EQ(other.Open(), "\"" + other.request.path + "\" has the size 65536 and not 131072");
    if (in_use) user.Close();
  }
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 0), kRejected);
}

TEST("zone file: a damaged one is refused while in use, and else replaced by an empty one") {
  const struct {
    const char* problem;
    void (*damage)(int fd, ZoneHeader* header);
  } kCases[] = {
      {"was made by a version with another layout", [](int, ZoneHeader* header) { header->layout_version++; }},
      {"has 4096 bytes instead of 65536", [](int fd, ZoneHeader*) { EXPECT_EQ(ftruncate(fd, 4096), 0); }},
      {"has 65537 bytes instead of 65536", [](int fd, ZoneHeader*) { EXPECT_EQ(ftruncate(fd, kSize + 1), 0); }},
      {"is damaged: damaged header", [](int, ZoneHeader* header) { header->page_count += 1; }},
      {"is damaged: damaged header", [](int, ZoneHeader* header) { header->name_length = 0xffffffff; }},
      {"is damaged: damaged header", [](int, ZoneHeader* header) { header->clock.offset_ms = INT64_MIN; }},
  };
  for (const auto& c : kCases) {
    Folder folder;
    User user(folder / "zone");
    EXPECT_EQ(user.Open(), "");
    EXPECT_EQ(user.Hit("key", 0), 0);
    // Only another layout can be told to stay.
    const bool kept = &c == kCases;
    c.damage(user.opened.fd, reinterpret_cast<ZoneHeader*>(user.opened.address));
    User other(folder / "zone");
    EXPECT_EQ(other.Open(), "\"" + other.request.path + "\" " + c.problem + ", and is in use");
    user.Close();
    other.request.keep_other_layout = true;
    if (kept) EXPECT_EQ(other.Open(), "\"" + other.request.path + "\" " + c.problem);
    other.request.keep_other_layout = !kept;
    EXPECT_EQ(other.Open(), "");
    EXPECT(other.opened.origin == ZoneFileOrigin::kReplaced);
    EXPECT_EQ(other.opened.problem, "\"" + other.request.path + "\" " + c.problem);
    EXPECT_EQ(other.Hit("key", 0), 0);
    EXPECT_EQ(folder.Listing(), "zone");
    EXPECT_EQ(user.Open(), "");
    EXPECT_EQ(user.Hit("key", 0), kRejected);
  }
}

TEST("zone file: random damage anywhere never crashes, and what is left is a whole zone") {
  Folder folder;
  for (uint64_t seed = 1; seed <= 300u / static_cast<unsigned>(Slowdown()); ++seed) {
    Random random(seed);
    User user(folder / "zone");
    EXPECT_EQ(user.Open(), "");
    for (int i = 0; i < 100; ++i) user.Hit("key" + std::to_string(random.Below(1000)), 1000000);
    user.Close();
    const int fd = open(user.request.path.c_str(), O_RDWR);
    for (uint64_t i = random.Below(8); i > 0; --i) {
      char bytes[64];
      for (char& byte : bytes) byte = static_cast<char>(random.Next());
      const off_t at = static_cast<off_t>(random.Below(3) == 0 ? random.Below(512) : random.Below(kSize - 64));
      EXPECT(pwrite(fd, bytes, 1 + random.Below(64), at) > 0);
    }
    close(fd);
    const std::string refusal = user.Open();
    if (!refusal.empty()) {
      unlink(user.request.path.c_str());
      continue;
    }
    EXPECT_EQ(user.zone.Check(), "");
    for (int i = 0; i < 300; ++i) user.Hit("key" + std::to_string(random.Below(1000)), 1000000);
    EXPECT_EQ(user.zone.Check(), "");
  }
}

TEST("zone file: memory that cannot be reserved is an error now and not a signal later") {
  Folder folder;
  const pid_t child = Fork([&] {
    const rlimit limit = {kSize / 2, kSize / 2};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    User user(folder / "zone");
    return user.Open() == "posix_fallocate: " + ErrorText(EFBIG) ? 0 : 1;
  });
  EXPECT(EndedWell(Wait(child)));
  EXPECT_EQ(folder.Listing(), "");
}

TEST("zone file: holes in a copied file are filled before they are touched") {
  // In memory it is known whether there are any.
  for (const char* const parent : {"/tmp", "/dev/shm"}) {
    Folder folder(parent);
    User user(folder / "zone");
    EXPECT_EQ(user.Open(), "");
    user.Close();
    const int fd = open(user.request.path.c_str(), O_RDWR);
    ASSERT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kSize / 2, kSize / 2) == 0);
    struct stat info;
    ASSERT(fstat(fd, &info) == 0 && static_cast<size_t>(info.st_blocks) * 512 < kSize);
    EXPECT_EQ(user.Open(), "");
    ASSERT(fstat(fd, &info) == 0);
    EXPECT(static_cast<size_t>(info.st_blocks) * 512 >= kSize);
    close(fd);
  }
}

TEST("zone file: a folder that is not there, or that we may not write, is the system's error") {
  Folder folder;
  User user(folder / "none/zone");
  EXPECT_EQ(user.Open(), "open: " + ErrorText(ENOENT));
}

TEST("zone file: a file system without nameless files is served by a temporary name") {
  Folder folder;
  ZoneFile first(folder / "zone"), second(folder / "zone");
  first.PretendNoTmpfileForTest();
  second.PretendNoTmpfileForTest();
  EXPECT(first.Create(kSize).ok());
  EXPECT(second.Create(kSize).ok());
  EXPECT(first.Publish().ok());
  EXPECT_EQ(second.Publish().code, EEXIST);
  second.Close();
  EXPECT_EQ(folder.Listing(), "zone");
  EXPECT(second.Create(kSize).ok());
  EXPECT(second.Replace().ok());
  EXPECT_EQ(first.Share().code, ESTALE);
  EXPECT(second.Share().ok());
  EXPECT_EQ(folder.Listing(), "zone");
}

TEST("zone file: opening waits for whoever is putting the file in order, and takes what it has become") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  user.Close();
  ZoneFile held(folder / "zone"), replacement(folder / "zone");
  EXPECT(held.Open().ok() && held.is_exclusive());
  std::atomic<bool> opened(false);
  std::thread other([&] {
    EXPECT_EQ(user.Open(), "\"" + user.request.path + "\" is not a limit_req zone");
    opened = true;
  });
  SleepMs(20);
  EXPECT(!opened);
  EXPECT(replacement.Create(kSize).ok());
  EXPECT(replacement.Replace().ok());
  held.Close();
  EXPECT(replacement.Share().ok());
  other.join();
}

// ---- time ----

constexpr int64_t kMinute = 60000;

// As after a reboot: `monotonic_ms` is small again, and so much time has gone by.
void Reboot(User& user, int64_t gone_ms) {
  user.Close();
  user.now.boot[0]++;
  user.now.monotonic_ms = 5000;
  user.now.wall_ms += gone_ms;
}

TEST("zone clock: over a reboot as much time goes by as the wall clock says") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 10000);
  for (int reboot = 0; reboot < 3; ++reboot) {
    Reboot(user, 2000);
    EXPECT_EQ(user.Open(), "");
    EXPECT(user.opened.origin == ZoneFileOrigin::kRecovered);
    EXPECT_EQ(user.Hit("key", 10000), 0);
    // Two seconds at one request per second, and this one.
    EXPECT_EQ(user.decision.excess, 10000 - 1000 * (reboot + 1));
  }
  // And on with the clock of this boot.
  user.now.monotonic_ms += 3000;
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 5000);
}

TEST("zone clock: a wall clock that was set is believed as of when it was noted") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
  user.now.wall_ms += 100 * kMinute;
  user.zone.clock().Note(user.now);
  Reboot(user, 1000);
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 10000);
}

TEST("zone clock: time does not run backwards when the wall clock has forgotten the year") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
  // Charged after the last note.
  user.now.monotonic_ms += 500;
  user.Hit("late", 0);
  Reboot(user, -50LL * 365 * 24 * 60 * kMinute);
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 10000), kRejected);
  EXPECT_EQ(user.Hit("late", 0), kRejected);
  user.now.monotonic_ms += 1000;
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.Hit("late", 0), 0);
}

TEST("zone clock: a process that dies between the steps of a recovery only leaves it to the next one") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i <= 10; ++i) user.Hit("key", 10000);
  Reboot(user, 1000);
  const pid_t probe = Fork([&] {
    ArmFaultPoint(0);
    return user.Open() == "" ? FaultPointCrossings() : 0;
  });
  const int status = Wait(probe);
  ASSERT(WIFEXITED(status) && WEXITSTATUS(status) > 5);
  // Each recovery of the list leaves the file as if it had not been, so one file serves for all.
  for (int crossing = 1; crossing <= WEXITSTATUS(status); ++crossing) {
    user.now.boot[0]++;
    user.now.wall_ms += 1;
    const pid_t child = Fork([&] {
      ArmFaultPoint(crossing);
      return user.Open() == "" ? 0 : 1;
    });
    EXPECT(WasKilled(Wait(child)));
  }
  Reboot(user, 1000);
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.zone.Check(), "");
  EXPECT_EQ(user.Hit("key", 10000), 0);
  EXPECT_EQ(user.decision.excess, 10000 - 1000 - WEXITSTATUS(status));
}

}  // namespace
}  // namespace test
}  // namespace sluice
