#include "formats/metadata.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "formats/gguf_layout.h"
#include "formats/metadata_storage.h"
#include "formats/printable.h"
#include "formats/try.h"

namespace quern::formats {
namespace {

template <typename T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

// Calls use(value) with element i in its own type. Requires: a number or boolean array, i < size.
template <typename Use>
auto with_element(const MetadataArray& array, std::uint64_t i, Use use) {
  const std::byte* at = array.packed.data() + i * gguf::value_bytes(array.element_type);
  switch (array.element_type) {
    case ValueType::i8: return use(load<std::int8_t>(at));
    case ValueType::u16: return use(load<std::uint16_t>(at));
    case ValueType::i16: return use(load<std::int16_t>(at));
    case ValueType::u32: return use(load<std::uint32_t>(at));
    case ValueType::i32: return use(load<std::int32_t>(at));
    case ValueType::u64: return use(load<std::uint64_t>(at));
    case ValueType::i64: return use(load<std::int64_t>(at));
    case ValueType::f32: return use(load<float>(at));
    case ValueType::f64: return use(load<double>(at));
    default:
      return use(load<std::uint8_t>(at));  // u8, and booleans, which the reader has checked to be 0 or 1
  }
}

// What an entry holds, for messages: "i32 -5", "an array of 3 f32", "the string 'abc'".
std::string describe(const MetadataEntry& entry) {
  if (const auto* array = std::get_if<MetadataArray>(&entry.value))
    return cat("an array of ", array->size, " ", to_string(array->element_type));
  if (const auto* text = std::get_if<std::string_view>(&entry.value))
    return cat("the string '", printable(*text), "'");
  if (const auto* truth = std::get_if<bool>(&entry.value)) return cat("bool ", *truth);
  if (const auto* number = std::get_if<std::uint64_t>(&entry.value))
    return cat(to_string(entry.type), " ", *number);
  if (const auto* number = std::get_if<std::int64_t>(&entry.value))
    return cat(to_string(entry.type), " ", *number);
  return cat(to_string(entry.type), " ", std::get<double>(entry.value));
}

Error at_fault(std::string_view key, std::string what) {
  return Error{ErrorCode::corrupt, cat("key '", printable(key), "' ", what), printable(key)};
}

Error wrong(const MetadataEntry& entry, std::string_view expected) {
  return at_fault(entry.key, cat("is ", describe(entry), ", expected ", expected));
}

Error absent(std::string_view key, std::string_view expected) {
  return at_fault(key, cat("is absent, expected ", expected));
}

Result<const MetadataArray*> array_of(const Metadata& metadata, std::string_view key,
                                      std::string_view expected) {
  const MetadataEntry* entry = metadata.find(key);
  if (!entry) return absent(key, expected);
  const auto* array = std::get_if<MetadataArray>(&entry->value);
  if (!array) return wrong(*entry, expected);
  return array;
}

}  // namespace

std::string element_text(const MetadataArray& array, std::uint64_t i) {
  if (array.element_type == ValueType::boolean)
    return with_element(array, i, [](auto value) { return cat(value != 0); });
  return with_element(array, i, [](auto value) { return cat(value); });
}

std::string_view to_string(ValueType type) {
  constexpr std::string_view names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                        "bool", "string", "array", "u64", "i64", "f64"};
  const auto id = static_cast<std::uint32_t>(type);
  return id < std::size(names) ? names[id] : "unknown";
}

std::span<const MetadataEntry> Metadata::entries() const {
  if (!storage_) return {};
  return storage_->entries;
}

const MetadataEntry* Metadata::find(std::string_view key) const {
  return storage_ ? storage_->by_key.find(storage_->entries, key) : nullptr;
}

Result<std::uint64_t> Metadata::unsigned_integer(std::string_view key, std::uint64_t max) const {
  const auto expected = [max] {
    return max == UINT64_MAX ? std::string("an unsigned integer") : cat("an integer from 0 to ", max);
  };
  const MetadataEntry* entry = find(key);
  if (!entry) return absent(key, expected());
  std::uint64_t value = 0;
  if (const auto* number = std::get_if<std::uint64_t>(&entry->value))
    value = *number;
  else if (const auto* signed_number = std::get_if<std::int64_t>(&entry->value);
           signed_number && *signed_number >= 0)
    value = static_cast<std::uint64_t>(*signed_number);
  else
    return wrong(*entry, expected());
  if (value > max) return wrong(*entry, expected());
  return value;
}

Result<double> Metadata::number(std::string_view key) const {
  constexpr std::string_view expected = "a finite number";
  const MetadataEntry* entry = find(key);
  if (!entry) return absent(key, expected);
  if (const auto* real = std::get_if<double>(&entry->value); real && std::isfinite(*real)) return *real;
  if (const auto* number = std::get_if<std::uint64_t>(&entry->value)) return static_cast<double>(*number);
  if (const auto* number = std::get_if<std::int64_t>(&entry->value)) return static_cast<double>(*number);
  return wrong(*entry, expected);
}

Result<bool> Metadata::boolean(std::string_view key) const {
  const MetadataEntry* entry = find(key);
  if (!entry) return absent(key, "a boolean");
  if (const auto* truth = std::get_if<bool>(&entry->value)) return *truth;
  return wrong(*entry, "a boolean");
}

Result<std::string_view> Metadata::string(std::string_view key) const {
  const MetadataEntry* entry = find(key);
  if (!entry) return absent(key, "a string");
  if (const auto* text = std::get_if<std::string_view>(&entry->value)) return *text;
  return wrong(*entry, "a string");
}

Result<std::span<const std::string_view>> Metadata::strings(std::string_view key) const {
  QUERN_TRY(const MetadataArray* array, array_of(*this, key, "an array of strings"));
  if (array->element_type != ValueType::string) return wrong(*find(key), "an array of strings");
  return std::span<const std::string_view>(array->strings);
}

Result<std::vector<std::int64_t>> Metadata::integers(std::string_view key) const {
  constexpr std::string_view expected = "an array of integers";
  QUERN_TRY(const MetadataArray* array, array_of(*this, key, expected));
  const ValueType type = array->element_type;
  if (type == ValueType::string || type == ValueType::f32 || type == ValueType::f64)
    return wrong(*find(key), expected);
  std::vector<std::int64_t> values(array->size);
  for (std::uint64_t i = 0; i < array->size; ++i) {
    if (type == ValueType::u64 && (array->packed[i * 8 + 7] & std::byte{0x80}) != std::byte{0})
      return at_fault(key, cat("has an element ", i, " beyond the largest 64-bit signed integer"));
    values[i] = with_element(*array, i, [](auto value) { return static_cast<std::int64_t>(value); });
  }
  return values;
}

Result<std::vector<float>> Metadata::numbers(std::string_view key) const {
  constexpr std::string_view expected = "an array of numbers";
  QUERN_TRY(const MetadataArray* array, array_of(*this, key, expected));
  if (array->element_type == ValueType::string || array->element_type == ValueType::boolean)
    return wrong(*find(key), expected);
  std::vector<float> values(array->size);
  for (std::uint64_t i = 0; i < array->size; ++i) {
    const double value = with_element(*array, i, [](auto element) { return static_cast<double>(element); });
    if (std::isfinite(value) && std::abs(value) > std::numeric_limits<float>::max())
      return at_fault(key, cat("has ", value, " as element ", i, ", beyond the range of f32"));
    values[i] = static_cast<float>(value);
  }
  return values;
}

Result<std::uint64_t> Metadata::unsigned_integer_or(std::string_view key, std::uint64_t fallback,
                                                    std::uint64_t max) const {
  if (!has(key)) return fallback;
  return unsigned_integer(key, max);
}

Result<double> Metadata::number_or(std::string_view key, double fallback) const {
  if (!has(key)) return fallback;
  return number(key);
}

Result<bool> Metadata::boolean_or(std::string_view key, bool fallback) const {
  if (!has(key)) return fallback;
  return boolean(key);
}

Result<std::string_view> Metadata::string_or(std::string_view key, std::string_view fallback) const {
  if (!has(key)) return fallback;
  return string(key);
}

std::uint64_t Metadata::memory_bytes() const {
  if (!storage_) return 0;
  std::uint64_t bytes = storage_->pieces.n_bytes + storage_->entries.capacity() * sizeof(MetadataEntry);
  for (const MetadataEntry& entry : storage_->entries)
    if (const auto* array = std::get_if<MetadataArray>(&entry.value))
      bytes += array->strings.capacity() * sizeof(std::string_view);
  return bytes;
}

}  // namespace quern::formats
