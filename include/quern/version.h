#pragma once
/// version.h: the version of these headers. Semantic versioning: within a major version nothing is taken
/// away.
#define QUERN_VERSION_MAJOR 0
#define QUERN_VERSION_MINOR 1
#define QUERN_VERSION_PATCH 0
#define QUERN_VERSION_STRING "0.1.0"
