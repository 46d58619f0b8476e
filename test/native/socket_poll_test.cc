// SocketPoll over socket pairs and loopback connections: what is told, when, and that nothing is told twice.

#include "os/socket_poll.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "os/connect.h"
#include "os/listening_socket.h"
#include "test.h"

namespace sluice {
namespace {

constexpr size_t kBufferBytes = 4 * SocketPoll::kReadBytes;

// A poll with its buffer, and what the last round told.
struct Loop {
  SocketPoll poll;
  std::vector<char> buffer = std::vector<char>(kBufferBytes);
  std::vector<SocketPoll::Record> records;

  explicit Loop(size_t capacity = 64) : records(capacity), capacity_(capacity) { EXPECT(poll.Open().ok()); }

  // One round: events that are there, and one collection.
  const std::vector<SocketPoll::Record>& Round() {
    poll.Wait();
    return Collect();
  }
  const std::vector<SocketPoll::Record>& Collect() {
    records.resize(capacity_);
    records.resize(poll.Collect(records.data(), capacity_, buffer.data(), buffer.size()));
    return records;
  }
  std::string Text(const SocketPoll::Record& record) const {
    return std::string(buffer.data() + record.offset, static_cast<size_t>(record.length));
  }

 private:
  size_t capacity_;
};

// Both ends of a socket pair: `theirs` is closed by the destructor, `ours` belongs to a poll.
struct Pair {
  int ours = -1;
  int theirs = -1;

  Pair() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    ours = ends[0];
    theirs = ends[1];
  }
  ~Pair() { CloseTheirs(); }
  void Write(const std::string& text) const {
    EXPECT_EQ(send(theirs, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  void CloseTheirs() {
    if (theirs >= 0) close(theirs);
    theirs = -1;
  }
};

bool IsOpen(int fd) { return fcntl(fd, F_GETFD) >= 0; }

}  // namespace

TEST("a socket poll tells what came, once") {
  Loop loop;
  const Pair pair;
  const int32_t slot = loop.poll.Add(pair.ours, false);
  ASSERT(slot >= 0);
  EXPECT_EQ(loop.poll.DescriptorOf(slot), pair.ours);
  EXPECT_EQ(loop.Round().size(), size_t{0});
  pair.Write("hello");
  ASSERT(loop.Round().size() == 1);
  EXPECT_EQ(loop.records[0].slot, slot);
  EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kData});
  EXPECT_EQ(loop.Text(loop.records[0]), "hello");
  EXPECT_EQ(loop.Round().size(), size_t{0});
  pair.Write("again");
  ASSERT(loop.Round().size() == 1);
  EXPECT_EQ(loop.Text(loop.records[0]), "again");
}

TEST("a socket poll reads several sockets into one buffer") {
  Loop loop;
  const Pair a;
  const Pair b;
  loop.poll.Add(a.ours, false);
  loop.poll.Add(b.ours, false);
  a.Write("from a");
  b.Write("from b");
  ASSERT(loop.Round().size() == 2);
  EXPECT_EQ(loop.Text(loop.records[0]) + loop.Text(loop.records[1]), "from afrom b");
}

TEST("a socket poll tells the last bytes, then the end, then nothing") {
  Loop loop;
  Pair pair;
  loop.poll.Add(pair.ours, false);
  pair.Write("bye");
  pair.CloseTheirs();
  ASSERT(loop.Round().size() == 1);
  EXPECT_EQ(loop.Text(loop.records[0]), "bye");
  EXPECT(loop.poll.pending());
  ASSERT(loop.Collect().size() == 1);
  EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kEnd});
  EXPECT_EQ(loop.Round().size(), size_t{0});
  EXPECT(!loop.poll.pending());
}

TEST("a half-closed socket of a poll can still be written to") {
  Loop loop;
  const Pair pair;
  const int32_t slot = loop.poll.Add(pair.ours, false);
  shutdown(pair.theirs, SHUT_WR);
  ASSERT(loop.Round().size() == 1);
  EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kEnd});
  EXPECT_EQ(send(loop.poll.DescriptorOf(slot), "x", 1, 0), ssize_t{1});
}

TEST("a paused socket of a poll keeps what was announced") {
  Loop loop;
  const Pair pair;
  const int32_t slot = loop.poll.Add(pair.ours, false);
  loop.poll.Pause(slot);
  pair.Write("early");
  EXPECT_EQ(loop.Round().size(), size_t{0});
  EXPECT(!loop.poll.pending());
  loop.poll.Resume(slot);
  EXPECT(loop.poll.pending());
  ASSERT(loop.Collect().size() == 1);
  EXPECT_EQ(loop.Text(loop.records[0]), "early");
  // Paused while it waits for its turn.
  pair.Write("late");
  loop.poll.Wait();
  loop.poll.Pause(slot);
  EXPECT_EQ(loop.Collect().size(), size_t{0});
  loop.poll.Resume(slot);
  ASSERT(loop.Collect().size() == 1);
  EXPECT_EQ(loop.Text(loop.records[0]), "late");
}

TEST("a socket poll reads a full socket in pieces, others in between") {
  Loop loop;
  const Pair large;
  const Pair small;
  const int size = 4 * 1024 * 1024;
  setsockopt(large.theirs, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  const int32_t slot = loop.poll.Add(large.ours, false);
  loop.poll.Add(small.ours, false);
  size_t written = 0;
  const std::string piece(10'000, 'x');
  while (written < 150'000) {
    const ssize_t sent = send(large.theirs, piece.data(), piece.size(), MSG_NOSIGNAL);
    ASSERT(sent > 0);
    written += static_cast<size_t>(sent);
  }
  small.Write("small");
  size_t received = 0;
  size_t in_first_round = 0;
  bool small_came = false;
  for (int round = 0; round < 100 && received < written; round++) {
    loop.Round();
    for (const auto& record : loop.records) {
      EXPECT_EQ(record.kind, int32_t{SocketPoll::kData});
      if (record.slot == slot) {
        received += static_cast<size_t>(record.length);
      } else {
        small_came = true;
      }
    }
    if (round == 0) {
      in_first_round = received;
      EXPECT(small_came);
    }
  }
  EXPECT(in_first_round <= SocketPoll::kReadBytes);
  EXPECT_EQ(received, written);
}

TEST("a socket poll with a short list tells all in several rounds") {
  Loop loop(2);
  const Pair pairs[5];
  for (const Pair& pair : pairs) {
    loop.poll.Add(pair.ours, false);
    pair.Write("x");
  }
  loop.poll.Wait();
  size_t told = 0;
  for (int round = 0; round < 10 && loop.poll.pending(); round++) told += loop.Collect().size();
  EXPECT_EQ(told, size_t{5});
}

TEST("a closed socket of a poll is closed, and its slot rests until the next round") {
  Loop loop;
  const Pair a;
  const Pair b;
  const int32_t slot = loop.poll.Add(a.ours, false);
  EXPECT_EQ(loop.poll.count(), size_t{1});
  a.Write("never told");
  loop.poll.Wait();
  loop.poll.Close(slot);
  loop.poll.Close(slot);
  EXPECT(!IsOpen(a.ours));
  EXPECT_EQ(loop.poll.count(), size_t{0});
  EXPECT_EQ(loop.poll.DescriptorOf(slot), -1);
  const int32_t other = loop.poll.Add(b.ours, false);
  EXPECT(other != slot);
  EXPECT_EQ(loop.Collect().size(), size_t{0});
  const Pair c;
  EXPECT_EQ(loop.poll.Add(c.ours, false), slot);
  // The first one's place in the queue is not the new one's.
  EXPECT_EQ(loop.Round().size(), size_t{0});
  c.Write("new");
  ASSERT(loop.Round().size() == 1);
  EXPECT_EQ(loop.Text(loop.records[0]), "new");
}

TEST("late events of a former socket are not those of the next one in its slot") {
  Loop loop;
  const Pair a;
  const Pair b;
  const int32_t slot = loop.poll.Add(a.ours, false);
  // Another descriptor keeps the socket open, and epoll goes on to report it.
  const int copy = dup(a.ours);
  loop.poll.Close(slot);
  loop.Collect();
  ASSERT(loop.poll.Add(b.ours, false) == slot);
  a.Write("late");
  EXPECT_EQ(loop.Round().size(), size_t{0});
  EXPECT(!loop.poll.pending());
  close(copy);
}

TEST("a socket poll tells when a full socket can be written to again") {
  Loop loop;
  const Pair pair;
  const int32_t slot = loop.poll.Add(pair.ours, false);
  const std::string piece(64 * 1024, 'x');
  for (int round = 0; round < 3; round++) {
    while (send(pair.ours, piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    }
    loop.poll.AwaitWritable(slot);
    EXPECT_EQ(loop.Round().size(), size_t{0});
    std::vector<char> sink(64 * 1024);
    while (recv(pair.theirs, sink.data(), sink.size(), 0) > 0) {
    }
    ASSERT(loop.Round().size() == 1);
    EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kWritable});
    EXPECT_EQ(loop.Round().size(), size_t{0});
  }
}

TEST("a writer who waits is told that the connection is gone") {
  Loop loop;
  Pair pair;
  const int32_t slot = loop.poll.Add(pair.ours, false);
  loop.poll.Pause(slot);
  const std::string piece(64 * 1024, 'x');
  while (send(pair.ours, piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
  }
  loop.poll.AwaitWritable(slot);
  EXPECT_EQ(loop.Round().size(), size_t{0});
  pair.CloseTheirs();
  ASSERT(loop.Round().size() == 1);
  EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kWritable});
}

namespace {

// A listener on 127.0.0.1, and requests to connect to it.
struct Listener {
  int fd = -1;
  ConnectRequest request;

  Listener() {
    EXPECT(OpenListeningSocket({AF_INET, "127.0.0.1", 0, 16, false, false}, &fd).ok());
    EXPECT(SocketName(fd, &request.peer).ok());
  }
  ~Listener() { Close(); }
  void Close() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
};

// Rounds until one tells something; the connection is made by the kernel, at its time.
bool RoundUntilTold(Loop* loop) {
  for (int i = 0; i < 5000; i++) {
    if (!loop->Round().empty()) return true;
    usleep(1000);
  }
  return false;
}

}  // namespace

TEST("a connection that is made is told, then what comes on it") {
  Loop loop;
  const Listener listener;
  int fd;
  ASSERT(StartConnection(listener.request, &fd) == 0);
  const int32_t slot = loop.poll.Add(fd, true);
  ASSERT(RoundUntilTold(&loop));
  EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kConnected});
  const int peer = accept(listener.fd, nullptr, nullptr);
  EXPECT_EQ(send(peer, "hi", 2, MSG_NOSIGNAL), ssize_t{2});
  ASSERT(RoundUntilTold(&loop));
  EXPECT_EQ(loop.Text(loop.records[0]), "hi");
  // A reset is an error of reading.
  const linger now = {1, 0};
  setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(peer);
  ASSERT(RoundUntilTold(&loop));
  EXPECT_EQ(loop.records[0].slot, slot);
  EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kError});
  EXPECT_EQ(loop.records[0].offset, ECONNRESET);
}

TEST("a connection that is refused is told as an error, once") {
  Loop loop;
  Listener listener;
  listener.Close();
  int fd;
  ASSERT(StartConnection(listener.request, &fd) == 0);
  loop.poll.Add(fd, true);
  ASSERT(RoundUntilTold(&loop));
  EXPECT_EQ(loop.records[0].kind, int32_t{SocketPoll::kError});
  EXPECT_EQ(loop.records[0].offset, ECONNREFUSED);
  EXPECT_EQ(loop.Round().size(), size_t{0});
}

TEST("a connection comes from the address it was bound to") {
  const Listener listener;
  ConnectRequest request = listener.request;
  ASSERT(ParseAddress(AF_INET, "127.0.0.9", 0, &request.local).ok());
  request.has_local = true;
  int fd;
  ASSERT(StartConnection(request, &fd) == 0);
  KernelAddress peer;
  const int accepted = accept(listener.fd, &peer.any, &peer.length);
  char text[kMaxAddressText];
  FormatAddress(peer, text);
  EXPECT_EQ(std::string(text), "127.0.0.9");
  close(accepted);
  close(fd);
  // One that is not ours.
  ASSERT(ParseAddress(AF_INET, "192.0.2.1", 0, &request.local).ok());
  EXPECT_EQ(StartConnection(request, &fd), EADDRNOTAVAIL);
}

TEST("a socket poll that ends closes its sockets") {
  const Pair pair;
  {
    SocketPoll poll;
    ASSERT(poll.Open().ok());
    poll.Add(pair.ours, false);
  }
  EXPECT(!IsOpen(pair.ours));
}

TEST("a socket poll refuses what cannot be watched") {
  Loop loop;
  EXPECT_EQ(loop.poll.Add(999'999, false), -EBADF);
  EXPECT_EQ(loop.poll.count(), size_t{0});
  loop.poll.Pause(7);
  loop.poll.Resume(-1);
  loop.poll.AwaitWritable(0);
  loop.poll.Close(0);
  EXPECT_EQ(loop.Round().size(), size_t{0});
}

}  // namespace sluice
