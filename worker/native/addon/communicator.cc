#include "communicator.h"

#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>

#include "device.h"

namespace anneal {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLookEvery(50);
// Bytes of a rank that has ended its process may still be on their way.
constexpr milliseconds kAfterLoss(300);
constexpr std::chrono::microseconds kPollEvery(200);
constexpr milliseconds kAskEvery(250);
// Channels that NCCL may use: each takes a multiprocessor from what is computed meanwhile, and
// 4 MiB for each other rank (crds/plan/cuda-constants.ts).
constexpr int kMostChannels = 16;

c10::impl::VirtualGuardImpl devices() { return c10::impl::VirtualGuardImpl(c10::kCUDA); }

std::string seconds(milliseconds time) {
  return c10::str(static_cast<double>(time.count()) / 1000, " s");
}

} // namespace

// Of high priority: the kernels of an exchange are few, and all ranks wait for them.
Communicator::Communicator(const Settings& settings)
    : nccl_(nccl::library()), settings_(settings),
      stream_(devices().getStreamFromGlobalPool(settings.device, /*isHighPriority=*/true)) {
  const c10::DeviceGuard device(settings_.device);
  nccl::Config config;
  config.blocking = 0;
  config.max_ctas = kMostChannels;
  try {
    const std::lock_guard lock(mutex_);
    settle(nccl_.CommInitRankConfig(&comm_, settings_.size, settings_.id, settings_.rank, &config),
           settings_.refused);
  } catch (...) {
    if (comm_ != nullptr)
      nccl_.CommAbort(comm_);
    throw;
  }
  watcher_ = std::thread([this] { watch(); });
}

Communicator::~Communicator() {
  {
    const std::lock_guard lock(mutex_);
    settings_.on_failure = {};
    fail("the group was left");
    over_ = true;
  }
  ends_.notify_all();
  watcher_.join();
}

std::shared_ptr<Communicator::Flight> Communicator::exchange(const std::vector<Part>& outgoing,
                                                             const std::vector<Part>& incoming) {
  const c10::DeviceGuard device(settings_.device);
  const auto guard = devices();
  wait_for(stream_, guard.getStream(settings_.device));
  auto flight = std::make_shared<Flight>();
  flight->reached.record(stream_);
  const std::lock_guard lock(mutex_);
  check_locked();
  for (const auto* parts : {&outgoing, &incoming})
    for (const Part& part : *parts)
      if (lost_.count(part.peer) > 0)
        fail("NCCL has lost rank " + std::to_string(part.peer));
  check_locked();
  void* const stream = stream_.native_handle();
  try {
    require(nccl_.GroupStart());
    for (const auto& [peer, tensor] : incoming)
      require(nccl_.Recv(tensor.mutable_data_ptr(), tensor.nbytes(), nccl::Type::kUint8, peer, comm_, stream));
    for (const auto& [peer, tensor] : outgoing)
      require(nccl_.Send(tensor.const_data_ptr(), tensor.nbytes(), nccl::Type::kUint8, peer, comm_, stream));
    // Until this has ended nothing lies on the stream, and an event would be too early. It waits
    // for the other ranks where the two have never exchanged anything.
    settle(nccl_.GroupEnd());
  } catch (const c10::Error& error) {
    fail(error.what_without_backtrace());
    check_locked();
  }
  flight->ended.record(stream_);
  // Memory that is given back before the exchange was made goes to no other tensor until then.
  for (const auto* parts : {&outgoing, &incoming})
    for (const Part& part : *parts)
      guard.recordDataPtrOnStream(part.tensor.storage().data_ptr(), stream_);
  flights_.push_back(flight);
  return flight;
}

void Communicator::wait(const Flight& flight) {
  check();
  devices().getStream(settings_.device).wait(flight.ended);
  check();
}

void Communicator::check() {
  const std::lock_guard lock(mutex_);
  check_locked();
}

void Communicator::check_locked() const { TORCH_CHECK(failure_.empty(), failure_); }

void Communicator::lost(int rank) {
  const std::lock_guard lock(mutex_);
  lost_.insert(rank);
  if (!lost_at_)
    lost_at_ = Clock::now();
}

void Communicator::abort(const std::string& why) {
  const std::lock_guard lock(mutex_);
  fail(why);
}

// With the mutex held. What failed is known before the device goes on without the values.
void Communicator::fail(const std::string& why) {
  if (!failure_.empty())
    return;
  failure_ = why;
  flights_.clear();
  if (comm_ != nullptr)
    nccl_.CommAbort(comm_);
  comm_ = nullptr;
  if (settings_.on_failure)
    settings_.on_failure();
}

void Communicator::require(nccl::Result result) {
  TORCH_CHECK(result == nccl::Result::kSuccess || result == nccl::Result::kInProgress,
              nccl::said(result, comm_));
}

// Until NCCL has done what it began.
void Communicator::settle(nccl::Result result, const std::function<std::string()>& refused) {
  const auto began = Clock::now();
  auto asked = began;
  while (result == nccl::Result::kInProgress) {
    const auto now = Clock::now();
    TORCH_CHECK(now - began < settings_.limit, "NCCL did not reach all ranks within ",
                seconds(settings_.limit));
    if (refused && now - asked > kAskEvery) {
      asked = now;
      const std::string why = refused();
      TORCH_CHECK(why.empty(), why);
    }
    std::this_thread::sleep_for(kPollEvery);
    require(nccl_.CommGetAsyncError(comm_, &result));
  }
  require(result);
}

void Communicator::watch() {
  const c10::DeviceGuard device(settings_.device);
  std::unique_lock lock(mutex_);
  while (!ends_.wait_for(lock, kLookEvery, [this] { return over_; })) {
    try {
      look();
    } catch (const c10::Error& error) { // a fault of the device
      fail(error.what_without_backtrace());
    }
  }
}

// With the mutex held.
void Communicator::look() {
  if (comm_ == nullptr)
    return;
  nccl::Result state = nccl::Result::kSuccess;
  require(nccl_.CommGetAsyncError(comm_, &state));
  require(state);
  const auto now = Clock::now();
  while (!flights_.empty()) {
    Flight& first = *flights_.front();
    if (first.ended.query()) {
      flights_.pop_front();
      continue;
    }
    if (!first.began && first.reached.query())
      first.began = now;
    if (first.began && now - *first.began > settings_.limit)
      fail("NCCL did not end an exchange within " + seconds(settings_.limit));
    else if (lost_at_ && now - *lost_at_ > kAfterLoss)
      fail("NCCL has lost rank " + std::to_string(*lost_.begin()));
    return;
  }
}

} // namespace anneal
