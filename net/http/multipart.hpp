// A form with files as a machine without I/O: the bytes of a multipart/form-data body in, its parts out (RFC 7578,
// RFC 2046 §5.1). A peer's mistake is an event too, never an exception, and the same one again at every later call.
//
//     http::MultipartParser parser(http::multipart_boundary(content_type).value());
//     parser.receive_data(body);
//     http::MultipartEvent event = parser.next_event();   // until it is NeedMore
//
// A file's content is handed on as views into the bytes that came, in as many pieces: it is never held as a whole. At
// most the fields of one part and what could be the begin of a boundary are kept when `next_event` says NeedMore.
// One thread; movable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stepwise/net/http/events.hpp>
#include <stepwise/net/http/field_scanner.hpp>
#include <stepwise/net/http/input_buffer.hpp>
#include <stepwise/net/http/parser_limits.hpp>
#include <stepwise/net/http/scan.hpp>
#include <stepwise/net/protocol_error.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace stepwise::http {

// The boundary of a Content-Type; nothing unless that is multipart/form-data with one that RFC 2046 §5.1.1 allows.
std::optional<std::string> multipart_boundary(std::string_view content_type);

// How large a body may be is for whoever receives it; these are for what one body can make of few bytes. All inclusive.
struct MultipartLimits {
    std::uint32_t parts_max = 1000;                     // beyond it: 413
    std::uint32_t part_header_bytes_max = 8 * 1024;     // with the line ends; beyond it: 431
    std::uint32_t part_header_count_max = 16;           // beyond it: 431
    std::uint64_t part_bytes_max = 1024 * 1024 * 1024;  // the content of one part; beyond it: 413
    std::uint32_t preamble_bytes_max = 1024;            // before the first boundary, ignored; beyond it: 400
};

struct StartOfPart {
    std::string name;                     // of the form's field; as it came, perhaps with escapes of the sender's own
    std::optional<std::string> filename;  // as it came, for a part that is a file: see base_name_of
    std::string content_type;             // "text/plain" unless the part says another
};
struct PartData {
    std::string_view bytes;  // never empty; good until the next `receive_data`, no longer than the caller's bytes
};
struct EndOfPart {};
struct EndOfForm {};

using MultipartEvent = std::variant<NeedMore, StartOfPart, PartData, EndOfPart, EndOfForm, net::ProtocolError>;

// What a peer calls a file, made safe to be a name in a folder: what follows the last slash or backslash, without
// control characters, and empty for "", "." and "..". Not unique, and perhaps as long as name_bytes_max.
std::string base_name_of(std::string_view filename, std::size_t name_bytes_max = 255);

class MultipartParser {
public:
    // Throws std::invalid_argument for a boundary that RFC 2046 §5.1.1 does not allow.
    explicit MultipartParser(std::string_view boundary, MultipartLimits limits = {});

    // More bytes of the body. They must stay until `next_event` says NeedMore or gives an error. Behind the end of the
    // form, and after an error, they are not looked at.
    void receive_data(std::string_view bytes) {
        if (step_ < Step::over) input_.receive(bytes);
    }
    MultipartEvent next_event();
    // The body is at its end; call it after NeedMore. Nothing: so is the form. An error (sticky): it is cut.
    std::optional<net::ProtocolError> receive_eof();

private:
    enum class Step : std::uint8_t { preamble, delimiter, header, data, end_of_part, over, failed };

    MultipartEvent need_more();
    MultipartEvent fail_with(int status, std::string_view section, std::string message);
    std::optional<MultipartEvent> skip_preamble();
    std::optional<MultipartEvent> next_delimiter();
    std::optional<MultipartEvent> next_header();
    MultipartEvent start_part(const HeaderFields& fields);
    std::optional<MultipartEvent> next_data();

    std::string delimiter_;  // CRLF "--" boundary
    MultipartLimits limits_;
    Step step_ = Step::preamble;
    std::uint32_t parts_ = 0;
    std::uint64_t skipped_ = 0;     // bytes of the preamble
    std::uint64_t part_bytes_ = 0;  // of this part's content
    FieldScanner scanner_;
    HeaderFields fields_;
    InputBuffer input_;
    ErrorSlot error_;
};

}  // namespace stepwise::http
