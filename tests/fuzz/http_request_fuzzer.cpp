// What a client may send to http::RequestParser.
//
// Besides what sanitizers see: events do not depend on how the bytes were cut, nor on whether a server reads ahead; an
// error stays; what is kept has a bound; a plain reading of the same bytes finds the same messages; and messages that
// are written again are read again.
#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/parser.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/tests/fuzz/http_reference.hpp>
#include <stepwise/tests/fuzz/support.hpp>

using namespace stepwise;
using namespace stepwise::http;
using namespace stepwise::fuzz;

namespace {

// draws_all: every event of a piece before the next piece. lets_wait: after each event the caller's bytes go, as when a
// handler suspends. reads_ahead: the next piece comes while events are left.
enum class Manner { draws_all, lets_wait, reads_ahead };

ParserLimits limits_of(std::uint8_t choice) {
    ParserLimits limits;
    if (choice % 4 == 1) {
        limits = {.request_line_bytes_max = 60,
                  .header_bytes_max = 120,
                  .header_count_max = 5,
                  .chunk_line_bytes_max = 12,
                  .chunk_extension_bytes_max = 16,
                  .body_bytes_max = 40};
    }
    if (choice % 4 == 2) limits = {.request_line_bytes_max = 24, .header_bytes_max = 64, .body_bytes_max = 5};
    if (choice % 4 == 3) limits.body_bytes_max = 0;
    return limits;
}

std::string describe_head(const RequestHead& head) {
    return fmt::format(
        "head({} {} {} {}|{}|{}|{}|{}|{}|{}|{}; {})", head.method(), head.target(), static_cast<int>(head.version()),
        static_cast<int>(head.target_form()), head.path(), head.query(), head.host(), head.keep_alive(), head.chunked(),
        head.content_length().value_or(~std::uint64_t{0}), head.expect_continue(), described_fields(head.headers()));
}

std::string describe_error(const net::ProtocolError& error) {
    return fmt::format("error({} {}: {})", error.code, error.section, error.message);
}

class Run {
public:
    Run(const ParserLimits& limits, Manner manner) : parser_(limits), manner_(manner) {}

    std::string transcript(const Pieces& pieces) {
        for (const std::string_view piece : pieces) {
            LentBytes lent(piece);
            parser_bytes_.during([&] { return parser_.receive_data(lent.view()), true; });
            while (draw_event() && manner_ != Manner::reads_ahead) {
                if (manner_ == Manner::lets_wait) {
                    parser_.keep_unconsumed();
                    lent.overwrite();
                }
            }
            if (manner_ == Manner::reads_ahead) parser_.keep_unconsumed();
        }
        while (draw_event()) {
        }
        end();
        return std::move(text_);
    }

private:
    // False: there was none.
    bool draw_event() {
        const Event event = parser_bytes_.during([&] { return parser_.next_event(); });
        if (std::holds_alternative<NeedMore>(event)) {
            check_kept();
            return false;
        }
        if (const auto* data = std::get_if<BodyData>(&event)) {
            expect(!data->bytes.empty(), "a piece of a body is not empty");
            body_ += data->bytes;
            return true;
        }
        if (const auto* start = std::get_if<StartOfMessage>(&event)) text_ += describe_head(*start->head) + " ";
        if (const auto* finish = std::get_if<EndOfMessage>(&event)) {
            text_ += fmt::format("body({}) end({}) ", std::exchange(body_, {}), described_fields(*finish->trailers));
        }
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            failed_ = true;
            if (error_.empty()) error_ = describe_error(*error);
            expect_equal(describe_error(*error), error_, "an error is given again as it was");
            return false;
        }
        return true;
    }

    // Beyond each limit one CRLF may stand, and one more before the request line.
    void check_kept() {
        if (manner_ != Manner::draws_all || failed_) return;
        const ParserLimits& limits = parser_.limits();
        const std::size_t head_bytes_max = limits.request_line_bytes_max + limits.header_bytes_max + std::size_t{6};
        expect(parser_.unconsumed().size() <= head_bytes_max, "no more is kept than limits allow");
        const std::size_t fields_bytes_max = 2 * sizeof(FieldSpan) * (limits.header_count_max + std::size_t{8});
        // Below zero where it works with what a parser before it took.
        const auto held = static_cast<std::ptrdiff_t>(parser_bytes_.held());
        const std::size_t held_max = 2 * head_bytes_max + 2 * fields_bytes_max + 2048;
        expect(held <= static_cast<std::ptrdiff_t>(held_max), "memory has a bound");
    }

    void end() {
        const auto at_end = parser_.receive_eof();
        expect(!failed_ || at_end.has_value(), "the end after an error is that error");
        if (failed_) expect_equal(describe_error(*at_end), error_, "the end after an error is that error");
        if (!body_.empty()) text_ += "body(" + body_ + ") ";
        if (at_end) text_ += describe_error(*at_end);
        LentBytes more("GET / HTTP/1.1\r\nHost: later\r\n\r\n");
        parser_.receive_data(more.view());
        if (at_end)
            expect_equal(describe_error(std::get<net::ProtocolError>(parser_.next_event())), describe_error(*at_end),
                         "nothing is read after an error");
    }

    RequestParser parser_;
    Manner manner_;
    HeapMeter parser_bytes_;
    std::string text_;
    std::string body_;
    std::string error_;
    bool failed_ = false;
};

void expect_is_as_its_bytes_say(const RequestHead& head, std::string_view bytes) {
    expect(lies_within(head.block(), bytes), "a head is read in place");
    std::string_view block = head.block();
    if (block.starts_with("\r\n")) block.remove_prefix(2);
    std::vector<std::string_view> lines = lines_of(block);
    expect(!lines.empty(), "a head has a request line");
    const std::string_view version = head.version() == Version::http_1_1 ? "HTTP/1.1" : "HTTP/1.0";
    expect_equal(lines[0], fmt::format("{} {} {}", head.method(), head.target(), version),
                 "a request line has three parts");
    lines.erase(lines.begin());
    expect_fields(lines, head.headers());
    expect(head.target().find(' ') == std::string_view::npos, "a target has no space", head.target());
    expect(is_token(head.method()), "a method is a token", head.method());
    expect(!(head.chunked() && head.content_length()), "a body has one framing");
    expect(head.headers().count("Content-Length") == (head.content_length() ? 1U : 0U), "there is one length");
    expect(head.headers().count("Transfer-Encoding") == (head.chunked() ? 1U : 0U), "there is one coding");
    const std::size_t hosts = head.headers().count("Host");
    expect(hosts == 1 || (hosts == 0 && head.version() == Version::http_1_0), "there is one Host");
    expect(percent_decode(head.path()).has_value(), "a path decodes", head.path());
}

// A path is safe if no segment of what it decodes to is "..": said in another way than is_safe_path does.
bool is_safe_by_segments(std::string_view path) {
    const auto decoded = percent_decode(path);
    if (!decoded || decoded->find('\0') != std::string::npos || decoded->find('\\') != std::string::npos) return false;
    return ("/" + *decoded + "/").find("/../") == std::string::npos;
}

// A request outlives the bytes that it came in once it owns them.
void expect_owned_request_stays(const RequestHead& head, std::string_view body) {
    expect(is_safe_path(head.path()) == is_safe_by_segments(head.path()), "a safe path has no .. segment", head.path());
    LentBytes lent(head.block());
    RequestHead moved = head;
    moved.set_block(lent.view().data());
    Request request;
    request.assign(moved);
    request.append_body(body.substr(0, body.size() / 2));
    request.append_body(body.substr(body.size() / 2));
    const std::string before = describe_head(request.head());
    const std::string path(request.path());
    request.own();
    lent.overwrite();
    expect_equal(describe_head(request.head()), before, "an owned request keeps its head");
    expect_equal(request.path(), path, "an owned request keeps its path");
    expect_equal(path, percent_decode(head.path()).value_or("not decodable"), "a path is decoded once");
    expect_equal(request.body(), body, "an owned request keeps its body");
    std::string_view query = head.query();
    while (const auto argument = take_query_argument(query)) {
        expect(lies_within(argument->name, head.query()) && lies_within(argument->value, head.query()),
               "a query's argument is part of it");
        query_value(head.query(), argument->name);
    }
}

std::string written_body(const RequestHead& head, std::string_view body, std::size_t chunk_bytes) {
    if (!head.chunked()) return std::string(body);
    std::string out;
    net::StringSink sink(out);
    for (; !body.empty(); body.remove_prefix(std::min(chunk_bytes, body.size()))) {
        write_chunk(sink, body.substr(0, chunk_bytes));
    }
    write_last_chunk(sink);
    out.resize(out.size() - 2);  // the trailers come before the last CRLF
    return out;
}

// Reads whole messages in place; gives them written again, as the peer could have sent them.
std::string check_messages(const Input& input, const ParserLimits& limits) {
    const LentBytes lent(input.bytes);
    RequestParser parser(limits);
    parser.receive_data(lent.view());
    std::string written;
    std::string body;
    const RequestHead* head = nullptr;
    std::string_view behind_head;
    for (Event event = parser.next_event(); event.index() != 0 && event.index() != 4; event = parser.next_event()) {
        if (const auto* start = std::get_if<StartOfMessage>(&event)) {
            head = start->head;
            expect_is_as_its_bytes_say(*head, lent.view());
            behind_head = lent.view().substr(static_cast<std::size_t>(head->block().end() - lent.view().begin()));
        } else if (const auto* data = std::get_if<BodyData>(&event)) {
            expect(lies_within(data->bytes, lent.view()), "a body is read in place");
            body += data->bytes;
        } else {
            const HeaderFields& trailers = *std::get<EndOfMessage>(event).trailers;
            std::size_t consumed = head->content_length().value_or(0);
            if (head->chunked()) {
                const ChunkedBody expected = read_chunked_body(behind_head);
                expect_equal(body, expected.content, "chunks are joined to the content");
                expect_fields(expected.trailer_lines, trailers);
                consumed = expected.size;
            } else {
                expect_equal(body, behind_head.substr(0, consumed), "a body is as long as its length says");
            }
            expect(parser.unconsumed().size() == behind_head.size() - consumed,
                   "the next message begins where one ends");
            expect_owned_request_stays(*head, body);
            written += fmt::format("{} {} HTTP/1.{}\r\n{}\r\n{}", head->method(), head->target(),
                                   head->version() == Version::http_1_1 ? 1 : 0, written_fields(head->headers()),
                                   written_body(*head, body, 1 + input.choices[1] % 32));
            if (head->chunked()) written += written_fields(trailers) + "\r\n";
            body.clear();
        }
    }
    return written;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    const ParserLimits limits = limits_of(input.choices[0]);
    const std::string whole = Run(limits, Manner::draws_all).transcript({input.bytes});
    const std::vector<Pieces> ways = ways_to_cut(input);
    for (const Pieces& pieces : ways) {
        expect_equal(Run(limits, Manner::draws_all).transcript(pieces), whole, "events do not depend on cuts");
    }
    expect_equal(Run(limits, Manner::lets_wait).transcript(ways[2]), whole, "events do not depend on waiting");
    expect_equal(Run(limits, Manner::reads_ahead).transcript(ways[2]), whole, "events do not depend on reading ahead");
    const std::string written = check_messages(input, limits);
    const std::string again = Run(limits, Manner::draws_all).transcript({written});
    expect(whole.starts_with(again), "messages that are written again are read again", written);
    return 0;
}
