// A file that a long run writes as it goes. What goes wrong is kept and told at the end: a full
// disk stops no simulation.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"

namespace reprise::lab {

class OutputFile {
 public:
  /// Makes it anew. `option` is what named it, for messages: "--trace".
  static engine::Expected<OutputFile> create(std::string path, std::string option);

  /// Appends `bytes`, then `closing`, over which the next call writes: the file is whole after
  /// every call. Where nothing can be written over (a pipe), `closing` is left to close().
  void write(std::string_view bytes, std::string_view closing = {});
  /// All that was written is in the file, or an error says why it is not. Call it once.
  engine::Expected<void> close();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  OutputFile(std::string path, std::string option, std::FILE* file);
  [[nodiscard]] engine::Error error(int errno_value) const;
  void put(std::string_view bytes);

  std::string path_;
  std::string option_;
  std::unique_ptr<std::FILE, Closer> file_;
  bool can_seek_ = false;
  std::string closing_;  ///< at the end of the file, or still to be written there
  int errno_value_ = 0;  ///< of the first failure
};

}  // namespace reprise::lab
