#pragma once
// A quern::Manifest as a JSON file.
#include <string>

#include "quern/check.h"

namespace examples {

/// Both throw std::runtime_error, whose message begins with the path.
void write_manifest(const std::string& path, const quern::Manifest& manifest);
quern::Manifest read_manifest(const std::string& path);

}  // namespace examples
