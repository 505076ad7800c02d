// Which instruction set this process uses, decided once at load.
//
// A kernel with wide versions has one loop header, compiled by <kernel>_portable.cc, _avx2.cc and
// _avx512.cc in a namespace of each, and picks with ANNEAL_CHOOSE. Such a file must include no
// ATen, c10 or standard header that defines inline functions: the linker keeps one copy of an
// inline function, and the copy with wide instructions would crash an older CPU. Static functions
// are safe.
#pragma once

namespace anneal {

// kAmx is kAvx512 with products of bfloat16 tiles beside it.
enum class Isa { kPortable, kAvx2, kAvx512, kAmx };

// The best of this CPU, unless anneal::choose_isa asked for less.
Isa isa();

} // namespace anneal

#if defined(__x86_64__)
#define ANNEAL_CHOOSE(function)                                                                    \
  (::anneal::isa() >= ::anneal::Isa::kAvx512 ? avx512::function                                    \
   : ::anneal::isa() == ::anneal::Isa::kAvx2 ? avx2::function                                      \
                                             : portable::function)
#else
#define ANNEAL_CHOOSE(function) (portable::function)
#endif
