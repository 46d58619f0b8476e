// Opening and closing of watchers, and their JavaScript side.

#include "binding/watcher.h"

#include "binding/values.h"

namespace sluice {

Watcher::Watcher(napi_env env) : environment_(Environment::Of(env)) { environment_->Link(this); }

OsError Watcher::OpenPoll(uv_poll_t* poll, int fd) {
  if (const int status = uv_poll_init(environment_->loop(), poll, fd); status != 0) return {-status, "uv_poll_init"};
  Own(reinterpret_cast<uv_handle_t*>(poll));
  return {};
}

OsError Watcher::OpenTimer(uv_timer_t* timer) {
  if (const int status = uv_timer_init(environment_->loop(), timer); status != 0) return {-status, "uv_timer_init"};
  Own(reinterpret_cast<uv_handle_t*>(timer));
  return {};
}

OsError Watcher::OpenIdle(uv_idle_t* idle) {
  if (const int status = uv_idle_init(environment_->loop(), idle); status != 0) return {-status, "uv_idle_init"};
  Own(reinterpret_cast<uv_handle_t*>(idle));
  return {};
}

void Watcher::Own(uv_handle_t* handle) {
  handle->data = this;
  handles_[handle_count_++] = handle;
  environment_->HandleOpened();
  Ref();
}

void Watcher::Close() {
  if (closed_) return;
  closed_ = true;
  const WatcherGuard guard(this);
  for (napi_ref& callback : callbacks_) {
    if (callback != nullptr) napi_delete_reference(env(), callback);
    callback = nullptr;
  }
  for (int i = 0; i < handle_count_; i++) uv_close(handles_[i], OnHandleClosed);
  OnClose();
  environment_->Unlink(this);
}

void Watcher::OnHandleClosed(uv_handle_t* handle) {
  auto* self = static_cast<Watcher*>(handle->data);
  Environment* environment = self->environment_;
  self->Unref();
  environment->HandleClosed();
}

void Watcher::KeepCallback(int index, napi_value function) {
  napi_create_reference(env(), function, 1, &callbacks_[index]);
}

napi_value Watcher::Callback(int index) const {
  napi_value function = nullptr;
  napi_get_reference_value(env(), callbacks_[index], &function);
  return function;
}

void Watcher::AddMethod(napi_value object, const char* name, napi_callback method) {
  napi_value function = nullptr;
  napi_create_function(env(), name, NAPI_AUTO_LENGTH, method, this, &function);
  Ref();
  const auto release = [](napi_env /*env*/, void* data, void* /*hint*/) { static_cast<Watcher*>(data)->Unref(); };
  napi_add_finalizer(env(), function, this, release, nullptr, nullptr);
  SetProperty(env(), object, name, function);
}

napi_value Watcher::CloseMethod(napi_env env, napi_callback_info info) {
  From<Watcher>(env, info)->Close();
  return MakeUndefined(env);
}

napi_value Watcher::MakeWatchObject() {
  napi_value object = nullptr;
  napi_create_object(env(), &object);
  AddMethod(object, "close", CloseMethod);
  return object;
}

}  // namespace sluice
