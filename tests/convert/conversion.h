#pragma once
// A made folder converted in a place of its own, and what is expected of a folder that is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "quern/convert.h"
#include "tests/convert/made_folder.h"
#include "tests/support/scratch_folder.h"

namespace quern::test {

struct Conversion {
  ScratchFolder scratch;
  Result<ConvertReport> report;

  explicit Conversion(const MadeFolder& folder, const ConvertOptions& options = {})
      : report(run(scratch, folder, options)) {}
  static Result<ConvertReport> run(const ScratchFolder& scratch, const MadeFolder& folder,
                                   const ConvertOptions& options) {
    folder.write(scratch / "folder");
    return convert(scratch / "folder", scratch / "out.gguf", options);
  }
  formats::ModelFile file() const { return formats::ModelFile::open(scratch / "out.gguf").value(); }
  std::vector<std::string> left_behind() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(scratch.path()))
      names.push_back(entry.path().filename());
    return names;
  }
};

struct BadFolder {
  const char* what;
  void (*change)(MadeFolder&);
  ErrorCode code;
  std::string field, message;
};

/// The error of a folder that is sound but for one change, and no file.
inline void expect_error(MadeFolder folder, const BadFolder& bad) {
  bad.change(folder);
  const Conversion conversion(folder);
  ASSERT_FALSE(conversion.report) << bad.what;
  const Error& error = conversion.report.error();
  EXPECT_EQ(error.code, bad.code) << bad.what << ": " << error.message;
  if (!bad.field.empty()) {
    EXPECT_EQ(error.field, bad.field) << bad.what;
  }
  EXPECT_THAT(error.message, testing::HasSubstr(bad.message)) << bad.what;
  EXPECT_THAT(conversion.left_behind(), testing::ElementsAre("folder")) << bad.what;
}

}  // namespace quern::test
