// See socket_poll.h.

#include "os/socket_poll.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {
namespace {

constexpr int kEventsPerWait = 256;
constexpr uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;

// The generation in front of the slot.
uint64_t NameOf(int32_t slot, uint32_t generation) {
  return (uint64_t{generation} << 32) | static_cast<uint32_t>(slot);
}

int PendingError(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

// recv(2) without libc's bookkeeping for threads that could be cancelled within: nobody cancels threads here.
ssize_t Receive(int fd, char* buffer, size_t size) {
  ssize_t received;
  do {
    received = syscall(SYS_recvfrom, fd, buffer, size, 0, nullptr, nullptr);
  } while (received < 0 && errno == EINTR);
  return received;
}

}  // namespace

SocketPoll::~SocketPoll() {
  CloseAll();
  if (epoll_ >= 0) close(epoll_);
}

OsError SocketPoll::Open() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return LastError("epoll_create1");
  return {};
}

SocketPoll::Socket* SocketPoll::Find(int32_t slot) {
  if (slot < 0 || static_cast<size_t>(slot) >= sockets_.size()) return nullptr;
  Socket* socket = &sockets_[static_cast<size_t>(slot)];
  return socket->fd < 0 ? nullptr : socket;
}

int SocketPoll::DescriptorOf(int32_t slot) const {
  if (slot < 0 || static_cast<size_t>(slot) >= sockets_.size()) return -1;
  return sockets_[static_cast<size_t>(slot)].fd;
}

int32_t SocketPoll::TakeSlot() {
  if (free_.empty()) {
    sockets_.emplace_back();
    return static_cast<int32_t>(sockets_.size() - 1);
  }
  const int32_t slot = free_.back();
  free_.pop_back();
  return slot;
}

int32_t SocketPoll::Add(int fd, bool connecting) {
  const int32_t slot = TakeSlot();
  Socket& socket = sockets_[static_cast<size_t>(slot)];
  // A client's socket is watched for writing when it first cannot take all, which most never come to.
  epoll_event event;
  event.events = connecting ? kReadEvents | EPOLLOUT : kReadEvents;
  event.data.u64 = NameOf(slot, ++socket.generation);
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) < 0) {
    const int code = errno;
    free_.push_back(slot);
    return -code;
  }
  socket.fd = fd;
  socket.flags = connecting ? kConnecting : 0;
  socket.watches_writes = connecting;
  count_++;
  return slot;
}

void SocketPoll::Pause(int32_t slot) {
  if (Socket* socket = Find(slot)) socket->flags |= kPaused;
}

void SocketPoll::Resume(int32_t slot) {
  Socket* socket = Find(slot);
  if (socket == nullptr) return;
  socket->flags = static_cast<uint8_t>(socket->flags & ~kPaused);
  if ((socket->flags & (kReadable | kOver)) == kReadable) Enqueue(slot, socket);
}

void SocketPoll::AwaitWritable(int32_t slot) {
  Socket* socket = Find(slot);
  if (socket == nullptr) return;
  socket->flags = static_cast<uint8_t>((socket->flags | kAwaitsWrite) & ~kWritableNow);
  if (socket->watches_writes) return;
  // Room that has come since the failed write is reported too: changing a registration looks at what is there.
  epoll_event event;
  event.events = kReadEvents | EPOLLOUT;
  event.data.u64 = NameOf(slot, socket->generation);
  socket->watches_writes = epoll_ctl(epoll_, EPOLL_CTL_MOD, socket->fd, &event) == 0;
}

void SocketPoll::Close(int32_t slot) {
  Socket* socket = Find(slot);
  if (socket == nullptr) return;
  // Its last descriptor takes it out of epoll.
  close(socket->fd);
  socket->fd = -1;
  socket->flags = 0;
  count_--;
  closed_.push_back(slot);
}

void SocketPoll::CloseAll() {
  for (size_t slot = 0; slot < sockets_.size(); slot++) Close(static_cast<int32_t>(slot));
}

void SocketPoll::Enqueue(int32_t slot, Socket* socket) {
  if ((socket->flags & kQueued) != 0) return;
  socket->flags |= kQueued;
  queue_.push_back(slot);
}

void SocketPoll::Wait() {
  epoll_event events[kEventsPerWait];
  int found;
  do {
    found = epoll_wait(epoll_, events, kEventsPerWait, 0);
  } while (found < 0 && errno == EINTR);
  for (int i = 0; i < found; i++) OnEvent(events[i]);
}

void SocketPoll::OnEvent(const epoll_event& event) {
  const auto slot = static_cast<int32_t>(event.data.u64 & 0xffffffff);
  Socket* socket = Find(slot);
  if (socket == nullptr || event.data.u64 != NameOf(slot, socket->generation)) return;
  const uint32_t events = event.events;
  const bool is_broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
  uint8_t flags = socket->flags;
  if (is_broken || (events & EPOLLRDHUP) != 0) flags |= kHangUp | kReadable;
  if ((events & EPOLLIN) != 0) flags |= kReadable;
  if ((is_broken || (events & EPOLLOUT) != 0) && (flags & (kAwaitsWrite | kConnecting)) != 0) flags |= kWritableNow;
  socket->flags = flags;
  const bool may_read = (flags & (kReadable | kPaused | kOver)) == kReadable;
  if (may_read || (flags & kWritableNow) != 0) Enqueue(slot, socket);
}

size_t SocketPoll::Collect(Record* records, size_t capacity, char* buffer, size_t size) {
  free_.insert(free_.end(), closed_.begin(), closed_.end());
  closed_.clear();
  Output out = {records, buffer, 0};
  visiting_.swap(queue_);
  size_t visited = 0;
  for (; visited < visiting_.size(); visited++) {
    const auto filled = static_cast<size_t>(out.record - records);
    if (capacity - filled < kMinRecords || size - out.used < kReadBytes) break;
    const int32_t slot = visiting_[visited];
    Socket* socket = Find(slot);
    if (socket == nullptr || (socket->flags & kQueued) == 0) continue;
    socket->flags = static_cast<uint8_t>(socket->flags & ~kQueued);
    if (CollectFrom(slot, socket, &out)) Enqueue(slot, socket);
  }
  // Whoever had no turn is ahead of those who had one.
  queue_.insert(queue_.begin(), visiting_.begin() + static_cast<std::ptrdiff_t>(visited), visiting_.end());
  visiting_.clear();
  return static_cast<size_t>(out.record - records);
}

bool SocketPoll::CollectFrom(int32_t slot, Socket* socket, Output* out) {
  if ((socket->flags & kConnecting) != 0) return FinishConnect(slot, socket, out);
  if ((socket->flags & kWritableNow) != 0) {
    socket->flags = static_cast<uint8_t>(socket->flags & ~(kWritableNow | kAwaitsWrite));
    *out->record++ = {slot, kWritable, 0, 0};
  }
  if ((socket->flags & (kReadable | kPaused | kOver)) != kReadable) return false;
  return Read(slot, socket, out);
}

bool SocketPoll::FinishConnect(int32_t slot, Socket* socket, Output* out) {
  if ((socket->flags & kWritableNow) == 0) return false;
  socket->flags = static_cast<uint8_t>(socket->flags & ~(kWritableNow | kConnecting));
  if (const int error = PendingError(socket->fd); error != 0) {
    socket->flags |= kOver;
    *out->record++ = {slot, kError, error, 0};
    return false;
  }
  *out->record++ = {slot, kConnected, 0, 0};
  return (socket->flags & (kReadable | kPaused)) == kReadable;
}

bool SocketPoll::Read(int32_t slot, Socket* socket, Output* out) {
  const ssize_t received = Receive(socket->fd, out->buffer + out->used, kReadBytes);
  if (received > 0) {
    *out->record++ = {slot, kData, static_cast<int32_t>(out->used), static_cast<int32_t>(received)};
    out->used += static_cast<size_t>(received);
    const bool may_have_more = static_cast<size_t>(received) == kReadBytes || (socket->flags & kHangUp) != 0;
    if (!may_have_more) socket->flags = static_cast<uint8_t>(socket->flags & ~kReadable);
    return may_have_more;
  }
  socket->flags = static_cast<uint8_t>(socket->flags & ~kReadable);
  if (received < 0 && errno == EAGAIN) return false;
  socket->flags |= kOver;
  *out->record++ = {slot, received == 0 ? kEnd : kError, received == 0 ? 0 : errno, 0};
  return false;
}

}  // namespace sluice
