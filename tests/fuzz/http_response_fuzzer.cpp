// What a server may send to http::ResponseParser.
//
// As for requests; what was asked, HEAD and CONNECT among it, the third choice says. A response that was read whole is
// written by our own writer and read again, and what follows a switch of protocols is passed on untouched.
#include <fmt/format.h>
#include <algorithm>
#include <stepwise/net/http/characters.hpp>
#include <stepwise/net/http/message.hpp>
#include <stepwise/net/http/response_parser.hpp>
#include <stepwise/net/http/writer.hpp>
#include <stepwise/tests/fuzz/http_reference.hpp>
#include <stepwise/tests/fuzz/support.hpp>

using namespace stepwise;
using namespace stepwise::http;
using namespace stepwise::fuzz;

namespace {

enum class Manner { draws_all, lets_wait, reads_ahead };

constexpr std::string_view methods[] = {"GET", "HEAD", "CONNECT", "POST"};

struct Asked {
    ParserLimits limits;
    std::vector<std::string_view> methods;
};

Asked asked_of(const Input& input) {
    Asked asked;
    const unsigned choice = input.choices[0];
    if (choice % 3 == 1) {
        asked.limits = {.status_line_bytes_max = 30,
                        .header_bytes_max = 90,
                        .header_count_max = 5,
                        .interim_responses_max = 1,
                        .chunk_line_bytes_max = 12,
                        .chunk_extension_bytes_max = 16,
                        .body_bytes_max = 40};
    }
    if (choice % 3 == 2) asked.limits = {.status_line_bytes_max = 15, .header_bytes_max = 50, .body_bytes_max = 4};
    for (unsigned left = input.choices[2]; left != 0; left >>= 2) asked.methods.push_back(methods[left % 4]);
    return asked;
}

std::string describe_head(const ResponseHead& head) {
    return fmt::format("{} {}|{}|{}|{}|{}|{}; {}", head.status(), head.reason(), static_cast<int>(head.version()),
                       static_cast<int>(head.body_framing()), head.keep_alive(), head.switches_protocol(),
                       head.content_length().value_or(~std::uint64_t{0}), described_fields(head.headers()));
}

std::string describe_error(const net::ProtocolError& error) {
    return fmt::format("error({} {}: {})", error.code, error.section, error.message);
}

class Run {
public:
    Run(const Asked& asked, Manner manner) : parser_(asked.limits), manner_(manner) {
        for (const std::string_view method : asked.methods) parser_.expect_response(method);
    }

    std::string transcript(const Pieces& pieces) {
        for (const std::string_view piece : pieces) {
            LentBytes lent(piece);
            meter_.during([&] { return parser_.receive_data(lent.view()), true; });
            while (draw_event() && manner_ != Manner::reads_ahead) {
                if (manner_ == Manner::lets_wait) {
                    parser_.keep_unconsumed();
                    lent.overwrite();
                }
            }
            parser_.keep_unconsumed();
        }
        while (draw_event()) {
        }
        end();
        return std::move(text_);
    }

private:
    // False: there was none.
    bool draw_event() {
        const ResponseEvent event = meter_.during([&] { return parser_.next_event(); });
        if (std::holds_alternative<NeedMore>(event)) {
            check_kept();
            return false;
        }
        if (const auto* data = std::get_if<BodyData>(&event)) {
            expect(!data->bytes.empty(), "a piece of a body is not empty");
            body_ += data->bytes;
            return true;
        }
        if (const auto* word = std::get_if<InterimResponse>(&event)) {
            expect(word->head->is_interim(), "an interim response is 1xx, but not 101");
            text_ += "interim(" + describe_head(*word->head) + ") ";
        }
        if (const auto* start = std::get_if<StartOfResponse>(&event)) {
            text_ += "head(" + describe_head(*start->head) + ") ";
            switches_ = start->head->switches_protocol();
        }
        if (const auto* finish = std::get_if<EndOfMessage>(&event)) {
            text_ += fmt::format("body({}) end({}) ", std::exchange(body_, {}), described_fields(*finish->trailers));
        }
        if (const auto* error = std::get_if<net::ProtocolError>(&event)) {
            failed_ = true;
            if (error_.empty()) error_ = describe_error(*error);
            expect_equal(describe_error(*error), error_, "an error is given again as it was");
            const int code = error->code;
            expect(code == 502 || code == 413 || code == 431, "an error has a code that a gateway could answer with");
            return false;
        }
        return true;
    }

    // Beyond each limit one CRLF may stand. What follows a switch of protocols is kept for its owner, all of it.
    void check_kept() {
        if (manner_ != Manner::draws_all || failed_ || switches_) return;
        const ParserLimits& limits = parser_.limits();
        const std::size_t head_bytes_max = limits.status_line_bytes_max + limits.header_bytes_max + std::size_t{4};
        expect(parser_.unconsumed().size() <= head_bytes_max, "no more is kept than limits allow");
        const std::size_t fields_bytes_max = 2 * sizeof(FieldSpan) * (limits.header_count_max + std::size_t{8});
        expect(meter_.held() <= 2 * head_bytes_max + 2 * fields_bytes_max + 2048, "memory has a bound");
    }

    void end() {
        if (switches_ && !failed_) {
            text_ += "rest(" + std::string(parser_.unconsumed()) + ") ";
            expect(!parser_.receive_eof(), "the end of another protocol is not HTTP's");
            return;
        }
        // Twice: the first end may be that of a body, and the next response is then still missing.
        for (int round = 0; round < 2; ++round) {
            const auto error = parser_.receive_eof();
            expect(!failed_ || error.has_value(), "the end after an error is that error");
            if (error) {
                if (failed_) expect_equal(describe_error(*error), error_, "the end after an error is that error");
                text_ += "body(" + body_ + ") " + describe_error(*error);
                expect_equal(describe_error(std::get<net::ProtocolError>(parser_.next_event())), describe_error(*error),
                             "nothing is read after an error");
                return;
            }
            while (draw_event()) {
            }
        }
    }

    ResponseParser parser_;
    Manner manner_;
    HeapMeter meter_;
    std::string text_;
    std::string body_;
    std::string error_;
    bool failed_ = false;
    bool switches_ = false;
};

void expect_is_as_its_bytes_say(const ResponseHead& head, std::string_view bytes) {
    expect(lies_within(head.block(), bytes), "a head is read in place");
    std::vector<std::string_view> lines = lines_of(head.block());
    expect(!lines.empty(), "a head has a status line");
    const std::string_view version = head.version() == Version::http_1_1 ? "HTTP/1.1" : "HTTP/1.0";
    const std::string line = fmt::format("{} {:03} {}", version, head.status(), head.reason());
    const bool has_no_space = head.reason().empty() && std::string(lines[0]) + " " == line;
    expect(lines[0] == line || has_no_space, "a status line has three parts", lines[0]);
    lines.erase(lines.begin());
    expect_fields(lines, head.headers());
    expect(head.headers().count("Content-Length") == (head.content_length() ? 1U : 0U), "there is one length");
    const bool has_coding = head.headers().count("Transfer-Encoding") == 1;
    expect(!(has_coding && head.content_length()), "a body has one framing");
    if (head.body_framing() == BodyFraming::chunked) expect(has_coding, "a chunked body says so");
    if (head.status() == 204 || head.status() == 304)
        expect(head.body_framing() == BodyFraming::none, "it has no body");
}

// What our writer makes of a response that was read, as far as a Response can say it.
void expect_can_be_written(const ResponseHead& head, std::string_view method, const std::string& body) {
    if (head.status() < 200 || head.status() > 599 || head.switches_protocol()) return;
    Response response(head.status());
    response.body = body;
    for (const HeaderField field : head.headers()) {
        try {
            response.headers.add(field.name, field.value);
        } catch (const std::invalid_argument&) {
            expect(equal_ignoring_case(field.name, "connection") || equal_ignoring_case(field.name, "date") ||
                       equal_ignoring_case(field.name, "content-length") ||
                       equal_ignoring_case(field.name, "keep-alive") ||
                       equal_ignoring_case(field.name, "transfer-encoding"),
                   "what was read can be written, but for what the writer makes", field.name);
        }
    }
    WriteOptions options;
    options.head_request = method == "HEAD";
    options.keep_alive = head.keep_alive();
    std::string written;
    net::StringSink sink(written);
    write_response(sink, response, options);

    ParserLimits limits;
    limits.header_bytes_max = 1 << 20;
    limits.header_count_max = 200;
    ResponseParser parser(limits);
    parser.expect_response(method);
    parser.receive_data(written);
    const ResponseEvent start = parser.next_event();
    expect(std::holds_alternative<StartOfResponse>(start), "a response that was written can be read", written);
    const ResponseHead& again = *std::get<StartOfResponse>(start).head;
    expect(again.status() == head.status(), "it has its status");
    expect(again.keep_alive() == head.keep_alive(), "it says whether the connection stays", written);
    for (const auto& [name, value] : response.headers) {
        expect(again.headers().count(name) >= 1, "it has its fields", name);
    }
    const bool is_bodiless =
        options.head_request || head.status() == 204 || head.status() == 205 || head.status() == 304;
    std::string read_body;
    ResponseEvent event = parser.next_event();
    for (; std::holds_alternative<BodyData>(event); event = parser.next_event()) {
        read_body += std::get<BodyData>(event).bytes;
    }
    expect(std::holds_alternative<EndOfMessage>(event), "it ends", written);
    expect_equal(read_body, is_bodiless ? "" : body, "it has its body");
    expect(parser.unconsumed().empty(), "nothing stands behind it", written);
}

// Reads whole messages in place and holds them against a plain reading.
void check_messages(const Input& input, const Asked& asked) {
    const LentBytes lent(input.bytes);
    ResponseParser parser(asked.limits);
    for (const std::string_view method : asked.methods) parser.expect_response(method);
    parser.receive_data(lent.view());
    std::string body;
    const ResponseHead* head = nullptr;
    std::string_view behind_head;
    std::size_t answered = 0;
    for (ResponseEvent event = parser.next_event(); event.index() != 0 && event.index() != 5;
         event = parser.next_event()) {
        if (const auto* start = std::get_if<StartOfResponse>(&event)) {
            head = start->head;
            ++answered;
            expect_is_as_its_bytes_say(*head, lent.view());
            behind_head = lent.view().substr(static_cast<std::size_t>(head->block().end() - lent.view().begin()));
        } else if (const auto* word = std::get_if<InterimResponse>(&event)) {
            expect_is_as_its_bytes_say(*word->head, lent.view());
        } else if (const auto* data = std::get_if<BodyData>(&event)) {
            expect(lies_within(data->bytes, lent.view()), "a body is read in place");
            body += data->bytes;
        } else {
            std::size_t consumed = body.size();
            if (head->body_framing() == BodyFraming::chunked) {
                const ChunkedBody expected = read_chunked_body(behind_head);
                expect_equal(body, expected.content, "chunks are joined to the content");
                expect_fields(expected.trailer_lines, *std::get<EndOfMessage>(event).trailers);
                consumed = expected.size;
            } else {
                const bool has_length = head->body_framing() == BodyFraming::content_length;
                expect(consumed == (has_length ? head->content_length().value_or(0) : 0), "a body has its length");
                expect_equal(body, behind_head.substr(0, consumed), "a body is what stands behind the head");
            }
            expect(parser.unconsumed().size() == behind_head.size() - consumed,
                   "the next message begins where one ends");
            expect_can_be_written(*head, asked.methods[answered - 1], body);
            body.clear();
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const Input input = split_input(data, size);
    const Asked asked = asked_of(input);
    const std::string whole = Run(asked, Manner::draws_all).transcript({input.bytes});
    const std::vector<Pieces> ways = ways_to_cut(input);
    for (const Pieces& pieces : ways) {
        expect_equal(Run(asked, Manner::draws_all).transcript(pieces), whole, "events do not depend on cuts");
    }
    expect_equal(Run(asked, Manner::lets_wait).transcript(ways[2]), whole, "events do not depend on waiting");
    expect_equal(Run(asked, Manner::reads_ahead).transcript(ways[2]), whole, "events do not depend on reading ahead");
    check_messages(input, asked);
    return 0;
}
