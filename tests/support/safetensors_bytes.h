#pragma once
// Writes safetensors files for tests: sound ones, and ones that break a rule.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace quern::test {

/// A file whose header is this text and whose data is these bytes.
inline std::string safetensors_file(std::string_view header, std::string_view data = {}) {
  const std::uint64_t length = header.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out.append(header).append(data);
}

/// A sound file, tensor by tensor.
class SafetensorsBytes {
 public:
  SafetensorsBytes& tensor(std::string_view name, std::string_view dtype,
                           const std::vector<std::uint64_t>& shape, std::string_view bytes) {
    header_ += header_.empty() ? "{" : ",";
    header_.append("\"").append(name).append("\":{\"dtype\":\"").append(dtype).append("\",\"shape\":[");
    for (std::size_t i = 0; i < shape.size(); ++i)
      header_.append(i == 0 ? "" : ",").append(std::to_string(shape[i]));
    header_.append("],\"data_offsets\":[").append(std::to_string(data_.size())).append(",");
    data_ += bytes;
    header_.append(std::to_string(data_.size())).append("]}");
    return *this;
  }
  SafetensorsBytes& tensor(std::string_view name, const std::vector<std::uint64_t>& shape,
                           std::span<const float> values) {
    return tensor(name, "F32", shape,
                  {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)});
  }

  std::string bytes() const { return safetensors_file(header_.empty() ? "{}" : header_ + "}", data_); }
  void write(const std::string& path) const {
    const std::string all = bytes();
    std::ofstream(path, std::ios::binary).write(all.data(), static_cast<std::streamsize>(all.size()));
  }

 private:
  std::string header_, data_;
};

}  // namespace quern::test
