#pragma once
// Models with random weights in the shapes of real ones, so that a new machine needs no download. Speed does
// not depend on what weights say; the text of such a model is noise.
#include <cstdint>
#include <string>

#include "quern/result.h"

namespace quern::bench {

/// "tiny, 135m, 1b, 3b, 8b, moe".
std::string shape_names();
/// What is wrong with SHAPE:TYPE, or nothing.
std::string check_synthetic(const std::string& what);

/// A GGUF file in memory, which only this process and its children can open.
class SyntheticModel {
 public:
  /// `what` is SHAPE:TYPE. TYPE is a tensor type ("Q4_K", "IQ2_XS") or Q4_K_M, the usual mix of Q4_K and
  /// Q6_K, in letters of either case. Errors: invalid_argument (no such shape or type, or rows that its
  /// blocks do not divide), io.
  static Result<SyntheticModel> create(const std::string& what);
  SyntheticModel(SyntheticModel&& other) noexcept;
  SyntheticModel& operator=(SyntheticModel&&) = delete;
  ~SyntheticModel();

  /// For this process and its children, while this lives.
  std::string path() const;

 private:
  explicit SyntheticModel(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

}  // namespace quern::bench
