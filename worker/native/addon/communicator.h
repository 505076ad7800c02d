// The exchange of bytes between CUDA devices through NCCL: one communicator of a group, on a stream
// of its own. NCCL moves bytes and never adds, so sums do not depend on it.
//
// A communicator does not block the host. It is watched by a thread: an exchange that does not end
// within the limit once the device has reached it, an error that NCCL meets beside its calls, and
// an exchange with a rank that is gone abort it. From then on everything throws what happened.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "nccl_library.h"

namespace anneal {

class Communicator {
 public:
  using Clock = std::chrono::steady_clock;

  struct Settings {
    nccl::Id id;
    int rank;
    int size;
    c10::Device device;
    std::chrono::milliseconds limit;
    // Asked while the others are waited for: why they will not come, or nothing.
    std::function<std::string()> refused;
    // Called once, by any thread, when it has failed.
    std::function<void()> on_failure;
  };

  // What goes to a rank, or comes from it: contiguous, and on the device.
  struct Part {
    int peer;
    at::Tensor tensor;
  };

  // An exchange that was begun.
  class Flight {
    friend class Communicator;
    c10::Event reached{c10::kCUDA}; // by the device: all before it has been computed
    c10::Event ended{c10::kCUDA};
    std::optional<Clock::time_point> began; // when it was first seen to have been reached
  };

  // Blocks until all ranks have made theirs; throws with a sentence after the limit, or where NCCL
  // refuses.
  explicit Communicator(const Settings& settings);
  // Aborts what is under way.
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  // Begins an exchange behind what the current stream has so far. All ranks begin the same ones in
  // the same order.
  std::shared_ptr<Flight> exchange(const std::vector<Part>& outgoing, const std::vector<Part>& incoming);
  // What the current stream computes from here on finds the exchange made; the host goes on.
  // Throws where the communicator has failed.
  void wait(const Flight& flight);
  // Throws where it has failed. Values that were computed with an exchange may be used once the
  // host has read them and this has not thrown.
  void check();
  // The process of a rank is gone: exchanges that are under way end soon or never.
  void lost(int rank);
  // Ends what is under way, with these words.
  void abort(const std::string& why);

 private:
  void watch();
  void look();
  void settle(nccl::Result result, const std::function<std::string()>& refused = {});
  void require(nccl::Result result);
  void fail(const std::string& why);
  void check_locked() const;

  const nccl::Library& nccl_;
  Settings settings_;
  const c10::Stream stream_;
  std::mutex mutex_;
  nccl::Comm* comm_ = nullptr; // null once it was aborted
  std::string failure_;
  std::deque<std::shared_ptr<Flight>> flights_;
  std::set<int> lost_;
  std::optional<Clock::time_point> lost_at_;
  bool over_ = false;
  std::condition_variable ends_;
  std::thread watcher_;
};

} // namespace anneal
