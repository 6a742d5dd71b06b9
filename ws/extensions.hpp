// The value of Sec-WebSocket-Extensions, read (RFC 6455 §9.1): "permessage-deflate; server_max_window_bits=10, other".
//
//     std::optional<std::vector<ws::Extension>> offers = ws::parse_extensions({offer});
//
// What the extensions mean is not known here. Names are views of the field's lines; a value that came in quotes is one
// without them. Text that breaks the grammar gives nothing: the handshake must fail then.
#pragma once

#include <optional>
#include <stepwise/ws/field_values.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace stepwise::ws {

struct ExtensionParameter {
    std::string_view name;
    std::optional<std::string> value;  // nothing: there was no "="
};

struct Extension {
    std::string_view name;
    std::vector<ExtensionParameter> parameters;
};

// In the order of the lines and in each line from left to right, which is the order of preference.
[[nodiscard]] std::optional<std::vector<Extension>> parse_extensions(const FieldValues& lines);

}  // namespace stepwise::ws
