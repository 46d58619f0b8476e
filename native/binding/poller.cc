// A SocketPoll on the event loop, for JavaScript: its epoll descriptor is one handle of the loop, and whatever has
// happened on all sockets reaches JavaScript in one call, as records in an array that both sides share.
//
// A turn makes up to kRoundsPerTurn such calls, so that a socket with much to read has it read in several pieces, and
// JavaScript can pause it in between. If there is more after that, the loop runs its other handles first.

#include <node_api.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "binding/watcher.h"
#include "os/connect.h"
#include "os/socket_poll.h"

namespace sluice {
namespace {

constexpr int kRoundsPerTurn = 4;
constexpr int64_t kMaxPort = 65535;
constexpr size_t kRecordNumbers = sizeof(SocketPoll::Record) / sizeof(int32_t);

// What JavaScript lent us, looked up anew before each use: it could have detached the memory.
struct Lent {
  SocketPoll::Record* records = nullptr;
  size_t capacity = 0;
  char* buffer = nullptr;
  size_t size = 0;
};

class Poller : public Watcher {
 public:
  static napi_value Create(const Arguments& args) {
    auto* self = new Poller(args.env());
    const WatcherGuard guard(self);
    self->Unref();
    OsError error = self->poll_.Open();
    if (error.ok()) error = self->OpenPoll(&self->readable_, self->poll_.epoll_fd());
    if (error.ok()) error = self->OpenIdle(&self->more_);
    if (!error.ok()) {
      self->Close();
      return ThrowOsError(args.env(), error);
    }
    napi_create_reference(args.env(), args[0], 1, &self->buffer_);
    napi_create_reference(args.env(), args[1], 1, &self->records_);
    self->KeepCallback(0, args[2]);
    // The loop lives as long as there are sockets.
    uv_poll_start(&self->readable_, UV_READABLE, OnReadable);
    uv_unref(reinterpret_cast<uv_handle_t*>(&self->readable_));

    const napi_value object = self->MakeWatchObject();
    self->AddMethod(object, "add", AddSocketMethod);
    self->AddMethod(object, "connect", ConnectMethod);
    self->AddMethod(object, "fd", SlotMethod<&Poller::Descriptor>);
    self->AddMethod(object, "pause", SlotMethod<&Poller::Pause>);
    self->AddMethod(object, "resume", SlotMethod<&Poller::Resume>);
    self->AddMethod(object, "awaitWritable", SlotMethod<&Poller::AwaitWritable>);
    self->AddMethod(object, "shutdown", SlotMethod<&Poller::Shutdown>);
    self->AddMethod(object, "closeSocket", SlotMethod<&Poller::CloseSocket>);
    self->AddMethod(object, "resetSocket", SlotMethod<&Poller::ResetSocket>);
    return object;
  }

 private:
  explicit Poller(napi_env env) : Watcher(env) {}

  void OnClose() override {
    poll_.CloseAll();
    if (buffer_ != nullptr) napi_delete_reference(env(), buffer_);
    if (records_ != nullptr) napi_delete_reference(env(), records_);
    buffer_ = records_ = nullptr;
  }

  // add(fd): takes a connected, non-blocking socket. Its slot, or a negative errno.
  static napi_value AddSocketMethod(napi_env env, napi_callback_info info) {
    const Arguments args(env, info, "poller.add");
    auto* self = From<Poller>(env, info);
    int fd;
    if (!args.Fd(0, "fd", &fd)) return nullptr;
    return self->Added(fd, false);
  }

  // connect(address, port, local, localPort, keepalive)
  static napi_value ConnectMethod(napi_env env, napi_callback_info info) {
    const Arguments args(env, info, "poller.connect");
    auto* self = From<Poller>(env, info);
    ConnectRequest request;
    std::string local;
    if (!ReadAddress(args, 0, "address", "port", &request.peer) || !args.Text(2, "local", &local)) return nullptr;
    if (!local.empty() && !ReadAddress(args, 2, "local", "localPort", &request.local)) return nullptr;
    if (!args.BooleanOf(args[4], "keepalive", &request.keepalive)) return nullptr;
    request.has_local = !local.empty();
    int fd;
    if (const int code = StartConnection(request, &fd); code != 0) return MakeNumber(env, -code);
    return self->Added(fd, true);
  }

  // Text and port at `index` and behind it. A text with a slash is the path of a unix socket.
  static bool ReadAddress(const Arguments& args, size_t index, const char* name, const char* port_name,
                          KernelAddress* address) {
    std::string text;
    int32_t port;
    if (!args.Text(index, name, &text) || !args.Int32(index + 1, port_name, 0, kMaxPort, &port)) return false;
    const bool is_path = text.find('/') != std::string::npos;
    const int family = is_path ? AF_UNIX : text.find(':') != std::string::npos ? AF_INET6 : AF_INET;
    if (ParseAddress(family, text, static_cast<uint16_t>(port), address).ok()) return true;
    return args.Refuse(name, "an IP address, or a path that is not too long");
  }

  napi_value Added(int fd, bool connecting) {
    const int32_t slot = closed() ? -EBADF : poll_.Add(fd, connecting);
    if (slot < 0 && connecting) close(fd);
    if (slot >= 0 && poll_.count() == 1) uv_ref(reinterpret_cast<uv_handle_t*>(&readable_));
    return MakeNumber(env(), slot);
  }

  // A method whose only argument is a slot. What is no slot in use does nothing.
  template <napi_value (Poller::*method)(int32_t slot)>
  static napi_value SlotMethod(napi_env env, napi_callback_info info) {
    napi_value value;
    size_t count = 1;
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, &value, nullptr, &data);
    int32_t slot;
    if (napi_get_value_int32(env, value, &slot) != napi_ok) slot = -1;
    return (static_cast<Poller*>(static_cast<Watcher*>(data))->*method)(slot);
  }

  napi_value Descriptor(int32_t slot) { return MakeNumber(env(), poll_.DescriptorOf(slot)); }

  napi_value Pause(int32_t slot) {
    poll_.Pause(slot);
    return nullptr;
  }

  napi_value Resume(int32_t slot) {
    poll_.Resume(slot);
    // Within a turn its end will see to it.
    if (!in_turn_) ScheduleMore();
    return nullptr;
  }

  napi_value AwaitWritable(int32_t slot) {
    poll_.AwaitWritable(slot);
    return nullptr;
  }

  napi_value Shutdown(int32_t slot) {
    shutdown(poll_.DescriptorOf(slot), SHUT_WR);
    return nullptr;
  }

  napi_value CloseSocket(int32_t slot) {
    const size_t before = poll_.count();
    poll_.Close(slot);
    if (before == 1 && poll_.count() == 0 && !closed()) uv_unref(reinterpret_cast<uv_handle_t*>(&readable_));
    return nullptr;
  }

  napi_value ResetSocket(int32_t slot) {
    const linger now = {1, 0};
    setsockopt(poll_.DescriptorOf(slot), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return CloseSocket(slot);
  }

  static void OnReadable(uv_poll_t* handle, int /*status*/, int /*events*/) {
    auto* self = From<Poller>(handle);
    const WatcherGuard guard(self);
    self->poll_.Wait();
    self->Turn();
  }

  static void OnIdle(uv_idle_t* handle) {
    auto* self = From<Poller>(handle);
    const WatcherGuard guard(self);
    self->Turn();
  }

  void Turn() {
    in_turn_ = true;
    CallbackTurn turn(environment());
    for (int round = 0; round < kRoundsPerTurn && !closed() && poll_.pending(); round++) {
      const Lent lent = Lend();
      if (lent.records == nullptr || lent.buffer == nullptr) break;
      const size_t count = poll_.Collect(lent.records, lent.capacity, lent.buffer, lent.size);
      if (count == 0) continue;
      const HandleScope scope(env());
      const napi_value value = MakeNumber(env(), static_cast<double>(count));
      if (!turn.Call(Callback(0), 1, &value)) break;
    }
    in_turn_ = false;
    ScheduleMore();
  }

  // Has the loop come back at once while something waits.
  void ScheduleMore() {
    if (closed() || poll_.pending() == is_scheduled_) return;
    is_scheduled_ = poll_.pending();
    if (is_scheduled_) {
      uv_idle_start(&more_, OnIdle);
    } else {
      uv_idle_stop(&more_);
    }
  }

  Lent Lend() const {
    Lent lent;
    napi_value value = nullptr;
    void* elements = nullptr;
    size_t length = 0;
    napi_get_reference_value(env(), records_, &value);
    napi_get_typedarray_info(env(), value, nullptr, &length, &elements, nullptr, nullptr);
    lent.capacity = length / kRecordNumbers;
    if (lent.capacity >= SocketPoll::kMinRecords) lent.records = static_cast<SocketPoll::Record*>(elements);
    napi_get_reference_value(env(), buffer_, &value);
    napi_get_buffer_info(env(), value, &elements, &lent.size);
    if (lent.size >= SocketPoll::kReadBytes) lent.buffer = static_cast<char*>(elements);
    return lent;
  }

  SocketPoll poll_;
  napi_ref buffer_ = nullptr;
  napi_ref records_ = nullptr;
  bool in_turn_ = false;
  bool is_scheduled_ = false;
  uv_poll_t readable_;
  uv_idle_t more_;
};

napi_value JsCreatePoller(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "createPoller");
  void* elements;
  size_t length;
  if (!args.TypedArrayOf(args[0], "buffer", napi_uint8_array, SocketPoll::kReadBytes, &elements, &length) ||
      !args.TypedArrayOf(args[1], "records", napi_int32_array, SocketPoll::kMinRecords * kRecordNumbers, &elements,
                         &length) ||
      !args.Function(2, "onRecords")) {
    return nullptr;
  }
  return Poller::Create(args);
}

}  // namespace

void ExportPoller(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createPoller", JsCreatePoller, nullptr);
}

}  // namespace sluice
