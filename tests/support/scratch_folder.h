#pragma once
// A new folder for one test, removed with everything in it.
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>

namespace quern::test {

class ScratchFolder {
 public:
  ScratchFolder() {
    static std::atomic<int> n_made{0};
    path_ = std::filesystem::temp_directory_path() /
            ("quern-test-" + std::to_string(::getpid()) + "-" + std::to_string(n_made++));
    std::filesystem::create_directories(path_);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace quern::test
