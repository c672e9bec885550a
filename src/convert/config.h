#pragma once
// config.json as the families read it. The first error sticks and every call after it is harmless, so that
// what reads many values needs no error handling in between.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "quern/result.h"

namespace quern::detail {

class Config {
 public:
  /// `file` begins each message; `defaults` has what a key that is absent stands for. Requires: the documents
  /// of both outlive this.
  Config(formats::JsonValue root, formats::JsonValue defaults, std::string_view file)
      : root_(root), defaults_(defaults), file_(file) {}

  /// A value that is there, or its default, and not null.
  std::optional<formats::JsonValue> find(std::string_view key) const;
  bool has(std::string_view key) const { return find(key).has_value(); }
  /// The object of that key as a Config of its own; nothing where there is none. Its errors are its own.
  std::optional<Config> object(std::string_view key) const;

  /// An integer in [1, 2^31).
  std::uint32_t size(std::string_view key);
  std::uint32_t size_or(std::string_view key, std::uint32_t fallback);  ///< 0 is allowed too
  double number(std::string_view key);
  double number_or(std::string_view key, double fallback);
  bool flag_or(std::string_view key, bool fallback);
  std::string_view text_or(std::string_view key, std::string_view fallback);
  std::vector<double> numbers(std::string_view key);

  /// A switch that must stand where the family's arithmetic has it: `allowed` lists the values
  /// ("gelu_new|gelu"), written as in JSON but strings without quotes; "null" is a key that is absent or
  /// null.
  void expect(std::string_view key, std::string_view allowed);

  /// unsupported: "config.json: 'key' is <found>, expected <expected>".
  void unsupported(std::string_view key, std::string_view found, std::string_view expected);
  void wrong(std::string_view key, std::string_view expected);
  const std::optional<Error>& error() const { return error_; }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }

 private:
  std::string found(std::string_view key) const;

  formats::JsonValue root_, defaults_;
  std::string file_;
  std::optional<Error> error_{};
};

}  // namespace quern::detail
