#include "group_devices.h"

#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <cstdio>
#include <map>
#include <vector>

namespace anneal {

namespace {

// What a rank says: `why` is empty where it can.
struct Said {
  std::string why, version, device;
};

std::string key(const char* what, int rank) { return std::string("nccl/") + what + "/" + std::to_string(rank); }
constexpr const char* kRefused = "nccl/refused";
constexpr const char* kId = "nccl/id";

std::vector<uint8_t> bytes_of(const std::string& text) { return {text.begin(), text.end()}; }
std::string text_of(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

std::vector<uint8_t> written(const Said& said) {
  std::string text = said.why;
  for (const std::string& part : {said.version, said.device})
    text.append(1, '\0').append(part);
  return bytes_of(text);
}

Said read(const std::vector<uint8_t>& bytes) {
  const std::string text = text_of(bytes);
  const size_t first = text.find('\0'), second = text.find('\0', first + 1);
  return {text.substr(0, first), text.substr(first + 1, second - first - 1), text.substr(second + 1)};
}

// The words of an error for people: without a stack, in one line.
std::string words_of(const c10::Error& error) {
  const std::string words = error.what_without_backtrace();
  return words.substr(0, words.find('\n'));
}

// UUID of a device: no other in any machine has it. Asked of the driver, whose functions all have
// this interface since it has them.
std::string uuid_of(c10::Device device) {
  struct Uuid {
    unsigned char bytes[16];
  };
  void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  TORCH_CHECK(driver != nullptr, "the driver (libcuda.so.1) cannot be asked which GPU ", device, " is");
  const auto init = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  const auto get = reinterpret_cast<int (*)(int*, int)>(dlsym(driver, "cuDeviceGet"));
  // The second version tells instances of a divided device apart.
  const auto uuid = reinterpret_cast<int (*)(Uuid*, int)>(dlsym(driver, "cuDeviceGetUuid_v2"));
  int number = 0;
  Uuid found{};
  const bool told = init && get && uuid && init(0) == 0 && get(&number, device.index()) == 0 &&
                    uuid(&found, number) == 0;
  TORCH_CHECK(told, "the driver does not tell which GPU ", device, " is");
  std::string text;
  char digits[3];
  for (const unsigned char byte : found.bytes) {
    std::snprintf(digits, sizeof digits, "%02x", byte);
    text += digits;
  }
  return text;
}

Said own_words(const AskedDevices& asked) {
  if (!asked.device.is_cuda())
    return {"computes on a processor", "", ""};
  if (!asked.wanted)
    return {"was told not to (USE_NCCL=0)", "", ""};
  try {
    return {"", nccl::library().version, uuid_of(asked.device)};
  } catch (const c10::Error& error) {
    return {words_of(error), "", ""};
  }
}

// Why these ranks cannot use NCCL together, or nothing.
std::string obstacle(const std::vector<Said>& all) {
  std::map<std::string, size_t> devices;
  for (size_t rank = 0; rank < all.size(); rank++) {
    const auto& [why, version, device] = all[rank];
    const std::string name = "rank " + std::to_string(rank);
    if (!why.empty())
      return name + ": " + why;
    if (version != all[0].version)
      return name + " has NCCL " + version + ", and rank 0 has " + all[0].version;
    const auto [same, is_new] = devices.emplace(device, rank);
    if (!is_new)
      return name + " computes on the device of rank " + std::to_string(same->second);
  }
  return "";
}

nccl::Id id_of(const AskedDevices& asked) {
  nccl::Id id{};
  if (asked.rank == 0) {
    const nccl::Result result = nccl::library().GetUniqueId(&id);
    TORCH_CHECK(result == nccl::Result::kSuccess, nccl::said(result, nullptr));
    asked.store->set(kId, std::vector<uint8_t>(std::begin(id.internal), std::end(id.internal)));
    return id;
  }
  // Rank 0 may fail to make one, and says so under the other key.
  const auto until = Communicator::Clock::now() + asked.limit;
  while (!asked.store->check({kId})) {
    TORCH_CHECK(!asked.store->check({kRefused}), text_of(asked.store->get(kRefused)));
    TORCH_CHECK(Communicator::Clock::now() < until, "rank 0 made no id of NCCL");
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const std::vector<uint8_t> bytes = asked.store->get(kId);
  TORCH_CHECK(bytes.size() == sizeof id.internal, "an id of NCCL has ", bytes.size(), " bytes");
  std::copy(bytes.begin(), bytes.end(), id.internal);
  return id;
}

std::unique_ptr<Communicator> made(const AskedDevices& asked) {
  const c10::DeviceGuard device(asked.device);
  const auto refused = [store = asked.store] {
    return store->check({kRefused}) ? text_of(store->get(kRefused)) : std::string();
  };
  return std::make_unique<Communicator>(Communicator::Settings{
      id_of(asked), asked.rank, asked.size, asked.device, asked.limit, refused, asked.on_failure});
}

} // namespace

GroupDevices agree_on_devices(const AskedDevices& asked) {
  const Said own = own_words(asked);
  asked.store->set(key("can", asked.rank), written(own));
  if (!asked.device.is_cuda())
    return {};
  std::vector<Said> all;
  for (int rank = 0; rank < asked.size; rank++)
    all.push_back(read(asked.store->get(key("can", rank))));
  if (const std::string why = obstacle(all); !why.empty())
    return {nullptr, "", why};
  // Making it may fail at one rank alone: all hear of it before anyone uses it.
  std::unique_ptr<Communicator> communicator;
  std::string failed;
  try {
    communicator = made(asked);
  } catch (const c10::Error& error) {
    failed = words_of(error);
    if (!asked.store->check({kRefused}))
      asked.store->set(kRefused, bytes_of("rank " + std::to_string(asked.rank) + ": " + failed));
  }
  asked.store->set(key("made", asked.rank), bytes_of(failed.empty() ? "yes" : "no"));
  bool all_made = true;
  for (int rank = 0; rank < asked.size; rank++)
    all_made = text_of(asked.store->get(key("made", rank))) == "yes" && all_made;
  if (all_made)
    return {std::move(communicator), own.version, ""};
  return {nullptr, "", text_of(asked.store->get(kRefused))};
}

} // namespace anneal
