#include <stepwise/runtime/sim/options.hpp>

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace stepwise::sim {

namespace {

constexpr std::array<std::string_view, fault_kinds> fault_names{
    "split",        "delay",          "short_read", "short_write", "reset",      "cut",       "stall",       "refuse",
    "accept_error", "no_descriptors", "no_buffers", "disk_error",  "half_close", "partition", "slow_reader",
};

[[noreturn]] void refuse(std::string_view text) {
    throw std::invalid_argument(fmt::format("STEPWISE_SIM: cannot read '{}'", text));
}

template <class Number>
Number number_of(std::string_view text) {
    Number value{};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) refuse(text);
    return value;
}

}  // namespace

std::chrono::nanoseconds duration_of(std::string_view text) {
    using namespace std::chrono_literals;
    constexpr std::array<std::pair<std::string_view, std::chrono::nanoseconds>, 4> units{
        {{"ns", 1ns}, {"us", 1us}, {"ms", 1ms}, {"s", 1s}}};
    for (const auto& [unit, length] : units) {
        if (!text.ends_with(unit)) continue;
        std::string_view number = text.substr(0, text.size() - unit.size());
        if (number.empty() || number.back() < '0' || number.back() > '9') continue;
        return number_of<std::uint32_t>(number) * length;
    }
    refuse(text);
}

namespace {

Span span_of(std::string_view text) {
    std::size_t dots = text.find("..");
    if (dots == std::string_view::npos) return {duration_of(text), duration_of(text)};
    return {duration_of(text.substr(0, dots)), duration_of(text.substr(dots + 2))};
}

LatencyShape shape_of(std::string_view text) {
    if (text == "near_low") return LatencyShape::near_low;
    if (text == "uniform") return LatencyShape::uniform;
    if (text == "long_tail") return LatencyShape::long_tail;
    refuse(text);
}

void apply_one(Options& options, std::string_view name, std::string_view value) {
    for (std::size_t kind = 0; kind < fault_kinds; ++kind) {
        if (name != fault_names[kind]) continue;
        if (value.starts_with('#')) {
            options.strikes.push_back({static_cast<Fault>(kind), number_of<std::uint64_t>(value.substr(1))});
        } else {
            options.chances[kind] = number_of<double>(value);
        }
        return;
    }
    if (name == "latency") {
        options.latency = span_of(value);
    } else if (name == "latency_shape") {
        options.latency_shape = shape_of(value);
    } else if (name == "job_time") {
        options.job_time = span_of(value);
    } else if (name == "disk_time") {
        options.disk_time = span_of(value);
    } else if (name == "bytes_per_second") {
        options.bytes_per_second = number_of<std::uint64_t>(value);
    } else if (name == "send_buffer_bytes") {
        options.send_buffer_bytes = number_of<std::size_t>(value);
    } else if (name == "receive_buffer_bytes") {
        options.receive_buffer_bytes = number_of<std::size_t>(value);
    } else if (name == "disk_bytes_max") {
        options.disk_bytes_max = number_of<std::uint64_t>(value);
    } else if (name == "retransmission_max") {
        options.retransmission_max = duration_of(value);
    } else if (name == "stall_max") {
        options.stall_max = duration_of(value);
    } else if (name == "partition_max") {
        options.partition_max = duration_of(value);
    } else if (name == "faults_max") {
        options.faults_max = number_of<std::uint64_t>(value);
    } else if (name == "without_fault") {
        options.faults_left_out.push_back(number_of<std::uint64_t>(value));
    } else {
        refuse(name);
    }
}

}  // namespace

std::string_view name_of(Fault fault) noexcept {
    return fault_names[static_cast<std::size_t>(fault)];
}

void apply(Options& options, std::string_view settings) {
    while (!settings.empty()) {
        std::string_view setting = settings.substr(0, settings.find(','));
        settings.remove_prefix(std::min(settings.size(), setting.size() + 1));
        std::size_t equals = setting.find('=');
        if (equals == std::string_view::npos) refuse(setting);
        apply_one(options, setting.substr(0, equals), setting.substr(equals + 1));
    }
}

Options with_environment(Options options) {
    if (const char* seed = std::getenv("STEPWISE_SEED"); seed != nullptr && *seed != '\0') {
        std::string_view text(seed);
        auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.seed);
        if (error != std::errc() || end != text.data() + text.size()) {
            throw std::invalid_argument(fmt::format("STEPWISE_SEED: '{}' is not a number of 64 bits", text));
        }
    }
    if (const char* settings = std::getenv("STEPWISE_SIM")) apply(options, settings);
    return options;
}

}  // namespace stepwise::sim
