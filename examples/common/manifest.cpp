#include "common/manifest.h"

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/output_file.h"
#include "common/program.h"

namespace examples {

using nlohmann::ordered_json;

void write_manifest(const std::string& path, const quern::Manifest& manifest) {
  ordered_json tensors = ordered_json::array();
  for (const auto& tensor : manifest.tensors)
    tensors.push_back({{"name", tensor.name},
                       {"type", tensor.type},
                       {"dims", tensor.dims},
                       {"bytes", tensor.n_bytes},
                       {"sha256", tensor.sha256}});
  const ordered_json json = {
      {"quern_manifest", 1}, {"metadata_sha256", manifest.metadata_sha256}, {"tensors", tensors}};
  // Names from a file may be no UTF-8.
  const std::string text = json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  OutputFile file(path);
  file.write(text);
  file.close();
}

quern::Manifest read_manifest(const std::string& path) {
  const std::string text = read_file(path);
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("quern_manifest") != 1)
      throw std::runtime_error("'quern_manifest' is " + json["quern_manifest"].dump() + ", expected 1");
    quern::Manifest manifest{.metadata_sha256 = json.at("metadata_sha256"), .tensors = {}};
    for (const auto& tensor : json.at("tensors"))
      manifest.tensors.push_back({.name = tensor.at("name"),
                                  .type = tensor.at("type"),
                                  .dims = tensor.at("dims"),
                                  .n_bytes = tensor.at("bytes"),
                                  .sha256 = tensor.at("sha256")});
    return manifest;
  } catch (const std::exception& error) {
    throw std::runtime_error(path + " is no manifest: " + error.what());
  }
}

}  // namespace examples
