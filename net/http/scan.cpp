#include <stepwise/net/http/scan.hpp>

#include <fmt/format.h>
#include <utility>

namespace stepwise::http {

ScanResult fail(ErrorSlot& error, int status, std::string_view section, std::string message) {
    error = std::make_unique<net::ProtocolError>(net::ProtocolError{status, section, std::move(message)});
    return ScanResult::failed;
}

std::string name_of_byte(char byte) {
    switch (byte) {
        case '\n':
            return "a bare LF";
        case '\r':
            return "a bare CR";
        case '\0':
            return "NUL";
        case ' ':
            return "a space";
        case '\t':
            return "a tab";
        default:
            break;
    }
    if (byte > 0x20 && byte < 0x7f) return fmt::format("'{}'", byte);
    return fmt::format("byte 0x{:02x}", static_cast<unsigned char>(byte));
}

}  // namespace stepwise::http
