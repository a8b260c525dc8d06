// Segmentation and coalescing of an interface, by the ethtool interface of ioctl (ethtool(8), -K).
#pragma once

#include <string>

#include "reprise/engine/error.hpp"

namespace reprise::traffic {

/// Switches off, on an interface of the calling thread's namespace, everything by which one kernel
/// buffer may hold more than one datagram: segmentation of UDP and TCP on sending
/// (tx-udp-segmentation, tx-tcp…-segmentation, tx-generic-segmentation) and coalescing on receiving
/// (rx-gro). Features that the device lacks are skipped.
engine::Expected<void> switch_off_offloads(const std::string& interface);

}  // namespace reprise::traffic
