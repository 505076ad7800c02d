// What one Node.js environment (the main thread or a worker thread) keeps: its tensors and the
// operators it looked up.
//
// Everything hangs on the environment, so the addon may be loaded by several threads. libtorch's
// own state (thread counts, allocator, registered operators) is the process's.
#pragma once

#include <node_api.h>

#include <string>
#include <vector>

#include "handles.h"
#include "operator.h"

namespace anneal {

struct Environment {
  HandleTable handles;
  std::vector<Operator> operators;
  torch::jit::Stack stack;           // reused by every call
  const Operator* running = nullptr; // named in errors
  napi_ref make_error = nullptr; // JavaScript's (operator, message, detail, outOfMemory) => Error
  int64_t reported_bytes = 0;    // what V8 was told that native memory holds
};

} // namespace anneal
