// Life of the per-env state, and calls from the event loop into JavaScript.

#include "binding/environment.h"

#include "binding/values.h"
#include "binding/watcher.h"

namespace sluice {

bool Environment::Create(napi_env env) {
  auto* environment = new Environment(env);
  napi_value resource = nullptr;
  const bool made = napi_get_uv_event_loop(env, &environment->loop_) == napi_ok &&
                    napi_create_object(env, &resource) == napi_ok &&
                    napi_async_init(env, resource, MakeText(env, "SLUICE"), &environment->async_context_) == napi_ok &&
                    napi_add_async_cleanup_hook(env, OnCleanup, environment, &environment->cleanup_hook_) == napi_ok &&
                    napi_set_instance_data(env, environment, OnFinalize, nullptr) == napi_ok;
  if (!made) napi_throw_error(env, nullptr, "sluice: the addon cannot be set up in this environment");
  return made;
}

Environment* Environment::Of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment*>(data);
}

void Environment::OnCleanup(napi_async_cleanup_hook_handle /*handle*/, void* data) {
  auto* self = static_cast<Environment*>(data);
  self->cleaning_up_ = true;
  while (self->watchers_ != nullptr) self->watchers_->Close();
  napi_async_destroy(self->env_, self->async_context_);
  if (self->open_handles_ == 0) self->CompleteCleanup();
}

void Environment::OnFinalize(napi_env /*env*/, void* data, void* /*hint*/) { static_cast<Environment*>(data)->Unref(); }

void Environment::CompleteCleanup() {
  napi_remove_async_cleanup_hook(cleanup_hook_);
  Unref();
}

void Environment::Unref() {
  if (--references_ == 0) delete this;
}

void Environment::HandleClosed() {
  open_handles_--;
  if (cleaning_up_ && open_handles_ == 0) CompleteCleanup();
}

void Environment::Link(Watcher* watcher) {
  watcher->next_ = watchers_;
  if (watchers_ != nullptr) watchers_->previous_ = watcher;
  watchers_ = watcher;
}

void Environment::Unlink(Watcher* watcher) {
  if (watcher->previous_ != nullptr) watcher->previous_->next_ = watcher->next_;
  if (watcher->next_ != nullptr) watcher->next_->previous_ = watcher->previous_;
  if (watchers_ == watcher) watchers_ = watcher->next_;
  watcher->next_ = watcher->previous_ = nullptr;
}

CallbackTurn::CallbackTurn(const Environment& environment) : env_(environment.env()), handles_(env_) {
  // The resource argument is ignored by Node where a context is given.
  napi_open_callback_scope(env_, nullptr, environment.async_context(), &scope_);
}

CallbackTurn::~CallbackTurn() {
  if (scope_ != nullptr) napi_close_callback_scope(env_, scope_);
}

bool CallbackTurn::Call(napi_value function, size_t count, const napi_value* values) {
  if (scope_ == nullptr) return false;
  const napi_status status = napi_call_function(env_, MakeUndefined(env_), function, count, values, nullptr);
  if (status == napi_ok) return true;

  bool pending = false;
  napi_is_exception_pending(env_, &pending);
  if (!pending) return false;
  napi_value exception = nullptr;
  napi_get_and_clear_last_exception(env_, &exception);
  napi_fatal_exception(env_, exception);
  return true;
}

}  // namespace sluice
