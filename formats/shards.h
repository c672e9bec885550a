#pragma once
// The files of a split model.
#include <cstdint>
#include <filesystem>
#include <vector>

#include "quern/result.h"

namespace quern::formats {

/// The paths of a model's files, given the first and their number. Error corrupt where its name is not that
/// of the first of so many.
Result<std::vector<std::filesystem::path>> shard_paths(const std::filesystem::path& first,
                                                       std::uint64_t count);

}  // namespace quern::formats
