// One call from JavaScript: its arguments read with checks, and the border where exceptions end.
#pragma once

#include <node_api.h>

#include <string>
#include <vector>

#include "environment.h"

namespace anneal {

constexpr size_t kMaxArguments = 32;

// Throws when Node-API says no.
void check(napi_status status, const char* expected);

std::string read_text(napi_env env, napi_value value);

struct Call {
  napi_env env;
  Environment& environment;
  size_t count;
  const napi_value* arguments;

  int32_t integer(size_t i) const;
  int64_t integer64(size_t i) const;
  bool boolean(size_t i) const;
  std::string text(size_t i) const;
  bool is_nullish(size_t i) const;
  const at::Tensor& tensor(size_t i) const;
  std::vector<Handle> handle_list(size_t i) const;
  std::vector<int64_t> integer_list(size_t i) const;

  napi_value handle_of(at::Tensor tensor) const;
  napi_value number(double value) const;
  void set_number(napi_value object, const char* name, int64_t value) const;
  napi_value string(const std::string& value) const;
  napi_value undefined() const { return nullptr; }
};

using Body = napi_value (*)(Call& call);

// Turns the exception in flight into a pending JavaScript error.
void throw_to_javascript(napi_env env, Environment& environment) noexcept;

// Node-API entry point around `body`. The environment travels as the function's data pointer.
template <Body body> napi_value entry(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  size_t count = kMaxArguments;
  napi_value arguments[kMaxArguments]; // Node-API fills what was not passed with undefined
  napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
  Environment& environment = *static_cast<Environment*>(data);
  try {
    Call call{env, environment, count, arguments};
    return body(call);
  } catch (...) {
    throw_to_javascript(env, environment);
    return nullptr;
  }
}

} // namespace anneal
