#pragma once
// What stands behind a Metadata: the private copy of the header and the entries that look into it.
#include <cstddef>
#include <memory>
#include <vector>

#include "formats/metadata.h"
#include "formats/name_index.h"

namespace quern::formats {

struct Metadata::Storage {
  std::vector<std::unique_ptr<std::byte[]>> pieces;  ///< of the header; never moved once read
  std::vector<MetadataEntry> entries;                ///< in file order
  NameIndex<MetadataEntry, &MetadataEntry::key> by_key;
};

}  // namespace quern::formats
