#include "nccl_library.h"

#include <c10/core/Allocator.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <filesystem>
#include <memory>
#include <vector>

namespace anneal::nccl {

namespace {

#ifdef __APPLE__
constexpr const char* kName = "libnccl.2.dylib";
#else
constexpr const char* kName = "libnccl.so.2";
#endif

// Beside libtorch, as images have it, and where the wheels of NVIDIA put it.
std::vector<std::string> beside_libtorch() {
  Dl_info found{};
  if (dladdr(reinterpret_cast<const void*>(&c10::SetAllocator), &found) == 0)
    return {};
  const std::filesystem::path lib = std::filesystem::path(found.dli_fname).parent_path();
  return {lib / kName, lib / "../../nvidia/nccl/lib" / kName};
}

// The loader's own goes first: where libtorch was linked to NCCL the process has it already, and
// two copies of it would not know of each other.
void* open_library() {
  constexpr int kHow = RTLD_NOW | RTLD_LOCAL;
  if (void* opened = dlopen(kName, kHow))
    return opened;
  const char* why = dlerror();
  const std::string first = why == nullptr ? "the loader does not say why" : why;
  for (const std::string& path : beside_libtorch())
    if (void* opened = dlopen(path.c_str(), kHow))
      return opened;
  TORCH_CHECK(false, "NCCL was not found: ", first);
}

template <class Function> void find(void* opened, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(opened, name));
  TORCH_CHECK(function != nullptr, "NCCL has no function ", name);
}

std::string words_of(int code) {
  return std::to_string(code / 10000) + "." + std::to_string(code % 10000 / 100) + "." +
         std::to_string(code % 100);
}

std::unique_ptr<Library> opened_library() {
  void* const opened = open_library(); // stays open: streams may run its kernels to the end
  auto library = std::make_unique<Library>();
  find(opened, "ncclGetVersion", library->GetVersion);
  int code = 0;
  const Result result = library->GetVersion(&code);
  // Versions up to 2.8 had thousands in the place of ten thousands.
  TORCH_CHECK(result == Result::kSuccess && code >= kOldest, "NCCL says version ", code,
              "; it must be 2.18 or newer");
  library->version = words_of(code);
  find(opened, "ncclGetUniqueId", library->GetUniqueId);
  find(opened, "ncclCommInitRankConfig", library->CommInitRankConfig);
  find(opened, "ncclCommGetAsyncError", library->CommGetAsyncError);
  find(opened, "ncclCommAbort", library->CommAbort);
  find(opened, "ncclGroupStart", library->GroupStart);
  find(opened, "ncclGroupEnd", library->GroupEnd);
  find(opened, "ncclSend", library->Send);
  find(opened, "ncclRecv", library->Recv);
  find(opened, "ncclGetErrorString", library->GetErrorString);
  find(opened, "ncclGetLastError", library->GetLastError);
  return library;
}

} // namespace

const Library& library() {
  static const Library* const found = opened_library().release();
  return *found;
}

std::string said(Result result, Comm* comm) {
  const Library& nccl = library();
  const char* const last = nccl.GetLastError(comm);
  std::string words = "NCCL " + nccl.version + ": " + nccl.GetErrorString(result);
  if (last != nullptr && *last != '\0')
    words += std::string(" (") + last + ")";
  return words;
}

} // namespace anneal::nccl
