#pragma once
// Turns a GGUF model back into the folder it could have been converted from: the names and shapes that the
// family's training library uses, written down here a second time and the other way round.
#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "formats/model_file.h"
#include "tests/support/safetensors_bytes.h"

namespace quern::test {

using nlohmann::json;

/// A tensor as a checkpoint has it: row-major.
struct HfTensor {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
  std::string bytes = {};  ///< in place of values: blocks of GGUF, or what is stored as U8
};

/// What happens to a tensor of the GGUF file. Joining ones take the tensors of all their names, in order.
enum class Undo {
  copy,
  halves,  ///< adjacent pairs of a head become halves of it: [2i + t] to [t * D/2 + i]
  less_one,
  transpose,
  regroup,      ///< all q, all k, all v (of one tensor) to groups of H/G q, one k, one v
  join_groups,  ///< the same from three tensors, of which q and k are pairs
  parts,        ///< one tensor for each slice of the outermost dimension
  join_rows,    ///< rows of two tensors (of each slice) behind each other
  extra_dim,
  middle_dim,  ///< a convolution's: one input a channel
};
struct Name {
  std::string gguf, hf;  ///< '#': the layer; '*': the part; several of gguf joined by '+'
  Undo undo = Undo::copy;
  /// In place of `undo`: the checkpoint's tensor out of those of all names.
  std::function<HfTensor(const std::vector<HfTensor>&)> made = {};
  /// What a value is after the way there and back, where that rounds.
  float (*rounded)(float) = nullptr;
};
struct Dialect {
  std::string architecture;  ///< class name
  std::vector<Name> names;
  json patch = json::object();  ///< over the common config.json; null takes a key away
};

inline HfTensor tensor_of(const formats::Tensor& tensor) {
  HfTensor out;
  for (std::uint32_t i = tensor.n_dims; i-- > 0;) out.shape.push_back(tensor.dims[i]);
  if (tensor.type != formats::TensorType::f32) {
    out.bytes.assign(reinterpret_cast<const char*>(tensor.data), tensor.n_bytes);
    return out;
  }
  out.values.resize(tensor.n_elements());
  std::memcpy(out.values.data(), tensor.data, tensor.n_bytes);
  return out;
}

struct Heads {
  std::uint64_t n_heads, n_kv_heads, head_dim;
};

inline std::uint64_t row_length(const HfTensor& t) { return t.shape.size() > 1 ? t.shape.back() : 1; }

/// Rows in another order: new row r is old row order(r).
template <typename Order>
HfTensor reordered(const HfTensor& in, Order&& order) {
  HfTensor out = in;
  const std::uint64_t cols = row_length(in), rows = in.values.size() / cols;
  for (std::uint64_t r = 0; r < rows; ++r)
    std::copy_n(in.values.begin() + static_cast<std::ptrdiff_t>(order(r) * cols), cols,
                out.values.begin() + static_cast<std::ptrdiff_t>(r * cols));
  return out;
}

inline HfTensor pairs_to_halves(const HfTensor& in, std::uint64_t head_dim) {
  return reordered(in, [&](std::uint64_t r) {
    const std::uint64_t head = r / head_dim, i = r % head_dim, half = head_dim / 2;
    return head * head_dim + 2 * (i % half) + i / half;
  });
}

inline HfTensor regrouped(const HfTensor& in, const Heads& h) {
  const std::uint64_t per_group = h.n_heads / h.n_kv_heads, D = h.head_dim;
  return reordered(in, [&](std::uint64_t r) {
    const std::uint64_t head = r / D, i = r % D, group = head / (per_group + 2),
                        place = head % (per_group + 2);
    if (place < per_group) return (group * per_group + place) * D + i;
    return (h.n_heads + (place == per_group ? 0 : h.n_kv_heads) + group) * D + i;
  });
}

inline HfTensor joined_rows(const std::vector<HfTensor>& tensors) {
  HfTensor out = tensors.front();
  const std::size_t axis = out.shape.size() == 3 ? 1 : 0;
  const std::uint64_t n_slices = axis == 1 ? out.shape[0] : 1;
  out.values.clear();
  out.shape[axis] = 0;
  for (const HfTensor& t : tensors) out.shape[axis] += t.shape[axis];
  for (std::uint64_t s = 0; s < n_slices; ++s)
    for (const HfTensor& t : tensors) {
      const auto n = static_cast<std::ptrdiff_t>(t.values.size() / n_slices);
      out.values.insert(out.values.end(), t.values.begin() + static_cast<std::ptrdiff_t>(s) * n,
                        t.values.begin() + static_cast<std::ptrdiff_t>(s + 1) * n);
    }
  return out;
}

inline HfTensor transposed(const HfTensor& in) {
  if (in.shape.size() < 2) return in;
  HfTensor out = in;
  std::swap(out.shape[0], out.shape[1]);
  for (std::uint64_t r = 0; r < in.shape[0]; ++r)
    for (std::uint64_t c = 0; c < in.shape[1]; ++c)
      out.values[c * in.shape[0] + r] = in.values[r * in.shape[1] + c];
  return out;
}

inline std::string with(const std::string& pattern, char mark, std::uint64_t n) {
  const std::size_t at = pattern.find(mark);
  if (at == pattern.npos) return pattern;
  std::string out = pattern.substr(0, at);
  out += std::to_string(n);
  out += pattern.substr(at + 1);
  return out;
}

/// The checkpoint's tensors by name.
inline std::map<std::string, HfTensor> undone(const formats::ModelFile& model, const Dialect& dialect,
                                              const Heads& heads) {
  std::map<std::string, HfTensor> out;
  const auto add = [&](const Name& name, std::string gguf, const std::string& hf, const std::string& suffix) {
    std::vector<HfTensor> found;
    for (std::size_t begin = 0; begin < gguf.size();) {
      const std::size_t end = std::min(gguf.find('+', begin), gguf.size());
      if (const auto* tensor = model.find(gguf.substr(begin, end - begin) + suffix))
        found.push_back(tensor_of(*tensor));
      begin = end + 1;
    }
    if (found.empty()) return;
    HfTensor t = name.made ? name.made(found) : found.front();
    switch (name.undo) {
      case Undo::copy: break;
      case Undo::halves: t = pairs_to_halves(t, heads.head_dim); break;
      case Undo::less_one:
        for (float& value : t.values) value -= 1;
        break;
      case Undo::transpose: t = transposed(t); break;
      case Undo::regroup: t = regrouped(t, heads); break;
      case Undo::join_groups:
        found[0] = pairs_to_halves(found[0], heads.head_dim);
        found[1] = pairs_to_halves(found[1], heads.head_dim);
        t = regrouped(joined_rows(found), heads);
        break;
      case Undo::join_rows: t = joined_rows(found); break;
      case Undo::extra_dim: t.shape.insert(t.shape.begin(), 1); break;
      case Undo::middle_dim: t.shape.insert(t.shape.begin() + 1, 1); break;
      case Undo::parts: {
        const std::uint64_t n = t.shape.front();
        const auto size = static_cast<std::ptrdiff_t>(t.values.size() / n);
        for (std::uint64_t i = 0; i < n; ++i) {
          const auto first = t.values.begin() + static_cast<std::ptrdiff_t>(i) * size;
          out[with(hf, '*', i) + suffix] = {{t.shape.begin() + 1, t.shape.end()}, {first, first + size}};
        }
        return;
      }
    }
    out[hf + suffix] = std::move(t);
  };
  for (const Name& name : dialect.names)
    for (const char* suffix : {".weight", ".bias", ""}) {  // "": both names are complete
      if (name.gguf.find('#') == std::string::npos) {
        add(name, name.gguf, name.hf, suffix);
        continue;
      }
      for (std::uint64_t n = 0; n < 64; ++n) {
        std::string gguf = name.gguf;
        while (gguf.find('#') != std::string::npos) gguf = with(gguf, '#', n);
        add(name, gguf, with(name.hf, '#', n), suffix);
      }
    }
  return out;
}

/// Two shards and their index.
inline void write_shards(const std::filesystem::path& folder,
                         const std::map<std::string, HfTensor>& tensors) {
  SafetensorsBytes shards[2];
  json map = json::object();
  std::size_t i = 0;
  for (const auto& [name, tensor] : tensors) {
    const std::size_t shard = i++ % 3 == 0 ? 1 : 0;
    if (tensor.bytes.empty()) {
      shards[shard].tensor(name, tensor.shape, tensor.values);
    } else {
      shards[shard].tensor(name, "U8", tensor.shape, tensor.bytes);
    }
    map[name] = shard == 0 ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors";
  }
  shards[0].write((folder / "model-00001-of-00002.safetensors").string());
  shards[1].write((folder / "model-00002-of-00002.safetensors").string());
  std::ofstream(folder / "model.safetensors.index.json")
      << json{{"metadata", {{"total_size", 1}}}, {"weight_map", map}};
}

inline std::uint64_t count_of(const formats::ModelFile& model, const std::string& key,
                              std::uint64_t otherwise = 0) {
  const std::string architecture(*model.metadata().string("general.architecture"));
  const auto count = model.metadata().unsigned_integer_or(architecture + "." + key, otherwise);
  return count ? *count : otherwise;  // an array has one for each layer
}
inline double number_of(const formats::ModelFile& model, const std::string& key, double otherwise = 0) {
  const std::string architecture(*model.metadata().string("general.architecture"));
  return *model.metadata().number_or(architecture + "." + key, otherwise);
}

/// config.json with the names that most families use, before the dialect's patch.
inline json common_config(const formats::ModelFile& model, const Dialect& dialect) {
  json config = {{"architectures", {dialect.architecture}},
                 {"hidden_act", "silu"},
                 {"hidden_size", count_of(model, "embedding_length")},
                 {"num_hidden_layers", count_of(model, "block_count")},
                 {"num_attention_heads", count_of(model, "attention.head_count")},
                 {"intermediate_size", count_of(model, "feed_forward_length")},
                 {"max_position_embeddings", count_of(model, "context_length")},
                 {"rms_norm_eps", number_of(model, "attention.layer_norm_rms_epsilon")},
                 {"layer_norm_eps", number_of(model, "attention.layer_norm_epsilon")},
                 {"rope_theta", number_of(model, "rope.freq_base", 10000)},
                 {"tie_word_embeddings", model.find("output.weight") == nullptr},
                 {"torch_dtype", "float32"},
                 {"vocab_size", 320}};
  if (const auto n = count_of(model, "attention.head_count_kv")) config["num_key_value_heads"] = n;
  if (const auto n = count_of(model, "attention.key_length")) config["head_dim"] = n;
  config.merge_patch(dialect.patch);
  return config;
}

}  // namespace quern::test
