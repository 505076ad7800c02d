#include "isa.h"

#include <c10/util/Exception.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace anneal {

namespace {

constexpr const char* kNames[] = {"portable", "avx2", "avx512", "amx"};
constexpr int kCount = 4;

// The processor has tiles of bfloat16 and of 8 bits, and the kernel of the system lets this process
// use them.
bool has_amx() {
#if defined(__x86_64__) && defined(__linux__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kWanted = 1u << 22 | 1u << 24 | 1u << 25;  // bfloat16, tiles, 8 bits
  if ((d & kWanted) != kWanted) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

Isa of_processor() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512dq");
  if (avx512 && has_amx()) return Isa::kAmx;
  return avx512 ? Isa::kAvx512 : avx2 ? Isa::kAvx2 : Isa::kPortable;
#else
  return Isa::kPortable;
#endif
}

// What the person allows the process. The loader refuses other words, and a level that is not there
// (worker/tensor/cpu-level.ts).
Isa allowed() {
  const char* level = std::getenv("ANNEAL_CPU_LEVEL");
  int i = 0;
  while (level != nullptr && i < kCount && std::strcmp(level, kNames[i]) != 0)
    ++i;
  return level == nullptr || i == kCount ? Isa::kAmx : static_cast<Isa>(i);
}

Isa best() {
  static const Isa value = std::min(of_processor(), allowed());
  return value;
}

std::atomic<Isa>& chosen() {
  static std::atomic<Isa> value{best()};
  return value;
}

// Asks for an instruction set, to test or to compare one; null asks for the best. Returns the one
// in use: never more than this CPU has and ANNEAL_CPU_LEVEL allows.
std::string choose_isa(std::optional<std::string> name) {
  Isa wanted = best();
  if (name) {
    int i = 0;
    while (i < kCount && *name != kNames[i])
      ++i;
    TORCH_CHECK(i < kCount, "the instruction set is '", *name, "'; it must be portable, avx2, avx512 or amx");
    if (static_cast<Isa>(i) < wanted)
      wanted = static_cast<Isa>(i);
  }
  chosen().store(wanted);
  return kNames[static_cast<int>(wanted)];
}

} // namespace

Isa isa() {
  static std::atomic<Isa>& value = chosen();
  return value.load(std::memory_order_relaxed);
}

TORCH_LIBRARY_FRAGMENT(anneal, m) {
  m.def("choose_isa(str? name=None) -> str", &choose_isa);
}

} // namespace anneal
