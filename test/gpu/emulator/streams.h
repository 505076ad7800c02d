// Streams of the emulated devices. What is put on the default stream has run when the call returns.
// What another stream does while the host goes on (a copy, an exchange between devices) is done as
// late as a GPU might do it: when an event behind it is waited for, or the host waits. So work that
// nobody waits for is seen, and memory of a device that is given back too early.
#pragma once

#include <c10/core/Stream.h>

#include <cstdint>
#include <functional>

namespace emulator {

// Of this thread; the default stream at first.
c10::Stream current_stream(c10::Device device);
c10::Stream exchange_stream(c10::Stream stream);
// From the pool: one for each priority.
c10::Stream pool_stream(c10::Device device, bool is_high_priority);
inline bool is_default(c10::Stream stream) { return stream.id() == 0; }

// Bytes that lie in one piece on both sides.
void copy_later(c10::Stream stream, void* to, const void* from, size_t bytes);
// Something else that takes place on a stream. It may block; `is_ready` says whether it would not.
void run_later(c10::StreamId stream, std::function<bool()> is_ready, std::function<void()> run);

// An event is what was put on the stream before it. It is a number that fits into a pointer; 0 is
// one that has passed.
uint64_t event_on(c10::Stream stream);
void wait_for_event(uint64_t event);
// Whether it has passed. A GPU goes on by itself: what was put there a while ago and would not
// block is done now.
bool has_passed(uint64_t event);
// Makes all copies that were begun. Exchanges have a stream of their own, which the host does not
// wait for when it reads a value.
void make_copies();
// All of it.
void finish_streams();

// Memory that a stream reads or writes: it is not given to another tensor before that has happened.
void record_on_stream(const void* data, c10::Stream stream);
// Does what the memory is recorded for.
void settle_recorded(const void* data);

} // namespace emulator
