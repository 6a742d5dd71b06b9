// What a client may send to ws::Protocol and to the handshake before it.
//
// Frames alone, or, where the third choice says so, an HTTP request first, which decides whether what follows are
// frames.
#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/tests/fuzz/websocket.hpp>
#include <stepwise/tests/fuzz/websocket_reference.hpp>
#include <stepwise/ws/handshake.hpp>

using namespace stepwise;
using namespace stepwise::fuzz;

const ws::Role stepwise::fuzz::fuzzed_role = ws::Role::server;

namespace {

constexpr std::string_view subprotocols[] = {"chat", "superchat"};

std::string lower(std::string_view text) {
    std::string lowered(text);
    for (char& c : lowered) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return lowered;
}

// The same answer as same_origin, by making both texts plain: no scheme, no default port, no capitals.
bool is_same_when_plain(std::string_view origin, std::string_view host) {
    std::string page = lower(origin);
    std::string server = lower(host);
    const bool is_http = page.starts_with("http://");
    if (!is_http && !page.starts_with("https://")) return false;
    page.erase(0, page.find("://") + 3);
    for (std::string* text : {&page, &server}) {
        const std::string_view port = is_http ? ":80" : ":443";
        if (text->ends_with(port)) text->resize(text->size() - port.size());
        if (text->ends_with(":")) text->pop_back();
    }
    return !page.empty() && page == server;
}

void check_answer(const ws::UpgradeRequest& request, const ws::UpgradeResult& result) {
    if (const auto* rejected = std::get_if<ws::UpgradeRejected>(&result)) {
        const int code = rejected->error.code;
        expect(code == 400 || code == 405 || code == 426, "a refusal has the status of one");
        expect(!rejected->error.message.empty(), "a refusal says why");
        return;
    }
    const auto& accepted = std::get<ws::UpgradeAccepted>(result);
    expect(request.method == "GET" && request.http_minor == 1 && request.host.size() == 1, "an upgrade is a GET");
    expect(request.sec_websocket_key.size() == 1 && request.sec_websocket_key[0].size() == 24, "it has one key");
    std::string response;
    net::StringSink sink(response);
    ws::append_accept_response(sink, accepted);
    const std::string key_line = "\r\nSec-WebSocket-Accept: " + ws::accept_key(request.sec_websocket_key[0]) + "\r\n";
    expect(response.starts_with("HTTP/1.1 101 ") && response.find(key_line) != std::string::npos, "it is answered 101");
    expect(response.find("\r\n\r\n") == response.size() - 4, "the answer is one head", response);
    const bool is_ours = std::ranges::find(subprotocols, accepted.subprotocol) != std::end(subprotocols);
    expect(accepted.subprotocol.empty() || is_ours, "the subprotocol is one of the server's");
    if (request.origin.size() != 1) return;
    expect(ws::same_origin(request) == is_same_when_plain(request.origin[0], request.host[0]),
           "an origin is the host's own or not", request.origin[0]);
}

// Reads one request, and what follows as frames if it was an upgrade.
class Opening {
public:
    explicit Opening(const ws::ProtocolOptions& options) : options_(options) {}

    std::string transcript(const Pieces& pieces) {
        for (std::size_t index = 0; index < pieces.size() && text_.empty(); ++index) {
            LentBytes lent(pieces[index]);
            parser_.receive_data(lent.view());
            while (draw_event()) {
            }
            if (!is_open_) continue;
            // What came behind the request is the first that the other protocol gets.
            const std::string unconsumed(parser_.unconsumed());
            Pieces frames{unconsumed};
            frames.insert(frames.end(), pieces.begin() + static_cast<std::ptrdiff_t>(index) + 1, pieces.end());
            return text_ + websocket_events(fuzzed_role, options_, frames);
        }
        return text_;
    }

private:
    bool draw_event() {
        const http::Event event = parser_.next_event();
        if (const auto* start = std::get_if<http::StartOfMessage>(&event)) answer(*start->head);
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            text_ = fmt::format("refused({} {})", error->code, error->section);
        } else if (std::holds_alternative<http::EndOfMessage>(event)) {
            is_open_ = is_accepted_;
            text_ = std::move(answer_);
        }
        return text_.empty() && !std::holds_alternative<http::NeedMore>(event);
    }

    void answer(const http::RequestHead& head) {
        ws::UpgradeRequest request;
        request.method = head.method();
        request.http_minor = head.version() == http::Version::http_1_0 ? 0 : 1;
        for (const http::HeaderField field : head.headers()) request.add_field(field.name, field.value);
        const ws::UpgradeResult result = ws::check_upgrade(request, subprotocols);
        check_answer(request, result);
        const auto* rejected = std::get_if<ws::UpgradeRejected>(&result);
        is_accepted_ = rejected == nullptr;
        answer_ = rejected ? fmt::format("rejected({} {})", rejected->error.code, rejected->error.section)
                           : fmt::format("accepted({}) ", std::get<ws::UpgradeAccepted>(result).subprotocol);
    }

    http::RequestParser parser_;
    ws::ProtocolOptions options_;
    std::string answer_;
    std::string text_;
    bool is_accepted_ = false;
    bool is_open_ = false;
};

void check_opening(const Input& input) {
    const ws::ProtocolOptions options = websocket_options(input.choices[0]);
    const std::string whole = Opening(options).transcript({input.bytes});
    for (const Pieces& pieces : ways_to_cut(input)) {
        expect_equal(Opening(options).transcript(pieces), whole, "a handshake and its frames do not depend on cuts");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    if (input.choices[2] >= 0x80) {
        check_opening(input);
    } else {
        check_conversation(fuzzed_role, input);
        check_functions(fuzzed_role, input);
    }
    return 0;
}
