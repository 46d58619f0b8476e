// Channels for JavaScript: making them, writing one message, and watchers that deliver every message as one call. All
// messages that one turn of the loop finds are delivered inside one callback scope.

#include <unistd.h>

#include <cerrno>
#include <string>

#include "binding/arguments.h"
#include "binding/exports.h"
#include "binding/values.h"
#include "binding/watcher.h"
#include "os/channel.h"

namespace sluice {
namespace {

// A peer that writes without pause must not keep this loop from its other work. What is left is reported again.
constexpr int kMessagesPerTurn = 64;

class ChannelWatcher : public Watcher {
 public:
  static napi_value Start(const Arguments& args, int fd) {
    auto* self = new ChannelWatcher(args.env(), fd);
    const WatcherGuard guard(self);
    self->Unref();
    return self->Start(args[1], args[2]);
  }

 private:
  enum { kOnMessage, kOnEnd };

  ChannelWatcher(napi_env env, int fd) : Watcher(env), fd_(fd) {}

  napi_value Start(napi_value on_message, napi_value on_end) {
    if (OsError error = OpenPoll(&poll_, fd_); !error.ok()) {
      Close();
      return ThrowOsError(env(), error);
    }
    KeepCallback(kOnMessage, on_message);
    KeepCallback(kOnEnd, on_end);
    uv_poll_start(&poll_, UV_READABLE, OnReadable);
    return MakeWatchObject();
  }

  static void OnReadable(uv_poll_t* poll, int status, int /*events*/) {
    auto* self = From<ChannelWatcher>(poll);
    const WatcherGuard guard(self);
    self->ReadAll(status);
  }

  // A negative `status` means that uv saw an error on the socket and has stopped polling. What is queued can be read
  // still, and recvmsg then tells the error itself.
  void ReadAll(int status) {
    CallbackTurn turn(environment());
    for (int i = 0; i < kMessagesPerTurn && !closed(); i++) {
      ChannelMessage message;
      std::string error;
      switch (ReadChannel(fd_, &message, &error)) {
        case ChannelRead::kMessage:
          Deliver(&turn, message);
          break;
        case ChannelRead::kEmpty:
          if (status < 0) End(&turn, "poll failed on the channel");
          return;
        case ChannelRead::kEnd:
          return End(&turn, "");
        case ChannelRead::kError:
          return End(&turn, error);
      }
    }
    if (status < 0 && !closed()) uv_poll_start(&poll_, UV_READABLE, OnReadable);
  }

  void Deliver(CallbackTurn* turn, const ChannelMessage& message) {
    const HandleScope scope(env());
    const napi_value values[] = {MakeNumber(env(), message.command), MakeNumber(env(), message.pid),
                                 MakeNumber(env(), message.slot), MakeNumber(env(), message.fd)};
    const bool delivered = turn->Call(Callback(kOnMessage), 4, values);
    if (!delivered && message.fd >= 0) close(message.fd);
  }

  void End(CallbackTurn* turn, const std::string& error) {
    const napi_value on_end = Callback(kOnEnd);
    const napi_value text = error.empty() ? MakeUndefined(env()) : MakeText(env(), error);
    Close();
    turn->Call(on_end, 1, &text);
  }

  int fd_;
  uv_poll_t poll_;
};

class EndWatcher : public Watcher {
 public:
  static napi_value Start(const Arguments& args, int fd) {
    auto* self = new EndWatcher(args.env(), fd);
    const WatcherGuard guard(self);
    self->Unref();
    if (OsError error = self->OpenPoll(&self->poll_, fd); !error.ok()) {
      self->Close();
      return ThrowOsError(args.env(), error);
    }
    self->KeepCallback(0, args[1]);
    uv_poll_start(&self->poll_, UV_READABLE, OnReadable);
    return self->MakeWatchObject();
  }

 private:
  EndWatcher(napi_env env, int fd) : Watcher(env), fd_(fd) {}

  static void OnReadable(uv_poll_t* poll, int status, int /*events*/) {
    auto* self = From<EndWatcher>(poll);
    if (!ReachedEnd(self->fd_) && status >= 0) return;
    const WatcherGuard guard(self);
    CallbackTurn turn(self->environment());
    const napi_value on_end = self->Callback(0);
    self->Close();
    turn.Call(on_end, 0, nullptr);
  }

  int fd_;
  uv_poll_t poll_;
};

napi_value JsCreateChannel(napi_env env, napi_callback_info /*info*/) {
  int ends[2];
  if (OsError error = CreateChannel(ends); !error.ok()) return ThrowOsError(env, error);
  napi_value pair = nullptr;
  napi_create_array_with_length(env, 2, &pair);
  napi_set_element(env, pair, 0, MakeNumber(env, ends[0]));
  napi_set_element(env, pair, 1, MakeNumber(env, ends[1]));
  return pair;
}

napi_value JsWriteChannel(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "writeChannel");
  int fd;
  ChannelMessage message;
  if (!args.Fd(0, "fd", &fd) || !args.Int32(1, "command", INT32_MIN, INT32_MAX, &message.command) ||
      !args.Int32(2, "pid", INT32_MIN, INT32_MAX, &message.pid) ||
      !args.Int32(3, "slot", INT32_MIN, INT32_MAX, &message.slot) ||
      !args.Int32(4, "passFd", -1, INT32_MAX, &message.fd)) {
    return nullptr;
  }
  const OsError error = WriteChannel(fd, message);
  if (!error.ok() && error.code != EAGAIN) return ThrowOsError(env, error);
  return MakeBoolean(env, error.ok());
}

napi_value JsPeerUser(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "peerUser");
  int fd;
  if (!args.Fd(0, "fd", &fd)) return nullptr;
  uint32_t user;
  if (OsError error = PeerUser(fd, &user); !error.ok()) return ThrowOsError(env, error);
  return MakeNumber(env, user);
}

napi_value JsWatchChannel(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "watchChannel");
  int fd;
  if (!args.Fd(0, "fd", &fd) || !args.Function(1, "onMessage") || !args.Function(2, "onEnd")) return nullptr;
  return ChannelWatcher::Start(args, fd);
}

napi_value JsWatchEnd(napi_env env, napi_callback_info info) {
  const Arguments args(env, info, "watchEnd");
  int fd;
  if (!args.Fd(0, "fd", &fd) || !args.Function(1, "onEnd")) return nullptr;
  return EndWatcher::Start(args, fd);
}

}  // namespace

void ExportChannel(napi_env env, napi_value exports) {
  SetFunction(env, exports, "createChannel", JsCreateChannel, nullptr);
  SetFunction(env, exports, "writeChannel", JsWriteChannel, nullptr);
  SetFunction(env, exports, "peerUser", JsPeerUser, nullptr);
  SetFunction(env, exports, "watchChannel", JsWatchChannel, nullptr);
  SetFunction(env, exports, "watchEnd", JsWatchEnd, nullptr);
}

}  // namespace sluice
