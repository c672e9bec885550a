#include "src/convert/sentence_modules.h"

#include "formats/printable.h"
#include "formats/try.h"
#include "src/convert/folder.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::JsonValue;
using formats::printable;

Result<void> write_pooling(const std::filesystem::path& path, const std::string& name, Conversion& c) {
  constexpr std::uint32_t mean = 1, cls = 2, last = 3;
  QUERN_TRY(const auto document, read_json(path / "config.json"));
  Config pooling(document.root(), document.root(), cat(name, "/config.json"));
  std::vector<std::uint32_t> modes;
  if (pooling.flag_or("pooling_mode_mean_tokens", false)) modes.push_back(mean);
  if (pooling.flag_or("pooling_mode_cls_token", false)) modes.push_back(cls);
  if (pooling.flag_or("pooling_mode_lasttoken", false)) modes.push_back(last);
  for (const char* other :
       {"pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens"})
    pooling.expect(other, "false|null");
  pooling.expect("include_prompt", "true|null");
  if (modes.size() != 1)
    pooling.unsupported("pooling_mode_mean_tokens", "one of several or none", "one kind of pooling");
  if (pooling.error()) return *pooling.error();
  c.set("pooling_type", modes.front());
  return {};
}

Result<DenseModule> read_dense(const std::filesystem::path& path, const std::string& name,
                               std::string_view tensor, Conversion& c) {
  QUERN_TRY(const auto document, read_json(path / "config.json"));
  Config dense(document.root(), document.root(), cat(name, "/config.json"));
  dense.expect("bias", "false");
  const std::string_view activation = dense.text_or("activation_function", "");
  if (!activation.ends_with(".Identity"))
    dense.unsupported("activation_function", cat("'", printable(activation), "'"),
                      "torch.nn.modules.linear.Identity");
  const std::uint32_t n_in = dense.size("in_features"), n_out = dense.size("out_features");
  if (dense.error()) return *dense.error();
  c.set(cat(tensor, "_feat_in"), n_in);
  c.set(cat(tensor, "_feat_out"), n_out);
  QUERN_TRY(formats::Safetensors weights, formats::Safetensors::open_folder(path));
  return DenseModule{std::string(tensor), n_in, n_out, std::move(weights)};
}

Error wrong_module(ErrorCode code, std::size_t i, std::string_view found, std::string_view expected) {
  return Error{code, cat("modules.json: module ", i, " is ", found, ", expected ", expected), "modules"};
}

}  // namespace

Result<std::vector<DenseModule>> read_sentence_modules(const std::filesystem::path& folder, Conversion& c) {
  std::vector<DenseModule> modules;
  QUERN_TRY(const auto list, read_json_if_there(folder / "modules.json"));
  if (!list) {
    std::error_code ignored;
    if (std::filesystem::exists(folder / "1_Pooling" / "config.json", ignored))
      QUERN_CHECK(write_pooling(folder / "1_Pooling", "1_Pooling", c));
    return modules;
  }
  if (!list->root().is_array())
    return Error{ErrorCode::corrupt,
                 cat("modules.json: is ", list->root().description(), ", expected an array"), "modules"};
  std::size_t i = 0;
  bool pooled = false;
  for (const JsonValue module : list->root().elements()) {
    const auto type = module.find("type"), at = module.find("path");
    const std::string_view whole_type = type ? type->string().value_or("") : "";
    const std::string_view kind = whole_type.substr(whole_type.rfind('.') + 1);
    const std::string name(at ? at->string().value_or("") : "");
    const std::filesystem::path path = folder / name;
    // A module lies in a folder of this folder: a name leads nowhere else.
    if (name.find_first_of("/\\") != name.npos || name == "..")
      return wrong_module(ErrorCode::corrupt, i, cat("in '", printable(name), "'"), "a folder beside it");
    if (kind == "Transformer" && i == 0) {
      if (!name.empty())
        return wrong_module(ErrorCode::unsupported, i, cat("in '", printable(name), "'"),
                            "the checkpoint in the folder itself");
    } else if (kind == "Pooling" && !pooled) {
      QUERN_CHECK(write_pooling(path, name, c));
      pooled = true;
    } else if (kind == "Dense" && pooled && modules.size() < c.family.dense_modules.size()) {
      QUERN_TRY(DenseModule dense, read_dense(path, name, c.family.dense_modules[modules.size()], c));
      modules.push_back(std::move(dense));
    } else if (kind != "Normalize") {  // that is for whoever reads the vectors
      return wrong_module(
          ErrorCode::unsupported, i, cat("a '", printable(whole_type), "'"),
          cat("Transformer, Pooling, ", c.family.dense_modules.empty() ? "" : "up to two Dense, ",
              "Normalize for ", c.family.architecture));
    }
    ++i;
  }
  return modules;
}

}  // namespace quern::detail
