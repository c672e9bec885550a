#include "formats/gguf_reader.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>
#include <utility>

#include "formats/gguf_cursor.h"
#include "formats/gguf_layout.h"
#include "formats/metadata_storage.h"
#include "formats/printable.h"
#include "formats/tensor_type.h"
#include "formats/try.h"

namespace quern::formats {
namespace {

struct Counts {
  std::uint32_t version = 0;
  std::uint64_t n_tensors = 0;
  std::uint64_t n_kv = 0;
};

Result<Counts> read_counts(GgufCursor& in) {
  in.set_subject("the file", "");
  if (in.remaining() < gguf::header_bytes)
    return in.corrupt(cat("has ", in.remaining(), " bytes, expected a GGUF header of ", gguf::header_bytes));
  QUERN_TRY(const std::byte* magic_bytes, in.take(gguf::magic.size(), "the magic"));
  const std::string_view magic(reinterpret_cast<const char*>(magic_bytes), gguf::magic.size());
  if (magic != gguf::magic) return in.corrupt(cat("begins with '", printable(magic), "', expected 'GGUF'"));

  Counts counts;
  QUERN_TRY(counts.version, in.number<std::uint32_t>("the version"));
  if (counts.version != 0 && (counts.version & 0xffff) == 0) {
    const std::uint32_t swapped = counts.version >> 24 | (counts.version >> 8 & 0xff00);
    return in.error(ErrorCode::unsupported,
                    cat("is big-endian (GGUF version ", swapped, "), expected a little-endian file"));
  }
  if (counts.version < gguf::min_version || counts.version > gguf::max_version)
    return in.error(counts.version == 0 ? ErrorCode::corrupt : ErrorCode::unsupported,
                    cat("has GGUF version ", counts.version, ", expected ", gguf::min_version, " or ",
                        gguf::max_version));

  // A count is compared with what the rest of the file could hold at most, never multiplied.
  QUERN_TRY(counts.n_tensors, in.number<std::uint64_t>("the number of tensors"));
  if (counts.n_tensors > in.remaining() / gguf::min_info_bytes)
    return in.corrupt(cat("declares ", counts.n_tensors, " tensors, more than its size allows"));
  if (counts.n_tensors > gguf::max_tensors)
    return in.error(ErrorCode::unsupported,
                    cat("declares ", counts.n_tensors, " tensors, expected at most ", gguf::max_tensors));
  QUERN_TRY(counts.n_kv, in.number<std::uint64_t>("the number of keys"));
  if (counts.n_kv > in.remaining() / gguf::min_kv_bytes)
    return in.corrupt(cat("declares ", counts.n_kv, " keys, more than its size allows"));
  if (counts.n_kv > gguf::max_kv)
    return in.error(ErrorCode::unsupported,
                    cat("declares ", counts.n_kv, " keys, expected at most ", gguf::max_kv));
  return counts;
}

Result<ValueType> read_value_type(GgufCursor& in, std::string_view what) {
  QUERN_TRY(const std::uint32_t id, in.number<std::uint32_t>(what));
  if (id > static_cast<std::uint32_t>(ValueType::f64))
    return in.corrupt(cat("has ", id, " as ", what, ", expected 0 to 12"));
  return static_cast<ValueType>(id);
}

Result<MetadataArray> read_array(GgufCursor& in) {
  MetadataArray array;
  QUERN_TRY(array.element_type, read_value_type(in, "its element type"));
  if (array.element_type == ValueType::array)
    return in.corrupt("is an array of arrays, expected numbers, booleans or strings");
  QUERN_TRY(array.size, in.number<std::uint64_t>("its element count"));
  const bool of_strings = array.element_type == ValueType::string;
  const std::uint64_t element_bytes =
      of_strings ? sizeof(std::uint64_t) : gguf::value_bytes(array.element_type);
  if (array.size > in.remaining() / element_bytes)
    return in.corrupt(cat("declares ", array.size, " elements of ", to_string(array.element_type),
                          ", but the file has only ", in.remaining(), " more bytes"));
  if (array.size > gguf::max_array_elements)
    return in.error(ErrorCode::unsupported,
                    cat("declares ", array.size, " elements, expected at most ", gguf::max_array_elements));
  if (of_strings) {
    // Grows as strings are read: the count alone is not worth memory yet.
    for (std::uint64_t i = 0; i < array.size; ++i) {
      QUERN_TRY(const std::string_view text, in.string(gguf::max_string_bytes, "an element"));
      array.strings.push_back(text);
    }
    return array;
  }
  const std::uint64_t n_bytes = array.size * element_bytes;
  QUERN_TRY(const std::byte* packed, in.take(n_bytes, "its elements"));
  array.packed = {packed, static_cast<std::size_t>(n_bytes)};
  if (array.element_type == ValueType::boolean) {
    const auto bad = std::find_if(array.packed.begin(), array.packed.end(),
                                  [](std::byte value) { return value > std::byte{1}; });
    if (bad != array.packed.end())
      return in.corrupt(cat("has byte ", std::to_integer<int>(*bad), " as boolean ",
                            bad - array.packed.begin(), ", expected 0 or 1"));
  }
  return array;
}

template <typename Wide, typename T>
Result<void> read_number(GgufCursor& in, MetadataEntry& entry) {
  QUERN_TRY(const T value, in.number<T>("its value"));
  entry.value = static_cast<Wide>(value);
  return {};
}

Result<void> read_value(GgufCursor& in, MetadataEntry& entry) {
  switch (entry.type) {
    case ValueType::u8: return read_number<std::uint64_t, std::uint8_t>(in, entry);
    case ValueType::u16: return read_number<std::uint64_t, std::uint16_t>(in, entry);
    case ValueType::u32: return read_number<std::uint64_t, std::uint32_t>(in, entry);
    case ValueType::u64: return read_number<std::uint64_t, std::uint64_t>(in, entry);
    case ValueType::i8: return read_number<std::int64_t, std::int8_t>(in, entry);
    case ValueType::i16: return read_number<std::int64_t, std::int16_t>(in, entry);
    case ValueType::i32: return read_number<std::int64_t, std::int32_t>(in, entry);
    case ValueType::i64: return read_number<std::int64_t, std::int64_t>(in, entry);
    case ValueType::f32: return read_number<double, float>(in, entry);
    case ValueType::f64: return read_number<double, double>(in, entry);
    case ValueType::boolean: {
      QUERN_TRY(const std::uint8_t value, in.number<std::uint8_t>("its value"));
      if (value > 1) return in.corrupt(cat("has byte ", value, " as a boolean, expected 0 or 1"));
      entry.value = value == 1;
      return {};
    }
    case ValueType::string: {
      QUERN_TRY(const std::string_view text, in.string(gguf::max_string_bytes, "its value"));
      entry.value = text;
      return {};
    }
    case ValueType::array: {
      QUERN_TRY(entry.value, read_array(in));
      return {};
    }
  }
  return in.corrupt("has an unknown type");
}

Result<MetadataEntry> read_entry(GgufCursor& in, std::uint64_t i) {
  const std::string noun = cat("metadata entry ", i);
  in.set_subject(noun, "");
  MetadataEntry entry;
  QUERN_TRY(entry.key, in.string(gguf::max_key_bytes, "its key"));
  if (entry.key.empty()) return in.corrupt("has an empty key");
  in.set_subject("key", entry.key);
  QUERN_TRY(entry.type, read_value_type(in, "its value type"));
  QUERN_CHECK(read_value(in, entry));
  return entry;
}

Result<std::uint64_t> read_alignment(const Metadata& metadata) {
  QUERN_TRY(const std::uint64_t alignment,
            metadata.unsigned_integer_or(gguf::alignment_key, gguf::default_alignment));
  if (!std::has_single_bit(alignment) || alignment > gguf::max_alignment)
    return Error{ErrorCode::corrupt,
                 cat("key '", gguf::alignment_key, "' is ", alignment, ", expected a power of two from 1 to ",
                     gguf::max_alignment),
                 std::string(gguf::alignment_key)};
  return alignment;
}

// dims, and what follows from them and the type. The number of elements and of bytes both stay below 2^63,
// and bytes are counted in whole blocks, so neither product can wrap.
Result<void> read_shape_and_type(GgufCursor& in, Tensor& tensor) {
  QUERN_TRY(tensor.n_dims, in.number<std::uint32_t>("its number of dimensions"));
  if (tensor.n_dims < 1 || tensor.n_dims > gguf::max_dims)
    return in.corrupt(cat("has ", tensor.n_dims, " dimensions, expected 1 to ", gguf::max_dims));
  std::uint64_t n_elements = 1;
  for (std::uint32_t i = 0; i < tensor.n_dims; ++i) {
    QUERN_TRY(const std::uint64_t dim, in.number<std::uint64_t>("its dimensions"));
    const auto product = gguf::multiply(n_elements, dim);
    if (dim == 0 || !product)
      return in.corrupt(
          cat("has ", dim, " as dimension ", i, ", expected 1 or more and fewer than 2^63 elements"));
    n_elements = *product;
    tensor.dims[i] = dim;
  }
  QUERN_TRY(const std::uint32_t type_id, in.number<std::uint32_t>("its type"));
  auto type = find_tensor_type(type_id);
  if (!type)
    return in.error(type.error().code, cat("has a type that cannot be read: ", type.error().message));
  const TensorTypeInfo& info = **type;
  tensor.type = info.type;
  if (tensor.dims[0] % info.block_elements != 0)
    return in.corrupt(cat("has rows of ", tensor.dims[0], " values, expected a multiple of ",
                          info.block_elements, " for ", info.name));
  const auto n_bytes = gguf::multiply(n_elements / info.block_elements, info.block_bytes);
  if (!n_bytes)
    return in.corrupt(cat("has ", n_elements, " elements of ", info.name, ", more than 2^63 bytes"));
  tensor.n_bytes = *n_bytes;
  return {};
}

// file_offset is still relative to the data section here.
Result<Tensor> read_tensor_info(GgufCursor& in, std::uint64_t i, std::uint64_t alignment) {
  const std::string noun = cat("tensor info ", i);
  in.set_subject(noun, "");
  Tensor tensor;
  QUERN_TRY(tensor.name, in.string(gguf::max_name_bytes, "its name"));
  if (tensor.name.empty()) return in.corrupt("has an empty name");
  in.set_subject("tensor", tensor.name);
  QUERN_CHECK(read_shape_and_type(in, tensor));
  QUERN_TRY(tensor.file_offset, in.number<std::uint64_t>("its offset"));
  if (tensor.file_offset % alignment != 0)
    return in.corrupt(
        cat("has offset ", tensor.file_offset, ", expected a multiple of the alignment ", alignment));
  if (tensor.file_offset > static_cast<std::uint64_t>(INT64_MAX) - tensor.n_bytes)
    return in.corrupt(cat("has offset ", tensor.file_offset, " for ", tensor.n_bytes, " bytes, beyond 2^63"));
  return tensor;
}

Error tensor_error(const Tensor& tensor, std::string_view what) {
  const std::string name = printable(tensor.name);
  return Error{ErrorCode::corrupt, cat("tensor '", name, "' ", what), name};
}

// Turns offsets into file offsets. Every tensor lies within the file and none over another.
Result<void> place_tensors(std::vector<Tensor>& tensors, std::uint64_t data_start, std::uint64_t file_bytes) {
  const Tensor* beyond = nullptr;
  std::uint64_t data_end = 0;
  for (Tensor& tensor : tensors) {
    tensor.file_offset += data_start;  // both below 2^63
    const std::uint64_t end = tensor.file_offset + tensor.n_bytes;
    if (end > file_bytes && !beyond) beyond = &tensor;
    data_end = std::max(data_end, end);
  }
  if (beyond)
    return tensor_error(*beyond, cat("ends at byte ", beyond->file_offset + beyond->n_bytes,
                                     ", but the file has ", file_bytes, " bytes: ", data_end - file_bytes,
                                     " bytes are missing at its end (an incomplete download?)"));

  std::vector<std::uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  const auto starts_before = [&](std::uint32_t a, std::uint32_t b) {
    return tensors[a].file_offset < tensors[b].file_offset;
  };
  if (!std::is_sorted(order.begin(), order.end(), starts_before))
    std::sort(order.begin(), order.end(), starts_before);
  for (std::size_t i = 1; i < order.size(); ++i) {
    const Tensor& before = tensors[order[i - 1]];
    const Tensor& tensor = tensors[order[i]];
    if (tensor.file_offset - before.file_offset < before.n_bytes)
      return tensor_error(
          tensor, cat("begins at byte ", tensor.file_offset, ", inside tensor '", printable(before.name),
                      "', which ends at byte ", before.file_offset + before.n_bytes));
  }
  return {};
}

}  // namespace

Result<GgufHeader> read_gguf_header(const ByteSource& source) {
  auto storage = std::make_shared<Metadata::Storage>();
  GgufCursor in(source, storage->pieces);
  QUERN_TRY(const Counts counts, read_counts(in));
  for (std::uint64_t i = 0; i < counts.n_kv; ++i) {
    QUERN_TRY(MetadataEntry entry, read_entry(in, i));
    storage->entries.push_back(std::move(entry));
  }
  storage->by_key = decltype(storage->by_key)(storage->entries);
  if (const MetadataEntry* twice = storage->by_key.duplicate(storage->entries))
    return Error{ErrorCode::corrupt, cat("key '", printable(twice->key), "' stands in the file twice"),
                 printable(twice->key)};

  // The cursor goes on filling the storage; the entries are complete.
  GgufHeader header{.version = counts.version, .metadata = Metadata(storage), .tensors = {}};
  QUERN_TRY(const std::uint64_t alignment, read_alignment(header.metadata));
  for (std::uint64_t i = 0; i < counts.n_tensors; ++i) {
    QUERN_TRY(const Tensor tensor, read_tensor_info(in, i, alignment));
    header.tensors.push_back(tensor);
  }
  QUERN_CHECK(place_tensors(header.tensors, gguf::pad(in.position(), alignment), source.size()));
  return header;
}

}  // namespace quern::formats
