// The sockets of one event loop: watched by one epoll instance, read into one buffer. Collect() tells what has happened
// since the last call as a list of records, bytes included, so that a whole turn of the loop crosses into JavaScript
// once.
//
// Edge-triggered as in nginx: a socket is registered once, and asked again only for what an edge has announced. An
// announcement stays with the socket (kReadable, kWritable) until it has been used up, therefore pausing and resuming
// are no system calls:
//
//   edge ──> queue ──Collect──> read once ──> less than asked for: wait for the next edge
//              ^                   └────────> more may be there: back into the queue, behind all others
//              └── Resume, when an edge came meanwhile
//
// A socket is named by its slot. A slot that is closed is not given out again before the next Collect(): records that
// are still being worked through never speak of a newer socket.
// Not thread-safe: belongs to its loop.

#ifndef SLUICE_OS_SOCKET_POLL_H_
#define SLUICE_OS_SOCKET_POLL_H_

#include <sys/epoll.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "os/os_error.h"

namespace sluice {

class SocketPoll {
 public:
  // What one record says. The numbers are known to src/net/poller.ts.
  enum Kind : int32_t {
    kConnected = 0,  // connect() has succeeded
    kData = 1,       // `length` bytes at `offset` of the buffer
    kEnd = 2,        // the peer has shut its side; nothing more will be read
    kWritable = 3,   // after AwaitWritable: a write is worth trying again
    kError = 4,      // `offset` is an errno, of connect() or of a read; nothing more will come
  };
  struct Record {
    int32_t slot;
    int32_t kind;
    int32_t offset;
    int32_t length;
  };
  // Bytes asked for in one read.
  static constexpr size_t kReadBytes = 64 * 1024;
  // A socket may bring two records at a time.
  static constexpr size_t kMinRecords = 2;

  SocketPoll() = default;
  // Closes every socket that is still there.
  ~SocketPoll();
  SocketPoll(const SocketPoll&) = delete;
  SocketPoll& operator=(const SocketPoll&) = delete;

  OsError Open();
  // Readable when Wait() has something to find; -1 before Open().
  int epoll_fd() const { return epoll_; }

  // Takes the descriptor of a non-blocking socket; the slot, or a negative errno: then it is still the caller's.
  // `connecting`: connect() is under way.
  int32_t Add(int fd, bool connecting);
  // -1 for a slot that is not in use.
  int DescriptorOf(int32_t slot) const;
  // Nothing is read until Resume(); what an edge announces meanwhile is kept. Of a slot not in use: nothing happens.
  void Pause(int32_t slot);
  void Resume(int32_t slot);
  // Asks for one kWritable; after a write that the kernel did not take whole.
  void AwaitWritable(int32_t slot);
  // Forgets the socket and closes its descriptor.
  void Close(int32_t slot);
  void CloseAll();

  // Takes what epoll has now, without waiting.
  void Wait();
  // Fills `records` (kMinRecords at least) from the queue, reading into `buffer` (kReadBytes at least); the number of
  // records. Each socket is read once at most. 0 = nothing to tell.
  size_t Collect(Record* records, size_t capacity, char* buffer, size_t size);
  // Something waits for Collect().
  bool pending() const { return !queue_.empty(); }
  // Sockets now.
  size_t count() const { return count_; }

 private:
  enum Flag : uint8_t {
    kConnecting = 1,
    kReadable = 2,     // an edge has come that no read has used up
    kHangUp = 4,       // the peer has shut its side, or all is broken: read on to the end, also after short reads
    kWritableNow = 8,  // an edge has come that AwaitWritable or connect() wait for
    kAwaitsWrite = 16,
    kPaused = 32,
    kOver = 64,     // kEnd or kError has been told
    kQueued = 128,  // an entry of queue_ counts only with this flag: it may be left over from a former socket
  };
  struct Socket {
    int fd = -1;
    uint32_t generation = 0;  // tells late events of a former socket in this slot
    uint8_t flags = 0;
    bool watches_writes = false;
  };

  // Where Collect() writes.
  struct Output {
    Record* record;
    char* buffer;
    size_t used;
  };

  Socket* Find(int32_t slot);
  int32_t TakeSlot();
  void Enqueue(int32_t slot, Socket* socket);
  void OnEvent(const epoll_event& event);
  // Those of one socket, up to kMinRecords; true when it has more to tell.
  static bool CollectFrom(int32_t slot, Socket* socket, Output* out);
  static bool FinishConnect(int32_t slot, Socket* socket, Output* out);
  static bool Read(int32_t slot, Socket* socket, Output* out);

  int epoll_ = -1;
  size_t count_ = 0;
  std::vector<Socket> sockets_;
  std::vector<int32_t> free_;
  std::vector<int32_t> closed_;  // become free with the next Collect()
  std::vector<int32_t> queue_;
  std::vector<int32_t> visiting_;  // the queue that Collect() works through; a member so that its memory is kept
};

}  // namespace sluice

#endif  // SLUICE_OS_SOCKET_POLL_H_
