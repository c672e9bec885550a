#include "formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>
#include <optional>
#include <set>
#include <string>

#include "formats/float16.h"
#include "formats/json.h"
#include "formats/mapped_file.h"
#include "formats/name_index.h"
#include "formats/printable.h"
#include "formats/try.h"

namespace quern::formats {
namespace {

static_assert(std::endian::native == std::endian::little, "values are copied from the file as they stand");

constexpr std::uint64_t max_header_bytes = 100'000'000;  // of the format
constexpr std::size_t max_dims = 8;
constexpr std::size_t max_name_bytes = 1024;
constexpr std::size_t max_shards = 9999;
constexpr std::size_t max_index_bytes = std::size_t{64} << 20;

struct TypeRow {
  std::string_view name;
  std::size_t bytes;
};
constexpr TypeRow types[] = {
    // in the order of SafeType
    {"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2}, {"U16", 2}, {"F16", 2},
    {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},     {"I64", 8},     {"U64", 8}, {"F64", 8},
};

std::optional<std::uint64_t> multiply(std::uint64_t a, std::uint64_t b) {
  if (b != 0 && a > static_cast<std::uint64_t>(INT64_MAX) / b) return std::nullopt;
  return a * b;
}

Error tensor_error(ErrorCode code, std::string_view name, std::string_view what) {
  return Error{code, cat("tensor '", printable(name), "' ", what), printable(name)};
}
Error corrupt(std::string_view name, std::string_view what) {
  return tensor_error(ErrorCode::corrupt, name, what);
}

Result<SafeType> read_type(std::string_view name, const JsonValue& info) {
  const auto dtype = info.find("dtype");
  const auto text = dtype ? dtype->string() : std::nullopt;
  if (!text)
    return corrupt(name,
                   cat("has ", dtype ? dtype->description() : "nothing", " as dtype, expected a string"));
  std::string known;
  for (std::size_t i = 0; i < std::size(types); ++i) {
    if (types[i].name == *text) return static_cast<SafeType>(i);
    known += cat(i == 0 ? "" : ", ", types[i].name);
  }
  return tensor_error(ErrorCode::unsupported, name,
                      cat("has dtype '", printable(*text), "', expected one of ", known));
}

Result<std::vector<std::uint64_t>> read_sizes(std::string_view name, const JsonValue& info,
                                              std::string_view key, std::size_t max) {
  const auto array = info.find(key);
  if (!array || !array->is_array())
    return corrupt(name,
                   cat("has ", array ? array->description() : "nothing", " as ", key, ", expected an array"));
  if (array->size() > max)
    return tensor_error(ErrorCode::unsupported, name,
                        cat("has ", array->size(), " numbers as ", key, ", expected at most ", max));
  std::vector<std::uint64_t> sizes;
  for (const JsonValue element : array->elements()) {
    const auto size = element.unsigned_integer();
    if (!size || *size > static_cast<std::uint64_t>(INT64_MAX))
      return corrupt(name,
                     cat("has ", element.description(), " in its ", key, ", expected an integer below 2^63"));
    sizes.push_back(*size);
  }
  return sizes;
}

// file_offset is still relative to the data.
Result<SafeTensor> read_tensor(std::string_view name, const JsonValue& info) {
  if (!info.is_object()) return corrupt(name, cat("is ", info.description(), ", expected an object"));
  for (const auto [member, value] : info.members())
    if (member != "dtype" && member != "shape" && member != "data_offsets")
      return corrupt(name,
                     cat("has a member '", printable(member), "', expected dtype, shape and data_offsets"));
  SafeTensor tensor{.name = name};
  QUERN_TRY(tensor.type, read_type(name, info));
  QUERN_TRY(tensor.dims, read_sizes(name, info, "shape", max_dims));
  QUERN_TRY(const auto offsets, read_sizes(name, info, "data_offsets", 2));
  if (offsets.size() != 2 || offsets[0] > offsets[1])
    return corrupt(name, "has data_offsets that are no begin and end");
  std::optional<std::uint64_t> n_bytes = value_bytes(tensor.type);
  for (const std::uint64_t dim : tensor.dims) n_bytes = n_bytes ? multiply(*n_bytes, dim) : n_bytes;
  if (!n_bytes) return corrupt(name, "has a shape of more than 2^63 bytes");
  if (*n_bytes != offsets[1] - offsets[0])
    return corrupt(name, cat("has ", offsets[1] - offsets[0], " bytes of data, expected ", *n_bytes,
                             " for its shape in ", to_string(tensor.type)));
  tensor.n_bytes = *n_bytes;
  tensor.file_offset = offsets[0];
  return tensor;
}

// The format wants every byte of the data in exactly one tensor. Turns offsets into file offsets.
Result<void> place_tensors(std::span<SafeTensor> tensors, std::uint64_t data_start,
                           std::uint64_t data_bytes) {
  std::vector<std::uint32_t> order(tensors.size());
  std::iota(order.begin(), order.end(), std::uint32_t{0});
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    const SafeTensor &x = tensors[a], &y = tensors[b];
    return x.file_offset != y.file_offset ? x.file_offset < y.file_offset : x.n_bytes < y.n_bytes;
  });
  std::uint64_t end = 0;
  for (const std::uint32_t i : order) {
    SafeTensor& tensor = tensors[i];
    if (tensor.file_offset != end)
      return corrupt(tensor.name,
                     cat("begins at byte ", tensor.file_offset, " of the data, expected ", end,
                         tensor.file_offset < end ? ": it overlaps another" : ": a hole lies before it"));
    if (tensor.n_bytes > data_bytes - end)
      return corrupt(tensor.name, cat("ends at byte ", end + tensor.n_bytes, " of the data, which has ",
                                      data_bytes, " (an incomplete download?)"));
    end += tensor.n_bytes;
    tensor.file_offset += data_start;
  }
  if (end != data_bytes)
    return Error{ErrorCode::corrupt,
                 cat("the data has ", data_bytes, " bytes, expected ", end, " as the tensors have"),
                 "data_offsets"};
  return {};
}

Result<void> check_file_metadata(const JsonValue& value) {
  constexpr std::string_view key = "__metadata__";
  bool good = value.is_object();
  for (const auto [name, text] : value.members()) good = good && text.is_string();
  if (good) return {};
  return Error{ErrorCode::corrupt,
               cat("'", key, "' is ", value.description(), ", expected an object of strings"),
               std::string(key)};
}

// The names of the tensors are views of the header.
Result<std::vector<SafeTensor>> read_header(const ByteSource& source, std::optional<JsonDocument>& header) {
  const std::uint64_t size = source.size();
  std::uint64_t n_header = 0;
  if (size < sizeof n_header)
    return Error{ErrorCode::corrupt,
                 cat("has ", size, " bytes, expected at least 8 for the length of its header"), "header"};
  QUERN_CHECK(source.read(0, std::as_writable_bytes(std::span(&n_header, 1))));
  const std::uint64_t n_rest = size - sizeof n_header;
  if (n_header > n_rest || n_header > max_header_bytes)
    return Error{ErrorCode::corrupt,
                 cat("declares a header of ", n_header, " bytes, expected at most ",
                     std::min(n_rest, max_header_bytes)),
                 "header"};
  std::string text(static_cast<std::size_t>(n_header), '\0');
  QUERN_CHECK(source.read(sizeof n_header, std::as_writable_bytes(std::span(text))));
  if (!text.starts_with('{'))
    return Error{ErrorCode::corrupt,
                 cat("has a header that begins with '", printable(std::string_view(text).substr(0, 1)),
                     "', expected '{': no safetensors file"),
                 "header"};
  QUERN_TRY(header,
            JsonDocument::parse(std::move(text), "header", {.max_bytes = max_header_bytes, .max_depth = 4}));

  std::vector<SafeTensor> tensors;
  for (const auto [name, info] : header->root().members()) {
    if (name == "__metadata__") {
      QUERN_CHECK(check_file_metadata(info));
      continue;
    }
    if (name.empty() || name.size() > max_name_bytes)
      return corrupt(name, cat("has a name of ", name.size(), " bytes, expected 1 to ", max_name_bytes));
    QUERN_TRY(SafeTensor tensor, read_tensor(name, info));
    tensors.push_back(std::move(tensor));
  }
  QUERN_CHECK(place_tensors(tensors, sizeof n_header + n_header, n_rest - n_header));
  return tensors;
}

}  // namespace

struct Safetensors::Impl {
  struct Shard {
    std::string name;  ///< for messages; empty for bytes in memory
    std::unique_ptr<const ByteSource> source;
    std::optional<JsonDocument> header;
  };
  std::vector<Shard> shards;
  std::vector<SafeTensor> tensors;
  NameIndex<SafeTensor, &SafeTensor::name> by_name;

  Result<void> add(std::string name, std::unique_ptr<const ByteSource> source) {
    const auto number = static_cast<std::uint32_t>(shards.size());
    shards.push_back({.name = std::move(name), .source = std::move(source), .header = {}});
    auto found = read_header(*shards.back().source, shards.back().header);
    if (!found) {
      Error error = std::move(found).error();
      if (!shards.back().name.empty()) error.message = cat(shards.back().name, ": ", error.message);
      return error;
    }
    for (SafeTensor& tensor : *found) {
      tensor.shard = number;
      tensors.push_back(std::move(tensor));
    }
    return {};
  }

  Result<void> add(const std::filesystem::path& path) {
    QUERN_TRY(InputFile file, InputFile::open(path));
    return add(path.string(), std::make_unique<InputFile>(std::move(file)));
  }

  // Names are unique inside a header already.
  Result<void> index() {
    by_name = decltype(by_name)(tensors);
    if (const SafeTensor* twice = by_name.duplicate(tensors))
      return corrupt(twice->name, cat("stands in ", shards[by_name.find(tensors, twice->name)->shard].name,
                                      " and in ", shards[twice->shard].name));
    return {};
  }
};

Result<Safetensors> Safetensors::open(const std::filesystem::path& file) {
  auto impl = std::make_shared<Impl>();
  QUERN_CHECK(impl->add(file));
  QUERN_CHECK(impl->index());
  return Safetensors(std::move(impl));
}

Result<Safetensors> Safetensors::from_bytes(std::span<const std::byte> bytes) {
  auto impl = std::make_shared<Impl>();
  QUERN_CHECK(impl->add("", std::make_unique<MemorySource>(bytes)));
  QUERN_CHECK(impl->index());
  return Safetensors(std::move(impl));
}

namespace {

constexpr std::string_view index_name = "model.safetensors.index.json";

Error index_error(const std::filesystem::path& path, ErrorCode code, std::string_view what) {
  return Error{code, cat(path.string(), ": ", what), "weight_map"};
}

// A plain name of a file beside the index.
bool stays_in_folder(std::string_view name) {
  constexpr std::size_t max_bytes = 255;
  return name.ends_with(".safetensors") && !name.starts_with('.') && name.size() <= max_bytes &&
         std::none_of(name.begin(), name.end(), [](char c) {
           return c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20;
         });
}

Result<JsonDocument> read_index(const std::filesystem::path& path) {
  QUERN_TRY(const InputFile file, InputFile::open(path));
  if (file.size() > max_index_bytes)
    return index_error(path, ErrorCode::unsupported,
                       cat("has ", file.size(), " bytes, expected at most ", max_index_bytes));
  std::string text(static_cast<std::size_t>(file.size()), '\0');
  QUERN_CHECK(file.read(0, std::as_writable_bytes(std::span(text))));
  return JsonDocument::parse(std::move(text), path.string(), {.max_bytes = max_index_bytes});
}

}  // namespace

Result<Safetensors> Safetensors::open_folder(const std::filesystem::path& folder) {
  const std::filesystem::path index_path = folder / index_name;
  std::error_code ignored;
  if (!std::filesystem::exists(index_path, ignored)) return open(folder / "model.safetensors");

  QUERN_TRY(const JsonDocument index, read_index(index_path));
  const auto map = index.root().find("weight_map");
  if (!map || !map->is_object() || map->size() == 0)
    return index_error(
        index_path, ErrorCode::corrupt,
        cat("'weight_map' is ", map ? map->description() : "absent", ", expected an object of file names"));
  std::set<std::string_view> names;
  for (const auto [tensor, file] : map->members()) {
    const auto name = file.string();
    if (!name || !stays_in_folder(*name))
      return index_error(index_path, ErrorCode::corrupt,
                         cat("tensor '", printable(tensor), "' is in ", file.description(),
                             ", expected the name of a .safetensors file in this folder"));
    names.insert(*name);
  }
  if (names.size() > max_shards)
    return index_error(index_path, ErrorCode::unsupported,
                       cat("names ", names.size(), " files, expected at most ", max_shards));
  auto impl = std::make_shared<Impl>();
  for (const std::string_view name : names) QUERN_CHECK(impl->add(folder / name));
  QUERN_CHECK(impl->index());
  for (const auto [name, file] : map->members()) {
    const SafeTensor* tensor = impl->by_name.find(impl->tensors, name);
    const std::string wanted = (folder / *file.string()).string();
    if (!tensor || impl->shards[tensor->shard].name != wanted)
      return corrupt(name, cat("is not in ", wanted, ", where ", index_name, " says it is"));
  }
  return Safetensors(std::move(impl));
}

std::span<const SafeTensor> Safetensors::tensors() const { return impl_->tensors; }
const SafeTensor* Safetensors::find(std::string_view name) const {
  return impl_->by_name.find(impl_->tensors, name);
}

std::uint64_t Safetensors::data_bytes() const {
  std::uint64_t sum = 0;
  for (const SafeTensor& tensor : impl_->tensors) sum += tensor.n_bytes;
  return sum;
}

Result<void> Safetensors::read(const SafeTensor& tensor, std::uint64_t offset,
                               std::span<std::byte> out) const {
  return impl_->shards[tensor.shard].source->read(tensor.file_offset + offset, out);
}

std::string_view to_string(SafeType type) { return types[static_cast<std::size_t>(type)].name; }
std::size_t value_bytes(SafeType type) { return types[static_cast<std::size_t>(type)].bytes; }

bool is_float(SafeType type) {
  return type == SafeType::f16 || type == SafeType::bf16 || type == SafeType::f32 || type == SafeType::f64;
}

namespace {

template <typename Stored, typename Convert>
void convert(std::span<const std::byte> bytes, std::span<float> values, Convert&& to_float) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    Stored stored;
    std::memcpy(&stored, bytes.data() + i * sizeof stored, sizeof stored);
    values[i] = to_float(stored);
  }
}

}  // namespace

void to_floats(SafeType type, std::span<const std::byte> bytes, std::span<float> values) {
  switch (type) {
    case SafeType::f16: return convert<std::uint16_t>(bytes, values, half_to_float);
    case SafeType::bf16: return convert<std::uint16_t>(bytes, values, bf16_to_float);
    case SafeType::f64: return convert<double>(bytes, values, [](double x) { return static_cast<float>(x); });
    default: return convert<float>(bytes, values, [](float x) { return x; });
  }
}

}  // namespace quern::formats
