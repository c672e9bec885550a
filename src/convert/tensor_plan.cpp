// Names: which tensors of the checkpoint a family's rows mean, and that none is missing or left over.
#include <algorithm>

#include "formats/printable.h"
#include "formats/try.h"
#include "src/convert/weights.h"

namespace quern::detail {
namespace {

using formats::cat;
using formats::printable;
using formats::SafeTensor;
using formats::Safetensors;
using formats::TensorType;

std::string replaced(std::string_view pattern, char mark, std::uint64_t number) {
  const std::size_t at = pattern.find(mark);
  if (at == pattern.npos) return std::string(pattern);
  return cat(pattern.substr(0, at), number, pattern.substr(at + 1));
}

// Norms, routers and tables that are added, not multiplied with, are small and stay exact.
bool stays_f32(const OutputTensor& tensor) {
  const std::string_view name = tensor.name;
  return tensor.dims.size() == 1 || name.find("norm") != name.npos ||
         name.find("ffn_gate_inp") != name.npos || name.find(".ssm_conv1d") != name.npos ||
         name.ends_with(".ssm_a") || name.ends_with(".ssm_d") || name.ends_with(".bias") ||
         name.starts_with("position_embd") || name.starts_with("token_types");
}

TensorType written_type(const OutputTensor& tensor, ConvertType wanted) {
  if (tensor.parts.empty() || stays_f32(tensor)) return TensorType::f32;
  const formats::SafeType stored = tensor.parts.front()->type;
  switch (wanted) {
    case ConvertType::as_is:
      return stored == formats::SafeType::f16    ? TensorType::f16
             : stored == formats::SafeType::bf16 ? TensorType::bf16
                                                 : TensorType::f32;
    case ConvertType::f32: return TensorType::f32;
    case ConvertType::f16: return TensorType::f16;
    case ConvertType::bf16: return TensorType::bf16;
    case ConvertType::q8_0:
      return tensor.dims[0] % formats::tensor_type_info(TensorType::q8_0).block_elements == 0
                 ? TensorType::q8_0
                 : TensorType::f16;
  }
  return TensorType::f32;
}

class Planner {
 public:
  Planner(Conversion& conversion, const Safetensors& checkpoint, ConvertType type)
      : c_(conversion), checkpoint_(checkpoint), type_(type), used_(checkpoint.tensors().size(), false) {}

  Result<std::vector<OutputTensor>> plan() {
    QUERN_CHECK(find_prefix());
    for (const auto rules : c_.family.tensors) QUERN_CHECK(add_all({rules}));
    for (const LayerRules& rules : c_.rules) QUERN_CHECK(add_all(rules));
    QUERN_CHECK(add_output());
    for (auto& [name, values] : c_.made)
      tensors_.push_back({.name = cat(name, ".weight"),
                          .type = TensorType::f32,
                          .dims = {values.size()},
                          .values = std::move(values)});
    QUERN_CHECK(check_left_over());
    return std::move(tensors_);
  }

  Result<OutputTensor> plan_dense(const DenseModule& module) {
    QUERN_CHECK(add_one(TensorRule{"linear", module.name}, Needed::always, "linear", module.name + ".weight",
                        ".weight"));
    OutputTensor& tensor = tensors_.front();
    if (tensor.dims != std::vector<std::uint64_t>{module.n_in, module.n_out})
      return wrong_shape(*tensor.parts.front(),
                         cat("[", module.n_out, ", ", module.n_in, "] as its config.json has it"));
    QUERN_CHECK(check_left_over());
    tensor.source = &module.weights;
    return std::move(tensor);
  }

 private:
  Result<void> find_prefix() {
    for (const std::string_view prefix : c_.family.prefixes) {
      prefix_ = prefix;
      if (checkpoint_.find(cat(prefix, c_.family.embedding, ".weight"))) return {};
    }
    return missing(cat(c_.family.prefixes.front(), c_.family.embedding, ".weight"));
  }

  Result<void> add_all(const LayerRules& layers) {
    for (const TensorRule& rule : layers.rules) {
      const bool in_layers = rule.from.find('#') != rule.from.npos;
      if (!in_layers) QUERN_CHECK(add(rule, rule.from, rule.to));
      const std::uint32_t end = layers.end == UINT32_MAX ? c_.n_layers : layers.end;
      for (std::uint32_t n = layers.first; in_layers && n < end; ++n)
        QUERN_CHECK(add(of_layer(rule, n), replaced(rule.from, '#', n), replaced(rule.to, '#', n)));
    }
    return {};
  }

  Error missing(std::string_view name) const {
    return tensor_error(ErrorCode::corrupt, name, cat("is missing: ", c_.family.architecture, " needs it"));
  }

  static TensorRule of_layer(TensorRule rule, std::uint32_t n) {
    if (rule.weight == Needed::but_first) rule.weight = n == 0 ? Needed::maybe : Needed::always;
    return rule;
  }

  bool has_output(std::string_view name) const {
    return std::any_of(tensors_.begin(), tensors_.end(), [&](const auto& t) { return t.name == name; });
  }

  // Null if absent.
  const SafeTensor* take(const std::string& name) {
    const SafeTensor* tensor = checkpoint_.find(name);
    if (tensor) used_[static_cast<std::size_t>(tensor - checkpoint_.tensors().data())] = true;
    return tensor;
  }

  Result<void> add(const TensorRule& rule, std::string_view from, std::string_view to) {
    const std::string name = cat(rule.outside ? "" : prefix_, from);
    if (is_mxfp4(rule.op)) return add_mxfp4(rule.op, name, std::string(to));
    if (rule.whole_names) return add_one(rule, rule.weight, name, std::string(to), "");
    QUERN_CHECK(add_one(rule, rule.weight, name, cat(to, ".weight"), ".weight"));
    if (rule.bias == Needed::never) return {};
    return add_one(rule, rule.bias, name, cat(to, ".bias"), ".bias");
  }

  static bool is_mxfp4(Op op) { return op == Op::mxfp4 || op == Op::mxfp4_even || op == Op::mxfp4_odd; }

  Result<void> add_mxfp4(Op op, const std::string& from, std::string to) {
    const SafeTensor *blocks = take(from + "_blocks"), *scales = take(from + "_scales");
    if (!blocks || !scales) return missing(from + (blocks ? "_scales" : "_blocks"));
    QUERN_TRY(OutputTensor tensor, plan_mxfp4(*blocks, *scales, op, std::move(to)));
    tensors_.push_back(std::move(tensor));
    return {};
  }

  Result<void> add_one(const TensorRule& rule, Needed needed, const std::string& from, std::string to,
                       std::string_view suffix) {
    std::vector<const SafeTensor*> parts;
    if (from.find('*') == from.npos) {
      if (const SafeTensor* tensor = take(from + std::string(suffix))) parts.push_back(tensor);
    } else {
      while (const SafeTensor* tensor = take(replaced(from, '*', parts.size()) + std::string(suffix)))
        parts.push_back(tensor);
    }
    const bool second = needed == Needed::otherwise && has_output(to);
    if (parts.empty()) {
      if (needed == Needed::always || (needed == Needed::otherwise && !second))
        return missing(replaced(from, '*', 0) + std::string(suffix));
      return {};
    }
    if (second)
      return tensor_error(ErrorCode::corrupt, parts.front()->name,
                          cat("is a second source of '", to, "', expected one"));
    return add_parts(rule, std::move(parts), std::move(to), from.find('*') != from.npos);
  }

  Result<void> add_parts(const TensorRule& rule, std::vector<const SafeTensor*> parts, std::string to,
                         bool stacked) {
    const SafeTensor& first = *parts.front();
    for (const SafeTensor* part : parts) {
      if (!is_float(part->type))
        return tensor_error(ErrorCode::unsupported, part->name,
                            cat("is ", to_string(part->type), ", expected F32, F16, BF16 or F64"));
      if (part->dims != first.dims || part->type != first.type)
        return tensor_error(ErrorCode::corrupt, part->name,
                            cat("has shape ", shape_text(*part), " in ", to_string(part->type), ", expected ",
                                shape_text(first), " in ", to_string(first.type), " like its like"));
      if (part->n_bytes == 0) return tensor_error(ErrorCode::corrupt, part->name, "has no elements");
    }
    OutputTensor tensor{.name = std::move(to), .dims = {first.dims.rbegin(), first.dims.rend()}};
    if (tensor.dims.empty()) tensor.dims = {1};
    tensor.order = {
        .op = rule.op, .n_heads = c_.n_heads, .n_kv_heads = c_.n_kv_heads, .head_dim = c_.head_dim};
    tensor.parts = std::move(parts);
    if (rule.op == Op::fitted) {
      QUERN_CHECK(c_.family.fit(c_, rule.to, tensor));
    } else {
      QUERN_CHECK(shape(tensor, first));
    }
    tensor.part_cols = tensor.dims[0];
    tensor.part_rows = 1;
    for (std::size_t i = 1; i < tensor.dims.size(); ++i) tensor.part_rows *= tensor.dims[i];
    const bool by_rows = reorders(tensor.order.op) || !tensor.factors.empty() || !tensor.source_rows.empty();
    if (tensor.dims.size() == 1 && by_rows) std::swap(tensor.part_rows, tensor.part_cols);
    if (stacked) tensor.dims.push_back(tensor.parts.size());
    tensor.type = written_type(tensor, type_);
    tensors_.push_back(std::move(tensor));
    return {};
  }

  static bool reorders(Op op) {
    return op != Op::copy && op != Op::plus_one && op != Op::neg_exp && op != Op::fitted;
  }

  // Interleaving brings the halves of whole heads together.
  Result<void> expect_whole_heads_rotated() const {
    if (c_.n_rot == c_.head_dim) return {};
    const std::string_view key = c_.family.sizes.rotary_share;
    c_.config.unsupported(key, cat("a share of ", c_.n_rot, " of ", c_.head_dim),
                          "1: this family rotates whole heads");
    return *c_.config.error();
  }

  // From the dimensions of a part to those that are written.
  Result<void> shape(OutputTensor& tensor, const SafeTensor& source) const {
    std::vector<std::uint64_t>& dims = tensor.dims;
    const std::uint64_t q = std::uint64_t{c_.n_heads} * c_.head_dim,
                        kv = std::uint64_t{c_.n_kv_heads} * c_.head_dim;
    std::uint64_t& rows = dims.size() > 1 ? dims[1] : dims[0];
    const auto expect_rows = [&](std::uint64_t expected) -> Result<void> {
      if (rows == expected && dims.size() <= 2) return {};
      return wrong_shape(source, cat(expected, " rows"));
    };
    switch (tensor.order.op) {
      case Op::copy:
      case Op::plus_one:
      case Op::neg_exp:
      case Op::fitted:
      case Op::mxfp4:
      case Op::mxfp4_even:
      case Op::mxfp4_odd: return {};
      case Op::squeeze:
        std::erase(dims, 1u);
        if (dims.empty()) dims = {1};
        tensor.order.op = Op::copy;
        return {};
      case Op::transpose:
        if (dims.size() > 2) return wrong_shape(source, "a matrix");
        tensor.order.op = Op::copy;
        if (dims.size() == 1) return {};
        std::reverse(dims.begin(), dims.end());
        tensor.gather = {
            .slice_rows = dims[1], .stored_elements = dims[0] * dims[1], .row_step = 1, .col_step = dims[1]};
        return {};
      case Op::interleave_q: QUERN_CHECK(expect_whole_heads_rotated()); return expect_rows(q);
      case Op::interleave_k: QUERN_CHECK(expect_whole_heads_rotated()); return expect_rows(kv);
      case Op::ungroup: return expect_rows(q + 2 * kv);
      case Op::group_q:
      case Op::group_k:
      case Op::group_v:
        QUERN_CHECK(expect_whole_heads_rotated());
        QUERN_CHECK(expect_rows(q + 2 * kv));
        rows = tensor.order.op == Op::group_q ? q : kv;
        return {};
      case Op::first_half:
      case Op::second_half:
        if (dims.size() < 2 || rows % 2 != 0) return wrong_shape(source, "an even number of rows");
        rows /= 2;
        tensor.order.half_rows = rows;
        return {};
    }
    return {};
  }

  Result<void> add_output() {
    const FamilyRule& family = c_.family;
    if (family.output == Output::none) return {};
    const TensorRule rule{.from = family.head, .to = "output", .op = family.output_op};
    const bool tied = c_.config.flag_or("tie_word_embeddings", false);
    std::string head(family.head);
    const SafeTensor* weight = take(head + ".weight");
    if (!weight) {
      head = cat("language_model.", family.head);
      weight = take(head + ".weight");
    }
    if (!tied && !weight) return missing(cat(family.head, ".weight"));
    if (!tied && family.output == Output::tied) {
      c_.config.unsupported("tie_word_embeddings", "false",
                            "true: this family is computed with tied embeddings");
      return *c_.config.error();
    }
    if (tied && family.output == Output::own) weight = take(cat(prefix_, family.embedding, ".weight"));
    if (!tied || family.output == Output::own) QUERN_CHECK(add_parts(rule, {weight}, "output.weight", false));
    if (family.output_bias == Needed::never) return {};
    return add_one(rule, family.output_bias, head, "output.bias", ".bias");
  }

  Result<void> check_left_over() {
    const auto starts_with_one_of = [](std::string_view name, const auto& parts) {
      return std::any_of(parts.begin(), parts.end(), [&](auto part) { return name.starts_with(part); });
    };
    std::size_t n_foreign = 0, n_left_out = 0;
    for (std::size_t i = 0; i < used_.size(); ++i) {
      if (used_[i]) continue;
      const std::string_view name = checkpoint_.tensors()[i].name;
      bool known = name.ends_with(".rotary_emb.inv_freq");  // computed from the configuration
      for (const std::string_view part : c_.family.ignored) known = known || name.ends_with(part);
      const bool foreign = starts_with_one_of(name, c_.family.foreign),
                 left_out =
                     starts_with_one_of(name, c_.family.left_out) || starts_with_one_of(name, c_.left_out);
      n_foreign += foreign ? 1 : 0;
      n_left_out += left_out ? 1 : 0;
      if (!known && !foreign && !left_out)
        return tensor_error(ErrorCode::unsupported, name,
                            cat("has no part in ", c_.family.architecture, " as this build computes it"));
    }
    if (n_foreign > 0)
      c_.notes.push_back(cat(n_foreign, " tensors of images are left out: the result reads text only"));
    if (n_left_out > 0)
      c_.notes.push_back(cat(n_left_out, " tensors that only training or guessing ahead needs are left out"));
    return {};
  }

  Conversion& c_;
  const Safetensors& checkpoint_;
  ConvertType type_;
  std::vector<bool> used_;
  std::string prefix_;
  std::vector<OutputTensor> tensors_;
};

}  // namespace

Error tensor_error(ErrorCode code, std::string_view name, std::string_view what) {
  return Error{code, cat("tensor '", printable(name), "' ", what), printable(name)};
}

std::string shape_text(const SafeTensor& tensor) {
  std::string text;
  for (const std::uint64_t dim : tensor.dims) text += cat(text.empty() ? "[" : ", ", dim);
  return text.empty() ? "[]" : text + "]";
}

Error wrong_shape(const SafeTensor& tensor, std::string_view expected) {
  return tensor_error(ErrorCode::corrupt, tensor.name,
                      cat("has shape ", shape_text(tensor), ", expected ", expected));
}

Result<std::vector<OutputTensor>> plan_tensors(Conversion& conversion, const Safetensors& checkpoint,
                                               ConvertType type) {
  return Planner(conversion, checkpoint, type).plan();
}

Result<OutputTensor> plan_dense_module(Conversion& conversion, const DenseModule& module, ConvertType type) {
  return Planner(conversion, module.weights, type).plan_dense(module);
}

}  // namespace quern::detail
