#include "reprise/lab/series.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace reprise::lab {

Quantities quantities_of(const sim::Node& node, const NodeMeasurement& measured) {
  const engine::Egress& egress = node.egress().egress();
  std::uint64_t link_frames = 0;
  for (std::uint32_t link = 0; link < node.kernel.link_count(); ++link)
    link_frames += node.kernel.link(link).waiting_count();
  std::uint64_t hand_off = 0;
  if (node.threads.size() > 1) hand_off = node.hand_off.items.size() + node.hand_off.returns.size();
  return {measured.outstanding.count(),
          std::uint64_t{egress.backlog_size()} + egress.queued(),
          measured.in_flight.count(),
          node.kernel.socket_backlog(),
          link_frames,
          hand_off};
}

SeriesObserver::SeriesObserver(std::uint32_t points) : points_max_(points) {
  REPRISE_ASSERT(points >= 2 && points <= kSeriesPointsMax);
}

void SeriesObserver::see(const sim::World& world, const Measurement& measured,
                         const sim::Event& event) {
  if (hops_.empty()) hops_.resize(world.node_count());
  make_room(event.time.ns);
  const std::uint32_t acted = node_of(world, event);
  // What leaves one relay may reach the next within the same event.
  for (std::uint32_t index = acted; index < world.node_count() && index <= acted + 1; ++index)
    look_at(hops_[index], world.node(index), measured.node(index), event.time.ns);
}

void SeriesObserver::look_at(Hop& hop, const sim::Node& node, const NodeMeasurement& measured,
                             std::int64_t now_ns) {
  advance(hop, now_ns);
  hop.now = quantities_of(node, measured);
  SeriesPoint& point = point_at(hop, now_ns);
  point.outstanding_max = std::max(point.outstanding_max, hop.now.front());
  const std::uint64_t arrived = node.kernel.arrived();
  const std::uint64_t no_buffer = refused_for_want_of_buffers(node, measured.exhaustion);
  point.arrived += arrived - hop.arrived;
  point.no_buffer += no_buffer - hop.no_buffer;
  hop.arrived = arrived;
  hop.no_buffer = no_buffer;
}

/// V2: two intervals become one, until `to_ns` lies in one of them.
void SeriesObserver::make_room(std::int64_t to_ns) {
  while (to_ns / interval_ns_ >= points_max_) {
    interval_ns_ *= 2;
    for (Hop& hop : hops_) {
      const std::size_t merged = (hop.points.size() + 1) / 2;
      for (std::size_t index = 0; index < merged; ++index) {
        SeriesPoint point = hop.points[2 * index];
        if (2 * index + 1 < hop.points.size()) {
          const SeriesPoint& other = hop.points[2 * index + 1];
          for (std::size_t quantity = 0; quantity < point.integral.size(); ++quantity)
            point.integral[quantity] += other.integral[quantity];
          point.outstanding_max = std::max(point.outstanding_max, other.outstanding_max);
          point.arrived += other.arrived;
          point.no_buffer += other.no_buffer;
        }
        hop.points[index] = point;
      }
      hop.points.resize(merged);
    }
  }
}

SeriesPoint& SeriesObserver::point_at(Hop& hop, std::int64_t at_ns) const {
  const auto index = static_cast<std::size_t>(at_ns / interval_ns_);
  if (index >= hop.points.size()) hop.points.resize(index + 1);
  return hop.points[index];
}

void SeriesObserver::advance(Hop& hop, std::int64_t to_ns) {
  while (hop.since_ns < to_ns) {
    const std::int64_t interval_end = (hop.since_ns / interval_ns_ + 1) * interval_ns_;
    const std::int64_t until = std::min(interval_end, to_ns);
    SeriesPoint& point = point_at(hop, hop.since_ns);
    for (std::size_t quantity = 0; quantity < hop.now.size(); ++quantity) {
      point.integral[quantity] +=
          hop.now[quantity] * static_cast<std::uint64_t>(until - hop.since_ns);
    }
    point.outstanding_max = std::max(point.outstanding_max, hop.now.front());
    hop.since_ns = until;
  }
}

Series SeriesObserver::take(engine::Instant end) {
  Series series{interval_ns_, end.ns, {}};
  for (Hop& hop : hops_) {
    advance(hop, end.ns);
    point_at(hop, end.ns);  // every relay has as many
    series.hops.push_back(std::move(hop.points));
  }
  hops_.clear();
  return series;
}

nlohmann::ordered_json to_json(const Series& series) {
  constexpr double kDecimals = 1000;  // enough for pictures, and short
  nlohmann::ordered_json json;
  json["interval_ns"] = series.interval_ns;
  json["end_ns"] = series.end_ns;
  json["hops"] = nlohmann::ordered_json::array();
  for (const std::vector<SeriesPoint>& points : series.hops) {
    nlohmann::ordered_json hop;
    for (std::size_t quantity = 0; quantity < kQuantityNames.size(); ++quantity) {
      nlohmann::ordered_json means = nlohmann::ordered_json::array();
      for (std::size_t index = 0; index < points.size(); ++index) {
        const std::int64_t start_ns = static_cast<std::int64_t>(index) * series.interval_ns;
        const std::int64_t length_ns = std::min(series.interval_ns, series.end_ns - start_ns);
        const double mean = length_ns <= 0 ? 0
                                           : static_cast<double>(points[index].integral[quantity]) /
                                                 static_cast<double>(length_ns);
        means.push_back(std::round(mean * kDecimals) / kDecimals);
      }
      hop[std::string(kQuantityNames[quantity])] = std::move(means);
    }
    for (const SeriesPoint& point : points) {
      hop["outstanding_max"].push_back(point.outstanding_max);
      hop["arrived"].push_back(point.arrived);
      hop["no_buffer"].push_back(point.no_buffer);
    }
    json["hops"].push_back(std::move(hop));
  }
  return json;
}

}  // namespace reprise::lab
