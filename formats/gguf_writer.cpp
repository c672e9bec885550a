#include "formats/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include "formats/printable.h"
#include "formats/try.h"

namespace quern::formats {
namespace {

template <typename T>
void append_number(std::string& out, T value) {
  const auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  out.append(bytes.data(), bytes.size());
}

void append_string(std::string& out, std::string_view text) {
  append_number(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

void append_bytes(std::string& out, std::span<const std::byte> bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Error refused(std::string_view noun, std::string_view name, std::string_view what) {
  return Error{ErrorCode::invalid_argument, cat(noun, " '", printable(name), "' ", what), printable(name)};
}

}  // namespace

void GgufContents::put_bytes(std::string_view key, std::string bytes) {
  if (key == gguf::alignment_key) return;  // encode() writes it
  auto at = values_.find(key);
  if (at == values_.end())
    at = values_.emplace(std::string(key), Value{.order = ++n_puts_, .bytes = {}}).first;
  at->second.bytes = std::move(bytes);
}

void GgufContents::put(std::string_view key, ValueType type, std::span<const std::byte> value) {
  std::string bytes;
  append_number(bytes, type);
  append_bytes(bytes, value);
  put_bytes(key, std::move(bytes));
}

void GgufContents::put_array(std::string_view key, ValueType type, std::uint64_t size,
                             std::span<const std::byte> packed) {
  if (size == 0) return remove(key);
  std::string bytes;
  append_number(bytes, ValueType::array);
  append_number(bytes, type);
  append_number(bytes, size);
  append_bytes(bytes, packed);
  put_bytes(key, std::move(bytes));
}

void GgufContents::put_strings(std::string_view key, std::span<const std::string_view> texts) {
  std::string packed;
  for (const std::string_view text : texts) append_string(packed, text);
  put_array(key, ValueType::string, texts.size(), std::as_bytes(std::span(packed)));
}

void GgufContents::set(std::string_view key, std::string_view text) {
  std::string packed;
  append_string(packed, text);
  put(key, ValueType::string, std::as_bytes(std::span(packed)));
}

void GgufContents::copy(const MetadataEntry& entry) {
  if (const auto* array = std::get_if<MetadataArray>(&entry.value)) {
    if (array->element_type == ValueType::string) return put_strings(entry.key, array->strings);
    return put_array(entry.key, array->element_type, array->size, array->packed);
  }
  switch (entry.type) {
    case ValueType::f32: return set(entry.key, static_cast<float>(std::get<double>(entry.value)));
    case ValueType::f64: return set(entry.key, std::get<double>(entry.value));
    case ValueType::boolean: return set(entry.key, std::get<bool>(entry.value));
    case ValueType::string: return set(entry.key, std::get<std::string_view>(entry.value));
    default: break;
  }
  // The low bytes of the widened integer are the integer of the file.
  const auto* wide = std::get_if<std::uint64_t>(&entry.value);
  const std::uint64_t bits = wide ? *wide : static_cast<std::uint64_t>(std::get<std::int64_t>(entry.value));
  put(entry.key, entry.type, std::as_bytes(std::span(&bits, 1)).first(gguf::value_bytes(entry.type)));
}

void GgufContents::copy(const Metadata& metadata) {
  for (const MetadataEntry& entry : metadata.entries())
    if (!entry.key.starts_with("split.")) copy(entry);
}

void GgufContents::remove(std::string_view key) {
  if (const auto at = values_.find(key); at != values_.end()) values_.erase(at);
}

void GgufContents::add_tensor(std::string_view name, TensorType type, std::span<const std::uint64_t> dims) {
  tensors_.push_back(Info{std::string(name), type, {dims.begin(), dims.end()}});
}

Result<GgufContents::Encoded> GgufContents::encode() const {
  if (!std::has_single_bit(alignment_) || alignment_ < 8 || alignment_ > gguf::max_alignment)
    return refused("key", gguf::alignment_key,
                   cat("is ", alignment_, ", expected a power of two from 8 to ", gguf::max_alignment));
  using Entry = std::pair<const std::string, Value>;
  std::vector<const Entry*> entries;
  for (const Entry& entry : values_) {
    if (entry.first.empty() || entry.first.size() > gguf::max_key_bytes)
      return refused("key", entry.first,
                     cat("has ", entry.first.size(), " bytes, expected 1 to ", gguf::max_key_bytes));
    entries.push_back(&entry);
  }
  const auto place = [](const Entry* entry) {
    return entry->first == "general.architecture" ? 0 : entry->second.order;
  };
  std::sort(entries.begin(), entries.end(), [&](auto* a, auto* b) { return place(a) < place(b); });
  const bool own_alignment = alignment_ != gguf::default_alignment;

  std::string out(gguf::magic);
  append_number(out, gguf::max_version);
  append_number(out, static_cast<std::uint64_t>(tensors_.size()));
  append_number(out, static_cast<std::uint64_t>(entries.size() + (own_alignment ? 1 : 0)));
  for (const Entry* entry : entries) {
    append_string(out, entry->first);
    out += entry->second.bytes;
  }
  if (own_alignment) {
    append_string(out, gguf::alignment_key);
    append_number(out, ValueType::u32);
    append_number(out, alignment_);
  }

  Encoded encoded{.header = {}, .tensor_bytes = {}, .names = {}, .alignment = alignment_};
  std::uint64_t offset = 0;
  std::set<std::string_view> names;
  for (const Info& tensor : tensors_) {
    if (tensor.name.empty() || tensor.name.size() > gguf::max_name_bytes)
      return refused(
          "tensor", tensor.name,
          cat("has a name of ", tensor.name.size(), " bytes, expected 1 to ", gguf::max_name_bytes));
    if (!names.insert(tensor.name).second) return refused("tensor", tensor.name, "was added twice");
    if (tensor.dims.empty() || tensor.dims.size() > gguf::max_dims)
      return refused("tensor", tensor.name,
                     cat("has ", tensor.dims.size(), " dimensions, expected 1 to ", gguf::max_dims));
    const TensorTypeInfo& type = tensor_type_info(tensor.type);
    if (tensor.dims[0] % type.block_elements != 0)
      return refused("tensor", tensor.name,
                     cat("has rows of ", tensor.dims[0], " values, expected a multiple of ",
                         type.block_elements, " for ", type.name));
    auto n_bytes = gguf::multiply(tensor.dims[0] / type.block_elements, type.block_bytes);
    for (std::size_t i = 1; i < tensor.dims.size() && n_bytes; ++i)
      n_bytes = gguf::multiply(*n_bytes, tensor.dims[i]);
    if (!n_bytes || *n_bytes == 0 || *n_bytes > static_cast<std::uint64_t>(INT64_MAX) - alignment_ - offset)
      return refused("tensor", tensor.name, "has a dimension of zero, or more than 2^63 bytes");
    append_string(out, tensor.name);
    append_number(out, static_cast<std::uint32_t>(tensor.dims.size()));
    for (const std::uint64_t dim : tensor.dims) append_number(out, dim);
    append_number(out, tensor.type);
    append_number(out, offset);
    offset += gguf::pad(*n_bytes, alignment_);
    encoded.tensor_bytes.push_back(*n_bytes);
    encoded.names.push_back(tensor.name);
  }
  if (!tensors_.empty()) out.resize(gguf::pad(out.size(), alignment_));
  const auto bytes = std::as_bytes(std::span(out));
  encoded.header.assign(bytes.begin(), bytes.end());
  return encoded;
}

Result<GgufWriter> GgufWriter::create(const std::filesystem::path& path, const GgufContents& contents) {
  QUERN_TRY(GgufContents::Encoded encoded, contents.encode());
  QUERN_TRY(OutputFile file, OutputFile::create(path));
  QUERN_CHECK(file.write(encoded.header));
  return GgufWriter(std::move(file), std::move(encoded));
}

Result<void> GgufWriter::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (tensor_ == encoded_.tensor_bytes.size())
      return Error{ErrorCode::invalid_argument, cat(bytes.size(), " bytes too many after the last tensor"),
                   "bytes"};
    const std::uint64_t n_bytes = encoded_.tensor_bytes[tensor_];
    const auto piece =
        bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), n_bytes - written_)));
    QUERN_CHECK(file_.write(piece));
    bytes = bytes.subspan(piece.size());
    written_ += piece.size();
    if (written_ < n_bytes) break;
    const std::vector<std::byte> padding(gguf::pad(n_bytes, encoded_.alignment) - n_bytes);
    QUERN_CHECK(file_.write(padding));
    ++tensor_;
    written_ = 0;
  }
  return {};
}

Result<void> GgufWriter::finish() {
  if (tensor_ < encoded_.tensor_bytes.size())
    return refused("tensor", encoded_.names[tensor_],
                   cat("got ", written_, " bytes, expected ", encoded_.tensor_bytes[tensor_]));
  return file_.commit();
}

}  // namespace quern::formats
