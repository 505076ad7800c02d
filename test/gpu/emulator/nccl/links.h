// Connections between the processes of a communicator of the emulated NCCL: a socket for each pair
// of ranks, over which messages go in their order.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace emulator {

using Bytes = std::vector<char>;

class Links : public std::enable_shared_from_this<Links> {
public:
  Links(int rank, int size) : rank_(rank), size_(size), peers_(static_cast<size_t>(size)) {}

  // Begins to connect under a name that all ranks know; threads do the rest.
  void begin(const std::string& name);
  bool are_connected() const;
  // Never blocks.
  void send(int peer, Bytes bytes);
  // How many messages of a peer were received and not taken.
  size_t received(int peer) const;
  // The next message; waits for it. False where it was ended meanwhile. A peer that is gone is
  // waited for too, as a GPU waits for memory that nobody writes.
  bool take(int peer, Bytes& bytes);
  // Blocks until it is ended.
  void wait_for_end();
  void end();
  bool has_ended() const;

private:
  struct Peer {
    int socket = -1;
    std::deque<Bytes> incoming, outgoing;
  };
  Peer& peer_at(int peer) { return peers_[static_cast<size_t>(peer)]; }
  void connect_all(const std::string& name);
  void connected(int peer, int socket);
  void read_from(int peer, int socket);
  void write_to(int peer, int socket);

  const int rank_, size_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Peer> peers_;
  int connections_ = 0;
  bool ended_ = false;
};

} // namespace emulator
