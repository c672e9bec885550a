#pragma once
// Writes GGUF files (version 3, little-endian): first what the file will hold, then the tensors' bytes in a
// stream.
//
//   GgufContents contents;
//   contents.set("general.architecture", "llama");
//   contents.add_tensor("token_embd.weight", TensorType::f32, {64, 320});
//   QUERN_TRY(GgufWriter writer, GgufWriter::create("tiny.gguf", contents));
//   QUERN_CHECK(writer.write(bytes));       // in the order of add_tensor, in pieces of any size
//   QUERN_CHECK(writer.finish());           // only now there is a tiny.gguf
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "formats/gguf_layout.h"
#include "formats/metadata.h"
#include "formats/output_file.h"
#include "formats/tensor_type.h"
#include "quern/result.h"

namespace quern::formats {

namespace gguf {

template <typename T, typename... Others>
concept one_of = (std::same_as<T, Others> || ...);
template <typename T>
concept Number = one_of<T, std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t,
                        std::int32_t, std::uint64_t, std::int64_t, float, double, bool>;
template <typename R>
concept NumberRange = std::ranges::contiguous_range<R> && Number<std::ranges::range_value_t<R>>;
template <typename R>
concept StringRange = std::ranges::input_range<R> && one_of < std::ranges::range_value_t<R>,
        std::string, std::string_view,
const char* > ;

template <Number T>
constexpr ValueType value_type() {
  if constexpr (std::same_as<T, bool>) return ValueType::boolean;
  if constexpr (std::same_as<T, float>) return ValueType::f32;
  if constexpr (std::same_as<T, double>) return ValueType::f64;
  if constexpr (sizeof(T) == 1) return std::is_signed_v<T> ? ValueType::i8 : ValueType::u8;
  if constexpr (sizeof(T) == 2) return std::is_signed_v<T> ? ValueType::i16 : ValueType::u16;
  if constexpr (sizeof(T) == 4) return std::is_signed_v<T> ? ValueType::i32 : ValueType::u32;
  return std::is_signed_v<T> ? ValueType::i64 : ValueType::u64;
}

}  // namespace gguf

/// The metadata and the list of tensors of a file to be written. Readers compare types, so a value is written
/// in exactly the type it is given in: u32 for counts and ids, f32 for real numbers, as in the files in
/// circulation.
class GgufContents {
 public:
  /// Where tensors begin: at multiples of `alignment`, written to the file when it is not 32.
  explicit GgufContents(std::uint32_t alignment = gguf::default_alignment) : alignment_(alignment) {}

  // Each replaces what the key had. An empty array removes the key: the format's usual way to say "none".
  template <gguf::Number T>
  void set(std::string_view key, T value) {
    put(key, gguf::value_type<T>(), std::as_bytes(std::span(&value, 1)));
  }
  void set(std::string_view key, std::string_view text);
  template <gguf::NumberRange R>
  void set(std::string_view key, const R& values) {
    using T = std::ranges::range_value_t<R>;
    put_array(key, gguf::value_type<T>(), std::ranges::size(values),
              std::as_bytes(std::span<const T>(std::ranges::data(values), std::ranges::size(values))));
  }
  template <gguf::StringRange R>
  void set(std::string_view key, const R& texts) {
    std::vector<std::string_view> views;
    for (const auto& text : texts) views.emplace_back(text);
    put_strings(key, views);
  }
  /// The key with its type and value from another file.
  void copy(const MetadataEntry& entry);
  /// Every key but those that describe the other file itself: general.alignment and split.*.
  void copy(const Metadata& metadata);
  void remove(std::string_view key);

  void add_tensor(std::string_view name, TensorType type, std::span<const std::uint64_t> dims);
  void add_tensor(std::string_view name, TensorType type, std::initializer_list<std::uint64_t> dims) {
    add_tensor(name, type, std::span<const std::uint64_t>(dims.begin(), dims.size()));
  }

  /// Everything before the data, and the bytes of each tensor; or ErrorCode::invalid_argument, whose field is
  /// the key or tensor that no reader would accept.
  struct Encoded {
    std::vector<std::byte> header;
    std::vector<std::uint64_t> tensor_bytes;
    std::vector<std::string> names;
    std::uint64_t alignment = 0;
  };
  Result<Encoded> encode() const;

 private:
  struct Value {
    std::uint64_t order = 0;  ///< keys are written in the order in which they came
    std::string bytes;        ///< type and value, as in the file
  };
  struct Info {
    std::string name;
    TensorType type{};
    std::vector<std::uint64_t> dims;
  };
  void put(std::string_view key, ValueType type, std::span<const std::byte> value);
  void put_array(std::string_view key, ValueType type, std::uint64_t size, std::span<const std::byte> packed);
  void put_strings(std::string_view key, std::span<const std::string_view> texts);
  void put_bytes(std::string_view key, std::string bytes);

  std::uint32_t alignment_;
  std::uint64_t n_puts_ = 0;
  std::map<std::string, Value, std::less<>> values_;
  std::vector<Info> tensors_;
};

/// Streams tensor data behind the header. Until finish() there is no file under the name; a writer that is
/// destroyed before leaves nothing. One thread at a time.
class GgufWriter {
 public:
  static Result<GgufWriter> create(const std::filesystem::path& path, const GgufContents& contents);
  /// The next bytes of the tensors, which may end or begin inside a tensor; the padding between is added
  /// here.
  Result<void> write(std::span<const std::byte> bytes);
  /// Fails, and leaves no file, when a tensor is not complete.
  Result<void> finish();

 private:
  GgufWriter(OutputFile file, GgufContents::Encoded encoded)
      : file_(std::move(file)), encoded_(std::move(encoded)) {}

  OutputFile file_;
  GgufContents::Encoded encoded_;
  std::size_t tensor_ = 0;     ///< the tensor that is being written
  std::uint64_t written_ = 0;  ///< bytes of it
};

}  // namespace quern::formats
