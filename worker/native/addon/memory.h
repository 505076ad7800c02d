// Native memory: counted where tensors allocate it, reported to V8's collector.
#pragma once

#include "call.h"

namespace anneal {

// Puts a counting allocator in front of libtorch's, and stops glibc from giving memory back between
// steps. Once a process.
void prepare_memory();

// Tells V8 how the bytes in tensors changed since the last report. Called when the outermost scope
// ends, not for each tensor: release is explicit, so the collector needs the trend only.
void report_to_collector(const Call& call);

} // namespace anneal
