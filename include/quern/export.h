#pragma once
/// export.h: marks what the shared library exports; everything else in it is hidden.
#if defined(__GNUC__)
#define QUERN_API __attribute__((visibility("default")))
#else
#define QUERN_API
#endif
