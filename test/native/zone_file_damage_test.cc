// Zone files that are not as they were left: refused, begun anew with a clear text, or repaired; never trusted.

#include <cstddef>
#include <string>
#include <vector>

#include "core/crc32.h"
#include "core/limit_req_shard.h"
#include "core/limit_window.h"
#include "test.h"
#include "zone_file_fixture.h"

namespace sluice {
namespace test {
namespace {

TEST("zone file: a damaged one is refused while in use, and else replaced by an empty one") {
  const struct {
    const char* problem;
    void (*damage)(int fd, ZoneHeader* header);
  } kCases[] = {
      {"was made by a version with another layout", [](int, ZoneHeader* header) { header->layout_version++; }},
      {"has 4096 bytes instead of 65536", [](int fd, ZoneHeader*) { EXPECT_EQ(ftruncate(fd, 4096), 0); }},
      {"has 65537 bytes instead of 65536", [](int fd, ZoneHeader*) { EXPECT_EQ(ftruncate(fd, kFileSize + 1), 0); }},
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
      const off_t at = static_cast<off_t>(random.Below(3) == 0 ? random.Below(512) : random.Below(kFileSize - 64));
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

std::vector<char> ReadFile(const std::string& path) {
  std::vector<char> bytes(kFileSize);
  const int fd = open(path.c_str(), O_RDONLY);
  if (fd < 0 || read(fd, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) abort();
  close(fd);
  return bytes;
}

constexpr int kSpentKeys = 40;

std::string SpentKey(int i) { return "spent" + std::to_string(i); }

// A file in which the share of every SpentKey is used up.
std::vector<char> SpentFile(User& user) {
  EXPECT_EQ(user.Open(), "");
  for (int i = 0; i < kSpentKeys; ++i) {
    while (user.Hit(SpentKey(i), 10000) == 0) {
    }
  }
  user.Close();
  return ReadFile(user.request.path);
}

// Opens the file with these bytes in another boot. How many of the keys are admitted; 0 if the zone is refused, or
// begun anew with a text that says why.
int AdmittedAfter(User& user, const std::vector<char>& bytes) {
  WriteFile(user.request.path, std::string(bytes.data(), bytes.size()));
  if (!user.Open().empty()) return 0;
  if (user.opened.origin == ZoneFileOrigin::kReplaced) {
    EXPECT(!user.opened.problem.empty());
    return 0;
  }
  int admitted = 0;
  for (int i = 0; i < kSpentKeys; ++i) admitted += user.Hit(SpentKey(i), 10000) >= 0;
  EXPECT_EQ(user.zone.Check(), "");
  return admitted;
}

TEST("zone file: a byte that is another one, wherever it lies, costs one key's state at most") {
  Folder folder("/dev/shm");
  User user(folder / "zone");
  const std::vector<char> good = SpentFile(user);
  EXPECT_EQ(AdmittedAfter(user, good), 0);
  user.Close();
  const size_t pages = user.zone.geometry().pages_offset;
  Random random(3);
  for (int boot = 0; boot < 2; ++boot) {
    user.now.boot[0] += static_cast<uint64_t>(boot);
    // All of what is not keys; of the rest, where there is something, some.
    for (size_t at = 0; at < kFileSize; at += at < 512 ? 1 : 1 + random.Below(at < pages ? 16 : 40)) {
      if (at >= pages && good[at] == 0 && random.Below(40) != 0) continue;
      std::vector<char> bad = good;
      bad[at] = static_cast<char>(bad[at] ^ (random.Below(2) == 0 ? 1 << random.Below(8) : 1 + random.Below(255)));
      const int admitted = AdmittedAfter(user, bad);
      if (admitted > 1) {
        Fail(__FILE__, __LINE__, std::to_string(admitted) + " keys are admitted after damage at " + std::to_string(at));
      }
      user.Close();
    }
  }
}

TEST("zone file: damage in the header is found whatever it is") {
  Folder folder("/dev/shm");
  User user(folder / "zone");
  const std::vector<char> good = SpentFile(user);
  for (size_t at = 0; at < offsetof(ZoneHeader, clock); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::vector<char> bad = good;
      bad[at] = static_cast<char>(bad[at] ^ 1 << bit);
      WriteFile(user.request.path, std::string(bad.data(), bad.size()));
      const std::string refusal = user.Open();
      // What is behind the check means nothing.
      if (at >= offsetof(ZoneHeader, reserved)) continue;
      EXPECT(!refusal.empty() || user.opened.origin == ZoneFileOrigin::kReplaced);
      user.Close();
    }
  }
}

TEST("zone file: a window that ends later than it can is ended in its time") {
  Folder folder;
  User user(folder / "zone");
  EXPECT_EQ(user.Open(), "");
  WindowState state;
  HitWindow(&user.zone, "damaged", 60000, 1000, {}, user.now.monotonic_ms, &state);
  HitWindow(&user.zone, "long", int64_t{1} << 40, 1000, {}, user.now.monotonic_ms, &state);
  const uint32_t hash = Crc32("damaged");
  ShardView view(&user.zone, hash, ShardView::kByHash);
  LimitReqNode* node = view.FindLocked(ZoneNode::kWindow, hash, "damaged").node;
  ASSERT(node != nullptr);
  node->stamp += int64_t{1} << 58;
  user.now.monotonic_ms += 1000;
  EXPECT_EQ(user.Open(), "");
  const WindowState damaged = GetWindow(&user.zone, "damaged", user.now.monotonic_ms);
  EXPECT_EQ(damaged.hits, 1000);
  EXPECT(damaged.reset_ms >= 59000 && damaged.reset_ms <= 60300);
  EXPECT_EQ(GetWindow(&user.zone, "long", user.now.monotonic_ms).reset_ms, (int64_t{1} << 40) - 1000);
}

}  // namespace
}  // namespace test
}  // namespace sluice
