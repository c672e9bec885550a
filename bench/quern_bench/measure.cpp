#include "bench/quern_bench/measure.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "formats/try.h"

namespace quern::bench {
namespace {

constexpr int rows_per_pass = 512;  // what sessions and batches take together by default

// Bytes of weights that a pass over n rows reads: the dense ones once, of the experts those that random rows
// choose.
double pass_bytes(const ModelInfo& info, const Plan& plan, double n_rows) {
  const double one = static_cast<double>(plan.bytes_read_per_token);
  if (info.n_experts <= info.n_experts_used) return one;
  const double used = static_cast<double>(info.n_experts_used) / info.n_experts;
  const double all = static_cast<double>(plan.weight_bytes);
  const double embedding = all * info.dim * info.n_vocab / static_cast<double>(info.n_parameters);
  const double experts = std::max(0.0, all - embedding - one) / (1 - used);
  return one - experts * used + experts * (1 - std::pow(1 - used, n_rows));
}

bool has_float_weights(const ModelInfo& info) {
  return info.types.starts_with("F32") || info.types.starts_with("F16") || info.types.starts_with("BF16");
}

}  // namespace

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

double deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double middle = mean(values);
  double sum = 0;
  for (const double value : values) sum += (value - middle) * (value - middle);
  return std::sqrt(sum / static_cast<double>(values.size() - 1));
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::vector<double> Measured::rates() const {
  std::vector<double> rates;
  for (const double s : seconds) rates.push_back(row.n_tokens() * row.n_sequences / s);
  return rates;
}

std::vector<double> Measured::ratios() const {
  std::vector<double> out = rates();
  out.resize(versus_rates.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] /= versus_rates[i];
  return out;
}

double Measured::share() const { return work.least_seconds(ceilings) / mean(seconds); }
const char* Measured::bound_by() const {
  return work.reading_seconds(ceilings) > work.arithmetic_seconds(ceilings) ? "reading" : "arithmetic";
}
double Measured::gops() const { return 1e-9 * work.operations() / mean(seconds); }
double Measured::gbps() const { return 1e-9 * work.bytes / mean(seconds); }

Runner::Runner(const Model& model, const Row& row) : row_(row), n_vocab_(model.info().n_vocab) {}

Result<Runner> Runner::create(const Model& model, const Row& row) {
  Runner runner(model, row);
  const bool several = row.n_sequences > 1;
  SessionOptions options{.n_ctx = row.n_depth + row.n_tokens(), .threads = row.n_threads};
  options.batch = several ? 1 : rows_per_pass;
  for (int i = 0; i < row.n_sequences; ++i) {
    QUERN_TRY(Session session, model.new_session(options));
    runner.sessions_.push_back(std::make_unique<Session>(std::move(session)));
  }
  if (several) {
    QUERN_TRY(Batch batch, model.new_batch({.max_sessions = row.n_sequences,
                                            .batch = std::max(rows_per_pass, row.n_sequences),
                                            .threads = row.n_threads}));
    runner.batch_ = std::make_unique<Batch>(std::move(batch));
  }
  if (row.n_depth != 0) QUERN_CHECK(runner.feed(row.n_depth, 1));
  QUERN_CHECK(runner.run());  // brings the weights into memory
  return runner;
}

Result<void> Runner::feed_once(int n_tokens) {
  const auto per_session = static_cast<std::size_t>(n_tokens);
  tokens_.resize(per_session * sessions_.size());
  for (Token& token : tokens_) {
    next_ = next_ * 1664525 + 1013904223;  // a linear congruence; the high bits are random enough
    token = static_cast<Token>((std::uint64_t{next_} * static_cast<std::uint32_t>(n_vocab_)) >> 32);
  }
  if (!batch_) {
    QUERN_CHECK(sessions_[0]->feed(tokens_));
    return {};
  }
  std::vector<BatchInput> inputs;
  for (std::size_t i = 0; i < sessions_.size(); ++i)
    inputs.push_back({sessions_[i].get(), std::span(tokens_).subspan(i * per_session, per_session)});
  QUERN_CHECK(batch_->feed(inputs));
  return {};
}

Result<void> Runner::feed(int n_tokens, int times) {
  for (int i = 0; i < times; ++i) QUERN_CHECK(feed_once(n_tokens));
  return {};
}

Result<double> Runner::run() {
  using Clock = std::chrono::steady_clock;
  for (const auto& session : sessions_)
    QUERN_CHECK(session->truncate(static_cast<std::size_t>(row_.n_depth)));
  const Clock::time_point start = Clock::now();
  if (row_.n_prompt != 0) {
    QUERN_CHECK(feed(row_.n_prompt, 1));
  } else {
    QUERN_CHECK(feed(1, row_.n_gen));
  }
  return std::chrono::duration<double>(Clock::now() - start).count();
}

Result<Work> work_of(const std::string& path, const Model& model, const Row& row) {
  const ModelInfo& info = model.info();
  const int n_ctx = row.n_depth + row.n_tokens();
  QUERN_TRY(const Plan plan, Model::plan(path, {.n_ctx = n_ctx, .threads = row.n_threads}));
  const double n_tokens = row.n_tokens(), b = row.n_sequences;
  const double per_pass = row.n_prompt != 0 ? std::min<double>(rows_per_pass, n_tokens * b) : b;
  const double n_passes = std::ceil(n_tokens * b / per_pass);
  const double mean_position = row.n_depth + (n_tokens + 1) / 2;
  const double kv_bytes_per_position = static_cast<double>(plan.kv_bytes) / plan.n_ctx;
  const double n_readings = row.n_prompt != 0 ? std::ceil(n_tokens / rows_per_pass) : n_tokens;

  // A weight that is read for a token is one multiply-add; the output matrix is used where logits are wanted.
  const double weights = static_cast<double>(info.n_parameters) *
                         static_cast<double>(plan.bytes_read_per_token) /
                         static_cast<double>(plan.weight_bytes);
  const double output = static_cast<double>(info.dim) * info.n_vocab;
  const double n_logits = b * (row.n_prompt != 0 ? 1 : n_tokens);
  const double weight_ops = 2 * (std::max(0.0, weights - output) * n_tokens * b + output * n_logits);
  // Two products over every position that a token sees.
  const double attention_ops =
      4.0 * info.n_layers * info.n_heads * info.head_dim * mean_position * n_tokens * b;
  Work work;
  (has_float_weights(info) ? work.fp32_ops : work.int8_ops) = weight_ops;
  work.fp32_ops += attention_ops;
  work.bytes =
      n_passes * pass_bytes(info, plan, per_pass) + n_readings * b * kv_bytes_per_position * mean_position;
  return work;
}

}  // namespace quern::bench
