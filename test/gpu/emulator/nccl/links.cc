#include "links.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <thread>

namespace emulator {

namespace {

// Without a file: the kernel forgets it with the process.
struct Address {
  sockaddr_un unix_address{};
  socklen_t length;
  Address(const std::string& name, int rank) {
    const std::string text = name + "-" + std::to_string(rank);
    unix_address.sun_family = AF_UNIX;
    std::memcpy(unix_address.sun_path + 1, text.data(), text.size());
    length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
  }
  const sockaddr* address() const { return reinterpret_cast<const sockaddr*>(&unix_address); }
};

bool read_all(int socket, void* to, size_t bytes) {
  for (auto* at = static_cast<char*>(to); bytes > 0;) {
    const ssize_t some = recv(socket, at, bytes, 0);
    if (some <= 0) return false;
    at += some;
    bytes -= static_cast<size_t>(some);
  }
  return true;
}

bool write_all(int socket, const void* from, size_t bytes) {
  for (auto* at = static_cast<const char*>(from); bytes > 0;) {
    const ssize_t some = ::send(socket, at, bytes, MSG_NOSIGNAL);
    if (some <= 0) return false;
    at += some;
    bytes -= static_cast<size_t>(some);
  }
  return true;
}

} // namespace

void Links::begin(const std::string& name) {
  std::thread([own = shared_from_this(), name] { own->connect_all(name); }).detach();
}

void Links::connect_all(const std::string& name) {
  const int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const Address own(name, rank_);
  bind(listening, own.address(), own.length);
  listen(listening, size_);
  for (int lower = 0; lower < rank_ && !has_ended();) {
    const int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const Address other(name, lower);
    if (connect(made, other.address(), other.length) != 0) { // it does not listen yet
      close(made);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      continue;
    }
    const int32_t rank = rank_;
    write_all(made, &rank, sizeof rank);
    connected(lower++, made);
  }
  for (int left = size_ - 1 - rank_; left > 0 && !has_ended();) {
    pollfd waiting{listening, POLLIN, 0};
    if (poll(&waiting, 1, 50) <= 0) continue;
    const int made = accept(listening, nullptr, nullptr);
    int32_t rank = -1;
    if (made >= 0 && read_all(made, &rank, sizeof rank)) {
      connected(rank, made);
      --left;
    }
  }
  close(listening);
}

void Links::connected(int peer, int socket) {
  const std::lock_guard lock(mutex_);
  peer_at(peer).socket = socket;
  ++connections_;
  std::thread([own = shared_from_this(), peer, socket] { own->read_from(peer, socket); }).detach();
  std::thread([own = shared_from_this(), peer, socket] { own->write_to(peer, socket); }).detach();
  if (ended_) shutdown(socket, SHUT_RDWR);
}

void Links::read_from(int peer, int socket) {
  uint64_t size = 0;
  while (read_all(socket, &size, sizeof size)) {
    Bytes bytes(size);
    if (!read_all(socket, bytes.data(), size)) return;
    const std::lock_guard lock(mutex_);
    peer_at(peer).incoming.push_back(std::move(bytes));
    changed_.notify_all();
  }
}

// Closes the socket in the end.
void Links::write_to(int peer, int socket) {
  for (;;) {
    Bytes bytes;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ended_ || !peer_at(peer).outgoing.empty(); });
      if (peer_at(peer).outgoing.empty()) break;
      bytes = std::move(peer_at(peer).outgoing.front());
      peer_at(peer).outgoing.pop_front();
    }
    const uint64_t size = bytes.size();
    if (!write_all(socket, &size, sizeof size) || !write_all(socket, bytes.data(), size)) break;
  }
  shutdown(socket, SHUT_RDWR);
}

bool Links::are_connected() const {
  const std::lock_guard lock(mutex_);
  return connections_ == size_ - 1;
}

void Links::send(int peer, Bytes bytes) {
  const std::lock_guard lock(mutex_);
  peer_at(peer).outgoing.push_back(std::move(bytes));
  changed_.notify_all();
}

size_t Links::received(int peer) const {
  const std::lock_guard lock(mutex_);
  return peers_[static_cast<size_t>(peer)].incoming.size();
}

bool Links::take(int peer, Bytes& bytes) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || !peer_at(peer).incoming.empty(); });
  if (ended_) return false;
  bytes = std::move(peer_at(peer).incoming.front());
  peer_at(peer).incoming.pop_front();
  return true;
}

void Links::wait_for_end() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_; });
}

// What was put on its way still goes out.
void Links::end() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
  for (Peer& peer : peers_)
    if (peer.socket >= 0) shutdown(peer.socket, SHUT_RD);
}

bool Links::has_ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

} // namespace emulator
