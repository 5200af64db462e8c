// Replaces operator new by one that counts. A file of its own: the compiler pairs new and delete across inlining.
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <new>

extern std::atomic<std::uint64_t> allocations;
std::atomic<std::uint64_t> allocations{0};

void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  std::abort();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size);
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
