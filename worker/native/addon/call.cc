#include "call.h"

#include <c10/util/Exception.h>

#include <exception>

namespace anneal {

namespace {

struct Failure {
  std::string message; // one line
  std::string detail;  // the rest, with the C++ backtrace
  bool out_of_memory = false;
};

std::string first_line(const std::string& text) {
  const std::string line = text.substr(0, text.find('\n'));
  const size_t end = line.find_last_not_of(" .");
  return end == std::string::npos ? line : line.substr(0, end + 1);
}

Failure current_failure() noexcept {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    return {first_line(error.what_without_backtrace()), error.what(), true};
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    // The CPU allocator throws a plain error.
    return {first_line(text), error.what(),
            text.find("can't allocate memory") != std::string::npos};
  } catch (const std::bad_alloc& error) {
    return {"no memory is left", error.what(), true};
  } catch (const std::exception& error) {
    return {first_line(error.what()), error.what()};
  } catch (...) {
    return {"an unknown C++ exception was thrown", ""};
  }
}

napi_value to_string(napi_env env, const std::string& text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

napi_value plain_error(napi_env env, const std::string& message) {
  napi_value error = nullptr;
  napi_create_error(env, to_string(env, "ERR_TORCH"), to_string(env, message), &error);
  return error;
}

} // namespace

void throw_to_javascript(napi_env env, Environment& environment) noexcept {
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  const Failure failure = current_failure();
  const std::string operator_name = environment.running ? environment.running->name : "";
  environment.running = nullptr;
  environment.stack.clear();
  if (pending)
    return; // JavaScript's own, thrown by a getter that Node-API ran
  napi_value error = nullptr;
  if (environment.make_error != nullptr) {
    napi_value make_error, receiver, out_of_memory;
    napi_get_reference_value(env, environment.make_error, &make_error);
    napi_get_undefined(env, &receiver);
    napi_get_boolean(env, failure.out_of_memory, &out_of_memory);
    const napi_value arguments[] = {to_string(env, operator_name), to_string(env, failure.message),
                                    to_string(env, failure.detail), out_of_memory};
    if (napi_call_function(env, receiver, make_error, 4, arguments, &error) != napi_ok)
      return;
  } else {
    const std::string prefix = operator_name.empty() ? "" : operator_name + ": ";
    error = plain_error(env, prefix + failure.message);
  }
  napi_throw(env, error);
}

void check(napi_status status, const char* expected) {
  TORCH_CHECK(status == napi_ok, "expected ", expected);
}

int32_t Call::integer(size_t i) const {
  int32_t value = 0;
  check(napi_get_value_int32(env, arguments[i], &value), "an integer");
  return value;
}

int64_t Call::integer64(size_t i) const {
  int64_t value = 0;
  check(napi_get_value_int64(env, arguments[i], &value), "an integer");
  return value;
}

bool Call::boolean(size_t i) const {
  bool value = false;
  check(napi_get_value_bool(env, arguments[i], &value), "a boolean");
  return value;
}

std::string read_text(napi_env env, napi_value value) {
  size_t size = 0;
  check(napi_get_value_string_utf8(env, value, nullptr, 0, &size), "a string");
  std::string text(size, '\0');
  check(napi_get_value_string_utf8(env, value, text.data(), size + 1, &size), "a string");
  return text;
}

std::string Call::text(size_t i) const {
  return read_text(env, arguments[i]);
}

bool Call::is_nullish(size_t i) const {
  napi_valuetype type;
  check(napi_typeof(env, arguments[i], &type), "a value");
  return type == napi_undefined || type == napi_null;
}

const at::Tensor& Call::tensor(size_t i) const {
  return environment.handles.at(integer(i));
}

std::vector<int64_t> Call::integer_list(size_t i) const {
  uint32_t size = 0;
  check(napi_get_array_length(env, arguments[i], &size), "an array of integers");
  std::vector<int64_t> values(size);
  for (uint32_t k = 0; k < size; ++k) {
    napi_value element;
    check(napi_get_element(env, arguments[i], k, &element), "an array of integers");
    check(napi_get_value_int64(env, element, &values[k]), "an array of integers");
  }
  return values;
}

std::vector<Handle> Call::handle_list(size_t i) const {
  const std::vector<int64_t> values = integer_list(i);
  return {values.begin(), values.end()};
}

napi_value Call::handle_of(at::Tensor tensor) const {
  napi_value value;
  check(napi_create_int32(env, environment.handles.add(std::move(tensor)), &value), "a handle");
  return value;
}

napi_value Call::number(double value) const {
  napi_value result;
  check(napi_create_double(env, value, &result), "a number");
  return result;
}

void Call::set_number(napi_value object, const char* name, int64_t value) const {
  check(napi_set_named_property(env, object, name, number(static_cast<double>(value))), "an object");
}

napi_value Call::string(const std::string& value) const {
  napi_value result;
  check(napi_create_string_utf8(env, value.data(), value.size(), &result), "a string");
  return result;
}

} // namespace anneal
