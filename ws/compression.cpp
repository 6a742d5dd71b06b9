#include <stepwise/ws/compression.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace stepwise::ws {
namespace {

constexpr std::string_view extension_name = "permessage-deflate";
constexpr int window_bits_least = 8;
constexpr int window_bits_most = 15;

// One extension's parameters as they were written; 0: there is no such parameter.
struct Parameters {
    bool server_no_context_takeover = false;
    bool client_no_context_takeover = false;
    int server_max_window_bits = 0;
    int client_max_window_bits = 0;
};

// RFC 7692 §7.1.2: 8 to 15 in decimal, without leading zeros. 0: it is none of these.
int window_bits_of(std::string_view value) {
    if (value.size() == 1 && (value[0] == '8' || value[0] == '9')) return value[0] - '0';
    if (value.size() == 2 && value[0] == '1' && value[1] >= '0' && value[1] <= '5') return 10 + value[1] - '0';
    return 0;
}

// `bare_window`: what client_max_window_bits without a value stands for; 0: it needs one. An error is a text.
std::string read_parameter(const ExtensionParameter& parameter, int bare_window, Parameters& read) {
    for (const bool of_server : {true, false}) {
        bool& flag = of_server ? read.server_no_context_takeover : read.client_no_context_takeover;
        if (parameter.name == (of_server ? "server_no_context_takeover" : "client_no_context_takeover")) {
            if (parameter.value) return fmt::format("{} has a value", parameter.name);
            if (flag) return fmt::format("{} is there twice", parameter.name);
            flag = true;
            return {};
        }
        int& bits = of_server ? read.server_max_window_bits : read.client_max_window_bits;
        if (parameter.name == (of_server ? "server_max_window_bits" : "client_max_window_bits")) {
            if (bits != 0) return fmt::format("{} is there twice", parameter.name);
            const int bare = of_server ? 0 : bare_window;
            bits = parameter.value ? window_bits_of(*parameter.value) : bare;
            if (bits != 0) return {};
            return fmt::format("{} is \"{}\", not 8 to 15", parameter.name, parameter.value.value_or(""));
        }
    }
    return fmt::format("it has the unknown parameter \"{}\"", parameter.name);
}

std::variant<Parameters, std::string> read_parameters(const Extension& extension, int bare_window) {
    Parameters read;
    for (const ExtensionParameter& parameter : extension.parameters) {
        std::string error = read_parameter(parameter, bare_window, read);
        if (!error.empty()) return error;
    }
    return read;
}

bool is_within(int value, int least, int most) {
    return value >= least && value <= most;
}

// RFC 7692 §7.1: an answer may be narrower than the offer in all but what was not offered.
std::string reason_against(const Parameters& answer, const CompressionOptions& offered) {
    if (offered.window_bits_max == window_bits_most) return {};
    if (answer.server_max_window_bits == 0) return "server_max_window_bits was offered, and is not in the answer";
    const int widest = std::max(answer.server_max_window_bits, answer.client_max_window_bits);
    if (widest <= offered.window_bits_max) return {};
    return fmt::format("a window of {} bits, and {} were offered", widest, offered.window_bits_max);
}

}  // namespace

void check_compression(const CompressionOptions& options) {
    if (!is_within(options.window_bits_max, window_bits_least, window_bits_most)) {
        throw std::invalid_argument(
            fmt::format("CompressionOptions: window_bits_max is 8 to 15, not {}", options.window_bits_max));
    }
    if (!is_within(options.level, 1, 9) || !is_within(options.memory_level, 1, 9)) {
        throw std::invalid_argument(fmt::format("CompressionOptions: level and memory_level are 1 to 9, not {} and {}",
                                                options.level, options.memory_level));
    }
}

std::optional<CompressionTerms> accept_compression(std::span<const Extension> offers,
                                                   const CompressionOptions& options) {
    if (!options.enabled) return std::nullopt;
    for (const Extension& offer : offers) {
        if (offer.name != extension_name) continue;
        const auto result = read_parameters(offer, window_bits_most);
        const auto* asked = std::get_if<Parameters>(&result);
        if (asked == nullptr) continue;
        CompressionTerms terms;
        terms.server_no_context_takeover = asked->server_no_context_takeover || !options.context_takeover;
        terms.client_no_context_takeover = asked->client_no_context_takeover || !options.context_takeover;
        const auto narrowed = [&](int bits) {
            return static_cast<std::uint8_t>(std::min(bits == 0 ? window_bits_most : bits, options.window_bits_max));
        };
        terms.server_max_window_bits = narrowed(asked->server_max_window_bits);
        terms.names_server_window =
            asked->server_max_window_bits != 0 || terms.server_max_window_bits != window_bits_most;
        // A client that does not name it cannot be asked for it (RFC 7692 §7.1.2.2).
        if (asked->client_max_window_bits != 0) terms.client_max_window_bits = narrowed(asked->client_max_window_bits);
        return terms;
    }
    return std::nullopt;
}

std::string extension_field(const CompressionTerms& terms) {
    std::string text(extension_name);
    if (terms.server_no_context_takeover) text += "; server_no_context_takeover";
    if (terms.client_no_context_takeover) text += "; client_no_context_takeover";
    if (terms.names_server_window) {
        text += fmt::format("; server_max_window_bits={}", terms.server_max_window_bits);
    }
    if (terms.client_max_window_bits != window_bits_most) {
        text += fmt::format("; client_max_window_bits={}", terms.client_max_window_bits);
    }
    return text;
}

// Without context takeover there is a second offer, with it: some servers know no other, and we would rather keep a
// window for them than go without.
std::string compression_offer(const CompressionOptions& options) {
    const std::string windows =
        options.window_bits_max == window_bits_most
            ? "; client_max_window_bits"
            : fmt::format("; server_max_window_bits={0}; client_max_window_bits={0}", options.window_bits_max);
    const std::string plain = std::string(extension_name) + windows;
    if (options.context_takeover) return plain;
    return fmt::format("{}; server_no_context_takeover; client_no_context_takeover{}, {}", extension_name, windows,
                       plain);
}

CompressionAnswer read_compression_answer(std::span<const Extension> answer, const CompressionOptions& options) {
    if (answer.empty()) return std::nullopt;
    if (!options.enabled || answer.front().name != extension_name) {
        return fmt::format("the server uses the extension \"{}\", which was not offered", answer.front().name);
    }
    if (answer.size() > 1) return fmt::format("the server uses \"{}\" besides {}", answer[1].name, extension_name);
    const auto result = read_parameters(answer.front(), 0);
    const auto* agreed = std::get_if<Parameters>(&result);
    const std::string error = agreed == nullptr ? std::get<std::string>(result) : reason_against(*agreed, options);
    if (!error.empty()) return fmt::format("the server's {}: {}", extension_name, error);
    CompressionTerms terms{
        .server_no_context_takeover = agreed->server_no_context_takeover,
        .client_no_context_takeover = agreed->client_no_context_takeover || !options.context_takeover};
    if (agreed->server_max_window_bits != 0) {
        terms.server_max_window_bits = static_cast<std::uint8_t>(agreed->server_max_window_bits);
        terms.names_server_window = true;
    }
    const int ours = agreed->client_max_window_bits == 0 ? window_bits_most : agreed->client_max_window_bits;
    terms.client_max_window_bits = static_cast<std::uint8_t>(std::min(ours, options.window_bits_max));
    return terms;
}

}  // namespace stepwise::ws
