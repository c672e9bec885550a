#pragma once
// The key-value part of a GGUF file, as it stands after validation: every string and array lies in one private
// copy of the header, so that a file that changes under its mapping cannot change what was checked.
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "quern/result.h"

namespace quern::formats {

/// Numbers as in the file.
enum class ValueType : std::uint32_t {
  u8 = 0, i8 = 1, u16 = 2, i16 = 3, u32 = 4, i32 = 5, f32 = 6, boolean = 7, string = 8, array = 9, u64 = 10,
  i64 = 11, f64 = 12,
};
std::string_view to_string(ValueType type);

/// An array of numbers or of strings. Numbers are read one at a time from the packed bytes.
struct MetadataArray {
  ValueType element_type{};
  std::uint64_t size = 0;
  std::span<const std::byte> packed{};               ///< for numbers and booleans: size * element bytes
  std::vector<std::string_view> strings{};           ///< for strings
};

/// Element i of an array of numbers or booleans, as a person writes it. Requires: i < array.size.
std::string element_text(const MetadataArray& array, std::uint64_t i);

struct MetadataEntry {
  std::string_view key;
  ValueType type{};                                  ///< as in the file
  std::variant<std::uint64_t, std::int64_t, double, bool, std::string_view, MetadataArray> value;
};

/// Keys and values in file order. Views stay valid as long as the Metadata (or a copy of it) lives.
/// Safe to read from any number of threads.
/// Each getter takes any width of its kind whose value fits (never reinterpreting bytes), and otherwise gives an
/// Error{corrupt} whose field is the key and whose message says what was found and what was expected.
class Metadata {
 public:
  std::span<const MetadataEntry> entries() const;
  const MetadataEntry* find(std::string_view key) const;      ///< null if absent
  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// Required values: an absent key is an error too.
  Result<std::uint64_t> unsigned_integer(std::string_view key, std::uint64_t max = UINT64_MAX) const;
  Result<double> number(std::string_view key) const;           ///< finite; integers are accepted
  Result<bool> boolean(std::string_view key) const;
  Result<std::string_view> string(std::string_view key) const;
  Result<std::span<const std::string_view>> strings(std::string_view key) const;
  Result<std::vector<std::int64_t>> integers(std::string_view key) const;   ///< array of any integers or booleans
  Result<std::vector<float>> numbers(std::string_view key) const;           ///< array of f32 or f64 (or integers)

  /// Optional values: `fallback` when the key is absent; present with the wrong type is still an error.
  Result<std::uint64_t> unsigned_integer_or(std::string_view key, std::uint64_t fallback,
                                            std::uint64_t max = UINT64_MAX) const;
  Result<double> number_or(std::string_view key, double fallback) const;
  Result<bool> boolean_or(std::string_view key, bool fallback) const;
  Result<std::string_view> string_or(std::string_view key, std::string_view fallback) const;

  std::uint64_t memory_bytes() const;                          ///< what it keeps in memory
  struct Storage;                                              ///< in metadata_storage.h
  explicit Metadata(std::shared_ptr<const Storage> storage) : storage_(std::move(storage)) {}
  Metadata() = default;

 private:
  std::shared_ptr<const Storage> storage_;
};

}  // namespace quern::formats
