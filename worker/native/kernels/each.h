// Tasks for the threads of libtorch.
#pragma once

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <vector>

namespace anneal {

// Runs body(begin, end) for pieces of [0, count), so many at a time. A thread begins with a share
// of neighbors, the same each time, so that it finds in its cache what it made there; then it takes
// from the shares of others, because the cores of a shared machine are not equally fast.
template <class Body>
void each(int64_t count, int64_t together, const Body& body, int64_t most_threads = at::get_num_threads()) {
  const int64_t pieces = (count + together - 1) / together;
  const int64_t threads = std::min(pieces, most_threads);
  std::vector<std::atomic<int64_t>> next(static_cast<size_t>(threads));
  for (int64_t i = 0; i < threads; ++i) next[i] = pieces * i / threads;
  at::parallel_for(0, threads, 1, [&](int64_t own, int64_t) {
    for (int64_t i = own; i < own + threads; ++i) {
      const int64_t share = i % threads, end = pieces * (share + 1) / threads;
      for (int64_t piece = next[share]++; piece < end; piece = next[share]++)
        body(piece * together, std::min(count, (piece + 1) * together));
    }
  });
}

}  // namespace anneal
