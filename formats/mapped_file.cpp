#include "formats/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "formats/io_error.h"
#include "formats/try.h"

namespace quern::formats {
namespace {

static_assert(sizeof(off_t) == 8, "model files are larger than 4 GiB: build with 64-bit file offsets");

class Mapping {
 public:
  Mapping(void* address, std::size_t size) : address_(address), size_(size) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(address_, size_); }

 private:
  void* address_;
  std::size_t size_;
};

}  // namespace

Result<void> MemorySource::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (!out.empty()) std::memcpy(out.data(), bytes_.data() + offset, out.size());
  return {};
}

Result<InputFile> InputFile::open(const std::filesystem::path& path) {
  int descriptor = -1;
  do {
    descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  } while (descriptor < 0 && errno == EINTR);
  if (descriptor < 0) return io_error(path, "open", errno);
  InputFile file(descriptor);
  file.path_ = path;

  struct stat status {};
  if (::fstat(descriptor, &status) != 0) return io_error(path, "open", errno);
  if (S_ISDIR(status.st_mode)) return io_error(path, "read", EISDIR);
  if (S_ISREG(status.st_mode)) {
    file.size_ = static_cast<std::uint64_t>(status.st_size);
  } else if (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) {
    QUERN_CHECK(file.read_stream());
  } else {
    return Error{ErrorCode::io, cat(path.string(), ": neither a file nor a pipe")};
  }
  return file;
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      stream_(std::move(other.stream_)) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(stream_, other.stream_);
  return *this;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<void> InputFile::read_stream() {
  auto contents = std::make_shared<std::vector<std::byte>>();
  std::size_t used = 0;
  for (;;) {
    if (contents->size() - used < (std::size_t{1} << 16))
      contents->resize(std::max(std::size_t{1} << 20, contents->size() * 2));
    const ssize_t got = ::read(descriptor_, contents->data() + used, contents->size() - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path_, "read", errno);
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  contents->resize(used);
  size_ = used;
  stream_ = std::move(contents);
  return {};
}

Result<void> InputFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  if (stream_) return MemorySource(*stream_).read(offset, out);
  while (!out.empty()) {
    // One call moves at most 2 GiB on Linux and less elsewhere.
    const std::size_t wanted = std::min(out.size(), std::size_t{1} << 30);
    const ssize_t got = ::pread(descriptor_, out.data(), wanted, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return io_error(path_, "read", errno);
    if (got == 0)
      return Error{ErrorCode::io, cat(path_.string(), ": ended at byte ", offset,
                                      " while it was read; it had ", size_, " bytes when it was opened")};
    out = out.subspan(static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return {};
}

Result<ByteView> InputFile::view() const {
  if (stream_) return ByteView{.bytes = *stream_, .owner = stream_};
  if (size_ == 0) return ByteView{};
  if (size_ > SIZE_MAX) return io_error(path_, "map", EFBIG);
  const auto n_bytes = static_cast<std::size_t>(size_);
  void* address = ::mmap(nullptr, n_bytes, PROT_READ, MAP_PRIVATE, descriptor_, 0);
  if (address == MAP_FAILED) return io_error(path_, "map", errno);
  auto mapping = std::make_shared<const Mapping>(address, n_bytes);
  return ByteView{
      .bytes = {static_cast<const std::byte*>(address), n_bytes}, .owner = mapping, .mapped = true};
}

}  // namespace quern::formats
