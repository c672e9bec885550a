#pragma once
// The measurements of a row, and what they are compared with.
#include <memory>
#include <string>
#include <vector>

#include "bench/ceilings.h"
#include "bench/quern_bench/options.h"
#include "quern/quern.h"

namespace quern::bench {

double mean(const std::vector<double>& values);
double deviation(const std::vector<double>& values);  ///< of a sample; 0 where there is one value only
double median(std::vector<double> values);

struct Measured {
  Row row{};
  std::string time{};             ///< when it began, UTC
  std::vector<double> seconds{};  ///< of every repetition
  Work work{};
  Ceilings ceilings{};
  std::vector<double> versus_rates{};  ///< the other engine's tokens a second, one for each of ours; or empty

  std::vector<double> rates() const;   ///< tokens a second, of all sessions together
  std::vector<double> ratios() const;  ///< ours over theirs, pair by pair
  /// The time that the work would take at the ceilings, as a share of the mean: 1 is a perfect program.
  double share() const;
  const char* bound_by() const;  ///< "reading" or "arithmetic", whichever would take longer
  double gops() const;           ///< 10^9 operations a second, of the work
  double gbps() const;           ///< 10^9 bytes a second
};

/// Sessions that are made for a row once, warm, and measured as often as wanted.
class Runner {
 public:
  static Result<Runner> create(const Model& model, const Row& row);
  Result<double> run();  ///< seconds

 private:
  Runner(const Model& model, const Row& row);
  Result<void> feed(int n_tokens, int times);
  Result<void> feed_once(int n_tokens);

  Row row_;
  int n_vocab_;
  std::vector<std::unique_ptr<Session>> sessions_{};
  std::unique_ptr<Batch> batch_{};  ///< where there are several sessions
  std::vector<Token> tokens_{};
  std::uint32_t next_ = 1;  ///< state of the generator of random tokens
};

/// The work of a row. Attention is counted as if every layer saw all positions, so models with windows reach
/// larger shares than they should.
Result<Work> work_of(const std::string& path, const Model& model, const Row& row);

}  // namespace quern::bench
