// Settings of the whole process, and how errors become JavaScript's.

#include <ATen/Parallel.h>

#include "exports.h"

namespace anneal {

napi_value threads(Call& call) {
  return call.number(at::get_num_threads());
}

napi_value set_threads(Call& call) {
  const int32_t count = call.integer(0);
  TORCH_CHECK(count >= 1, "the number of threads is ", count, "; it must be 1 or more");
  at::set_num_threads(count);
  return call.undefined();
}

// onError((operator, message, detail, outOfMemory) => Error) makes the errors that the addon
// throws.
napi_value on_error(Call& call) {
  if (call.environment.make_error != nullptr) {
    napi_delete_reference(call.env, call.environment.make_error);
  }
  check(napi_create_reference(call.env, call.arguments[0], 1, &call.environment.make_error),
        "a function");
  return call.undefined();
}

} // namespace anneal
