#include "reprise/engine/io.hpp"

namespace reprise::engine {

const char* name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return "ok";
    case Outcome::refused: return "refused";
    case Outcome::cancelled: return "cancelled";
    case Outcome::no_buffer: return "no_buffer";
    case Outcome::too_large: return "too_large";
    case Outcome::unreachable: return "unreachable";
    case Outcome::connection_refused: return "connection_refused";
    case Outcome::not_permitted: return "not_permitted";
    case Outcome::invalid: return "invalid";
    case Outcome::expired: return "expired";
    case Outcome::failed: return "failed";
  }
  return "?";
}

}  // namespace reprise::engine
