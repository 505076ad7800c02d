// Streams of the emulated devices. What is put on the default stream has run when the call returns.
// A copy that another stream makes while the host goes on is made as late as a GPU might make it:
// when an event behind it is waited for, or the host waits. So a copy that nobody waits for is
// seen, and memory of a device that is given back too early.
#pragma once

#include <c10/core/Stream.h>

#include <cstdint>

namespace emulator {

// Of this thread; the default stream at first.
c10::Stream current_stream(c10::Device device);
c10::Stream exchange_stream(c10::Stream stream);
c10::Stream copy_stream(c10::Device device);
inline bool is_default(c10::Stream stream) { return stream.id() == 0; }

// Bytes that lie in one piece on both sides.
void copy_later(int device, void* to, const void* from, size_t bytes);
// The number of copies so far, which an event on a stream remembers.
uint64_t copies_so_far(c10::Stream stream);
// Makes those up to this number; all of them by default.
void make_copies(uint64_t until = UINT64_MAX);

// Memory that a stream reads or writes: it is not given to another tensor before that has happened.
void record_on_stream(const void* data);
bool take_recorded(const void* data);

} // namespace emulator
