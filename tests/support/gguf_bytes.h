#pragma once
// Small GGUF files in memory, right or wrong on purpose. Nothing is checked here: a table of broken files
// changes one thing each.
//
//   gguf().kv("general.architecture", "llama").tensor("w", {4}).bytes()
//   gguf().magic("GGUX").bytes()
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "formats/gguf_writer.h"
#include "formats/metadata.h"
#include "formats/tensor_type.h"

namespace quern::test {

using formats::TensorType;
using formats::ValueType;

class GgufBytes {
 public:
  // The header, as it should be unless told otherwise.
  GgufBytes& magic(std::string_view text) { return magic_ = text, *this; }
  GgufBytes& version(std::uint32_t number) { return version_ = number, *this; }
  GgufBytes& n_tensors(std::uint64_t count) { return n_tensors_ = count, *this; }
  GgufBytes& n_kv(std::uint64_t count) { return n_kv_ = count, *this; }
  /// What offsets and padding keep to; the key general.alignment is a kv() like others.
  GgufBytes& alignment(std::uint64_t bytes) { return alignment_ = bytes, *this; }

  template <formats::gguf::Number T>
  GgufBytes& kv(std::string_view key, T value) {
    return raw_kv(key, static_cast<std::uint32_t>(formats::gguf::value_type<T>()), packed(value));
  }
  GgufBytes& kv(std::string_view key, std::string_view text) {
    return raw_kv(key, static_cast<std::uint32_t>(ValueType::string), string(text));
  }
  template <formats::gguf::Number T>
  GgufBytes& kv(std::string_view key, std::initializer_list<T> values) {
    std::string elements;
    for (const T value : values) elements += packed(value);
    return array_kv(key, static_cast<std::uint32_t>(formats::gguf::value_type<T>()), values.size(), elements);
  }
  GgufBytes& kv(std::string_view key, const std::vector<std::string>& texts) {
    std::string elements;
    for (const std::string& text : texts) elements += string(text);
    return array_kv(key, static_cast<std::uint32_t>(ValueType::string), texts.size(), elements);
  }
  /// Any type numbers, counts and bytes.
  GgufBytes& array_kv(std::string_view key, std::uint32_t element_type, std::uint64_t count,
                      std::string_view bytes) {
    return raw_kv(key, static_cast<std::uint32_t>(ValueType::array),
                  packed(element_type) + packed(count).append(bytes));
  }
  GgufBytes& raw_kv(std::string_view key, std::uint32_t type, std::string_view bytes) {
    keys_ += string(key) + packed(type).append(bytes);
    return ++found_kv_, *this;
  }
  /// Bytes of the metadata that are no entry of their own.
  GgufBytes& raw(std::string_view bytes) { return keys_ += bytes, *this; }

  /// Without an offset the tensor follows the one before, as writers do.
  GgufBytes& tensor(std::string_view name, std::initializer_list<std::uint64_t> dims,
                    TensorType type = TensorType::f32, std::optional<std::uint64_t> offset = {}) {
    std::string bytes = packed(static_cast<std::uint32_t>(dims.size()));
    for (const std::uint64_t dim : dims) bytes += packed(dim);
    bytes += packed(static_cast<std::uint32_t>(type)) + packed(offset.value_or(data_bytes_));
    const std::uint64_t size = tensor_bytes(dims, type);
    if (!offset) data_bytes_ += (size + alignment_ - 1) / alignment_ * alignment_;
    return raw_info(name, bytes);
  }
  GgufBytes& raw_info(std::string_view name, std::string_view bytes) {
    infos_ += string(name).append(bytes);
    return ++found_tensors_, *this;
  }
  /// Instead of as many bytes as the tensors take, 0, 1, 2, ... 250, 0, 1 ...
  GgufBytes& data(std::uint64_t n_bytes) { return data_bytes_ = n_bytes, *this; }
  /// The last n bytes of the file are left out.
  GgufBytes& cut(std::uint64_t n) { return cut_ = n, *this; }

  std::vector<std::byte> bytes() const {
    std::string out = magic_ + packed(version_) + packed(n_tensors_.value_or(found_tensors_)) +
                      packed(n_kv_.value_or(found_kv_)) + keys_ + infos_;
    if (found_tensors_ > 0) out.resize((out.size() + alignment_ - 1) / alignment_ * alignment_);
    for (std::uint64_t i = 0; i < data_bytes_; ++i) out += static_cast<char>(i % 251);
    out.resize(out.size() - std::min<std::uint64_t>(cut_, out.size()));
    const auto view = std::as_bytes(std::span(out));
    return {view.begin(), view.end()};
  }

 private:
  template <typename T>
  static std::string packed(T value) {
    std::string out(sizeof value, '\0');
    std::memcpy(out.data(), &value, sizeof value);
    return out;
  }
  static std::string string(std::string_view text) {
    return packed(static_cast<std::uint64_t>(text.size())).append(text);
  }
  // Zero where the shape or type is broken or absurd: then there is no data to follow.
  static std::uint64_t tensor_bytes(std::initializer_list<std::uint64_t> dims, TensorType type) {
    const auto info = formats::find_tensor_type(static_cast<std::uint32_t>(type));
    std::uint64_t elements = 1;
    for (const std::uint64_t dim : dims) {
      if (dim == 0 || dim > (1u << 20) / elements) return 0;
      elements *= dim;
    }
    return info ? elements / (*info)->block_elements * (*info)->block_bytes : 0;
  }

  std::string magic_ = "GGUF";
  std::uint32_t version_ = 3;
  std::optional<std::uint64_t> n_tensors_, n_kv_;
  std::uint64_t found_tensors_ = 0, found_kv_ = 0;
  std::uint64_t alignment_ = 32, data_bytes_ = 0, cut_ = 0;
  std::string keys_, infos_;
};

inline GgufBytes gguf() { return {}; }

inline void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace quern::test
