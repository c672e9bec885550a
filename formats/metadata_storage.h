#pragma once
// What stands behind a Metadata: the private copy of the header and the entries that look into it.
#include <cstddef>
#include <memory>
#include <vector>

#include "formats/gguf_cursor.h"
#include "formats/metadata.h"
#include "formats/name_index.h"

namespace quern::formats {

struct Metadata::Storage {
  GgufCursor::Pieces pieces;           ///< of the header
  std::vector<MetadataEntry> entries;  ///< in file order
  NameIndex<MetadataEntry, &MetadataEntry::key> by_key;
};

}  // namespace quern::formats
