// Tells that the process of another rank is gone as soon as its connection is closed. A device that
// waits for what a rank should send would not hear of it.
#pragma once

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <functional>
#include <thread>
#include <vector>

namespace anneal {

class LostRanks {
 public:
  // `lost` is called with each rank whose connection is closed, by a thread of that rank.
  LostRanks(c10d::ProcessGroupGloo& gloo, int rank, int size, std::function<void(int)> lost);
  ~LostRanks();
  LostRanks(const LostRanks&) = delete;
  LostRanks& operator=(const LostRanks&) = delete;

 private:
  std::vector<c10::intrusive_ptr<c10d::Work>> waiting_;
  std::vector<std::thread> threads_;
};

} // namespace anneal
