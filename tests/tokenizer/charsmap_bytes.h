#pragma once
// The bytes of tokenizer.ggml.precompiled_charsmap for a few keys: a double array in which the children of
// every node have a block of 256 units of their own, which wastes room and is plain.
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace quern::test {

class CharsmapBytes {
 public:
  explicit CharsmapBytes(const std::map<std::string, std::string>& replacements) : units_(256) {
    units_[0] = 256u << 10;  // the root's children begin at the second block
    units_.resize(512);
    for (const auto& [key, text] : replacements) add(key, text);
  }

  static constexpr std::uint32_t leaf = 0x100;

  std::vector<std::uint32_t>& units() { return units_; }
  std::string& texts() { return texts_; }
  // The unit that the key leads to.
  std::size_t unit_of(const std::string& key) const {
    std::size_t n = 256;
    for (std::size_t i = 0; i < key.size(); ++i) {
      n = at(n, static_cast<std::uint8_t>(key[i]));
      if (i + 1 < key.size()) n = block_of(n);
    }
    return n;
  }

  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> out;
    append(out, static_cast<std::uint32_t>(4 * units_.size()));
    for (const std::uint32_t unit : units_) append(out, unit);
    out.insert(out.end(), texts_.begin(), texts_.end());
    return out;
  }

 private:
  static void append(std::vector<std::uint8_t>& out, std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
  }
  static std::size_t at(std::size_t block, std::uint8_t byte) { return block ^ byte; }
  std::size_t block_of(std::size_t n) const { return n ^ (units_[n] >> 10); }

  void add(const std::string& key, const std::string& text) {
    std::size_t block = 256;
    for (const char& c : key) {
      const std::size_t n = at(block, static_cast<std::uint8_t>(c));
      if ((units_[n] & 0x800000FF) != static_cast<std::uint8_t>(c) || units_[n] == 0) {
        const std::size_t fresh = units_.size();
        units_.resize(fresh + 256);
        units_[n] = static_cast<std::uint32_t>(n ^ fresh) << 10 | static_cast<std::uint8_t>(c);
      }
      block = block_of(n);
      if (&c == &key.back()) {
        units_[n] |= leaf;
        units_[block] = 0x80000000u | static_cast<std::uint32_t>(texts_.size());
      }
    }
    texts_ += text;
    texts_ += '\0';
  }

  std::vector<std::uint32_t> units_;
  std::string texts_;
};

}  // namespace quern::test
