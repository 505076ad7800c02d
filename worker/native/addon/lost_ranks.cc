#include "lost_ranks.h"

#include <ATen/ops/empty.h>

namespace anneal {

namespace {
// No rank sends with it: what is received is the end of the connection.
constexpr int kTag = 0x7fffff00;
constexpr auto kForever = std::chrono::hours(24 * 365);
} // namespace

LostRanks::LostRanks(c10d::ProcessGroupGloo& gloo, int rank, int size, std::function<void(int)> lost) {
  for (int peer = 0; peer < size; peer++) {
    if (peer == rank)
      continue;
    std::vector<at::Tensor> byte{at::empty({1}, at::kByte)};
    const auto work = gloo.recv(byte, peer, kTag);
    waiting_.push_back(work);
    threads_.emplace_back([work, peer, lost] {
      try {
        work->wait(std::chrono::duration_cast<std::chrono::milliseconds>(kForever));
      } catch (const std::exception&) {
        lost(peer);
      }
    });
  }
}

LostRanks::~LostRanks() {
  for (const auto& work : waiting_)
    work->abort();
  for (std::thread& thread : threads_)
    thread.join();
}

} // namespace anneal
