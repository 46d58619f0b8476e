// Zones in files: whom a file is accepted from, creators that race, and locks.

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
#include "zone_file_fixture.h"

namespace sluice {
namespace test {
namespace {

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
  EXPECT_EQ(static_cast<size_t>(info.st_size), kFileSize);
  EXPECT(static_cast<size_t>(info.st_blocks) * 512 >= kFileSize);
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
  for (const std::string& content : {std::string(), std::string("precious"), std::string(kFileSize, 'x')}) {
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
    other.request = {user.request.path, kFileSize, "two", "$key"};
    EXPECT_EQ(other.Open(), "\"" + other.request.path + "\" is a zone of another name");
    other.request = {user.request.path, kFileSize, "one", "$uri"};
    EXPECT_EQ(other.Open(), "limit_req \"one\" uses the \"$uri\" key while previously it used the \"$key\" key");
    other.request = {user.request.path, 2 * kFileSize, "one", "$key"};
    EXPECT_EQ(other.Open(), "\"" + other.request.path + "\" has the size 65536 and not 131072");
    if (in_use) user.Close();
  }
  EXPECT_EQ(user.Open(), "");
  EXPECT_EQ(user.Hit("key", 0), kRejected);
}

TEST("zone file: memory that cannot be reserved is an error now and not a signal later") {
  Folder folder;
  const pid_t child = Fork([&] {
    const rlimit limit = {kFileSize / 2, kFileSize / 2};
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
    ASSERT(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kFileSize / 2, kFileSize / 2) == 0);
    struct stat info;
    ASSERT(fstat(fd, &info) == 0 && static_cast<size_t>(info.st_blocks) * 512 < kFileSize);
    EXPECT_EQ(user.Open(), "");
    ASSERT(fstat(fd, &info) == 0);
    EXPECT(static_cast<size_t>(info.st_blocks) * 512 >= kFileSize);
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
  EXPECT(first.Create(kFileSize).ok());
  EXPECT(second.Create(kFileSize).ok());
  EXPECT(first.Publish().ok());
  EXPECT_EQ(second.Publish().code, EEXIST);
  second.Close();
  EXPECT_EQ(folder.Listing(), "zone");
  EXPECT(second.Create(kFileSize).ok());
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
  EXPECT(replacement.Create(kFileSize).ok());
  EXPECT(replacement.Replace().ok());
  held.Close();
  EXPECT(replacement.Share().ok());
  other.join();
}

// ---- time ----

}  // namespace
}  // namespace test
}  // namespace sluice
