#pragma once
// QUERN_SANITIZED: the address or thread sanitizer is there, with an allocator and terabytes of address space of its
// own. GCC and clang say so differently.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QUERN_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QUERN_SANITIZED 1
#endif
#endif
