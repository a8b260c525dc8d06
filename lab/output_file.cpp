#include "reprise/lab/output_file.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace reprise::lab {
namespace {

engine::Error cannot_write(const std::string& option, const std::string& path, int errno_value) {
  return {fmt::format("{} {}: cannot be written: {}; expected a file in a folder that is there, "
                      "with room for it",
                      option, path, std::generic_category().message(errno_value)),
          errno_value};
}

}  // namespace

OutputFile::OutputFile(std::string path, std::string option, std::FILE* file)
    : path_(std::move(path)), option_(std::move(option)), file_(file) {
  can_seek_ = std::fseek(file, 0, SEEK_CUR) == 0;
}

engine::Expected<OutputFile> OutputFile::create(std::string path, std::string option) {
  errno = 0;
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return std::unexpected(cannot_write(option, path, errno));
  return OutputFile(std::move(path), std::move(option), file);
}

engine::Error OutputFile::error(int errno_value) const {
  return cannot_write(option_, path_, errno_value);
}

void OutputFile::put(std::string_view bytes) {
  if (errno_value_ != 0) return;
  errno = 0;
  if (std::fwrite(bytes.data(), 1, bytes.size(), file_.get()) == bytes.size()) return;
  errno_value_ = errno != 0 ? errno : EIO;
}

void OutputFile::write(std::string_view bytes, std::string_view closing) {
  if (!closing_.empty() && can_seek_ &&
      std::fseek(file_.get(), -static_cast<long>(closing_.size()), SEEK_CUR) != 0) {
    errno_value_ = errno_value_ != 0 ? errno_value_ : EIO;
  }
  put(bytes);
  closing_ = closing;
  if (closing_.empty() || !can_seek_) return;
  put(closing_);
  errno = 0;
  if (std::fflush(file_.get()) != 0 && errno_value_ == 0) errno_value_ = errno;
}

engine::Expected<void> OutputFile::close() {
  if (!can_seek_) put(closing_);
  errno = 0;
  if (std::fclose(file_.release()) != 0 && errno_value_ == 0) errno_value_ = errno;
  if (errno_value_ != 0) return std::unexpected(error(errno_value_));
  return {};
}

}  // namespace reprise::lab
