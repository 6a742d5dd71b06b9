// One row for each rule of RFC 9112 about what a server is sent: the section, the bytes, and what comes of them. Each
// row is parsed whole, byte by byte and cut everywhere, with equal results (see events_of).
#include <stepwise/tests/net/http/support.hpp>

#include <charconv>

using namespace stepwise::http::test;

namespace {

struct Row {
    std::string_view section;
    std::string_view rule;
    std::string input;
    // The status of the refusal, or all events.
    int status;
    std::string events;
    bool is_cut = false;  // the connection ends behind the input
};

Row refused(std::string_view section, std::string_view rule, std::string input, int status = 400) {
    return {section, rule, std::move(input), status, {}};
}
Row taken(std::string_view section, std::string_view rule, std::string input, std::string events) {
    return {section, rule, std::move(input), 0, std::move(events)};
}
Row cut(std::string_view section, std::string_view rule, std::string input, std::string events) {
    return {section, rule, std::move(input), 0, std::move(events), true};
}

// A request with these fields, each with its CRLF, and what follows its head.
std::string get(std::string_view fields, std::string_view behind = {}) {
    return "GET / HTTP/1.1\r\n" + std::string(fields) + "\r\n" + std::string(behind);
}
std::string post(std::string_view fields, std::string_view behind = {}) {
    return "POST / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n" + std::string(behind);
}
std::string chunked(std::string_view body) {
    return post("Transfer-Encoding: chunked\r\n", body);
}

const std::string get_events = "head(GET / 1.1 keep-alive; Host: a) end";

const std::vector<Row> message_rows = {
    taken("2.1", "a message is a start line, fields, an empty line", get("Host: a\r\n"), get_events),
    taken("2.2", "an empty line before the request line is passed over", "\r\n" + get("Host: a\r\n"), get_events),
    refused("2.2", "a bare LF ends no line here", "GET / HTTP/1.1\nHost: a\r\n\r\n"),
    refused("2.2", "a bare LF ends no field line here", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"),
    refused("2.2", "a bare CR is invalid within the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("2.2", "a bare CR is invalid within a field", get("Host: a\r\nX: b\rc\r\n")),
    refused("2.2", "white space between the start line and the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    taken("2.3", "HTTP/1.0 is answered, and does not live on", "GET / HTTP/1.0\r\n\r\n", "head(GET / 1.0 close; ) end"),
    refused("2.3", "another major version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    taken("2.5 of RFC 9110", "a higher minor version is taken for 1.1", "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
          get_events),
    taken("2.5 of RFC 9110", "the highest one too", "GET / HTTP/1.9\r\nHost: a\r\n\r\n", get_events),
    refused("2.5 of RFC 9110", "and has its rules: no Host", "GET / HTTP/1.2\r\n\r\n"),
    refused("2.3", "a major version that is lower", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 505),
    refused("2.3", "the version's name is case-sensitive", "GET / http/1.1\r\nHost: a\r\n\r\n"),
    refused("2.3", "a version has one digit behind the dot", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
    refused("2.3", "and one before it", "GET / HTTP/01.1\r\nHost: a\r\n\r\n"),
    refused("2.3", "a version has digits", "GET / HTTP/1.x\r\nHost: a\r\n\r\n"),
    refused("2.3", "no version at all (HTTP/0.9)", "GET /\r\n\r\n"),
};

const std::vector<Row> request_line_rows = {
    refused("3", "two spaces in the request line", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("3", "a tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("3", "a space behind the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
    refused("3", "a space before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("3", "a request line that is too long", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n", 414),
    refused("3.1", "a method is a token", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    taken("3.1", "methods are case-sensitive, and any token is one", "get / HTTP/1.1\r\nHost: a\r\n\r\n",
          "head(get / 1.1 keep-alive; Host: a) end"),
    refused("3.1", "a method that is too long", std::string(9000, 'A') + " / HTTP/1.1\r\n", 501),
    refused("3.2", "white space within a target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("3.2", "no Host", get("")),
    refused("3.2", "two Hosts", get("Host: a\r\nHost: a\r\n")),
    refused("3.2", "a Host that is none", get("Host: a b\r\n")),
    refused("3.2", "a Host with a user", get("Host: user@a\r\n")),
    refused("3.2", "a Host with a path", get("Host: a/b\r\n")),
    taken("3.2", "an empty Host, of a target without an authority", get("Host:\r\n"),
          "head(GET / 1.1 keep-alive; Host: ) end"),
    taken("3.2.1", "origin-form with a query", "GET /a?b=c HTTP/1.1\r\nHost: a\r\n\r\n",
          "head(GET /a?b=c 1.1 keep-alive; Host: a) end"),
    refused("3.2.1", "origin-form begins with a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
    taken("3.2.1", "a raw | in a path, as browsers send it: wider than RFC 3986",
          "GET /a|b HTTP/1.1\r\nHost: a\r\n\r\n", "head(GET /a|b 1.1 keep-alive; Host: a) end"),
    refused("3.2.1", "a fragment is never sent", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("3.2.1", "a broken escape", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("3.2.1", "an escaped NUL", "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n"),
    taken("3.2.2", "absolute-form is taken, and its authority counts", "GET http://b/c HTTP/1.1\r\nHost: b\r\n\r\n",
          "head(GET http://b/c 1.1 keep-alive; Host: b) end"),
    refused("3.2.2", "absolute-form with a user", "GET http://u@b/c HTTP/1.1\r\nHost: b\r\n\r\n"),
    taken("3.2.3", "authority-form, for CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
          "head(CONNECT a:80 1.1 keep-alive; Host: a:80) end"),
    refused("3.2.3", "authority-form for another method", "GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
    refused("3.2.3", "CONNECT without a port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n"),
    taken("3.2.4", "asterisk-form, for OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
          "head(OPTIONS * 1.1 keep-alive; Host: a) end"),
    refused("3.2.4", "asterisk-form for another method", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
};

const std::vector<Row> field_rows = {
    taken("5", "white space around a value is no part of it", get("Host: a\r\nX: \t b \t\r\n"),
          "head(GET / 1.1 keep-alive; Host: a, X: b) end"),
    taken("5", "a value may be empty", get("Host: a\r\nX:\r\n"), "head(GET / 1.1 keep-alive; Host: a, X: ) end"),
    refused("5.1", "white space between a name and its colon", get("Host : a\r\n")),
    refused("5.1", "a tab between a name and its colon", get("Host: a\r\nContent-Length\t: 3\r\n")),
    refused("5.1", "a line without a colon", get("Host: a\r\nX\r\n")),
    refused("5.1", "an empty name", get("Host: a\r\n: b\r\n")),
    refused("5.1", "a name that is no token", get("Host: a\r\nX(y): b\r\n")),
    refused("5.1", "a NUL in a value", get("Host: a\r\nX: b" + std::string(1, '\0') + "\r\n")),
    taken("5.5 of RFC 9110", "obs-text in a value", get("Host: a\r\nX: caf\xe9 \xff\r\n"),
          "head(GET / 1.1 keep-alive; Host: a, X: caf\xe9 \xff) end"),
    refused("5.1", "a byte beyond ASCII in a name", get("Host: a\r\nX\xc3\xa9: b\r\n")),
    refused("5.2", "a line that is folded with a space", get("Host: a\r\nX: b\r\n c\r\n")),
    refused("5.2", "a line that is folded with a tab", get("Host: a\r\nTransfer-Encoding:\r\n\tchunked\r\n")),
    refused("5.4 of RFC 9110", "fields that are too many", get([] {
                std::string fields = "Host: a\r\n";
                for (int count = 0; count < 100; ++count) fields += "X: y\r\n";
                return fields;
            }()),
            431),
    refused("5.4 of RFC 9110", "fields that are too large", get("Host: a\r\nX: " + std::string(40'000, 'x') + "\r\n"),
            431),
};

const std::vector<Row> framing_rows = {
    taken("6", "no length and no coding: no body", post("", "GET"), "head(POST / 1.1 keep-alive; Host: a) end"),
    taken("6.2", "as many bytes as Content-Length says", post("Content-Length: 3\r\n", "abcd"),
          "head(POST / 1.1 keep-alive length 3; Host: a, Content-Length: 3) body(abc) end"),
    taken("6.2", "a length of zero", post("Content-Length: 0\r\n"),
          "head(POST / 1.1 keep-alive length 0; Host: a, Content-Length: 0) end"),
    refused("6.2", "a length with a sign", post("Content-Length: +3\r\n", "abc")),
    refused("6.2", "a negative length", post("Content-Length: -3\r\n", "abc")),
    refused("6.2", "a length in another base", post("Content-Length: 0x3\r\n", "abc")),
    refused("6.2", "a length that is empty", post("Content-Length:\r\n", "abc")),
    refused("6.2", "a length with white space in it", post("Content-Length: 3 0\r\n", "abc")),
    refused("6.2", "a length that no number holds", post("Content-Length: 99999999999999999999999\r\n")),
    refused("6.3", "two lengths that differ", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd")),
    refused("6.3", "a list of lengths that differ", post("Content-Length: 3, 4\r\n", "abcd")),
    refused("6.3", "a list of equal lengths is refused too, on purpose", post("Content-Length: 3, 3\r\n", "abc")),
    refused("6.1", "CL.TE: a length and a coding",
            post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nG")),
    refused("6.1", "TE.CL: a coding and a length",
            post("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", "1\r\na\r\n0\r\n\r\n")),
    refused("6.1", "TE.TE: a last coding that is not chunked", post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
    refused("6.1", "TE.TE: two codings, chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
    refused("6.1", "TE.TE: chunked and another behind it",
            post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n")),
    refused("6.1", "TE.TE: two fields",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "0\r\n\r\n")),
    refused("6.1", "TE.TE: a name with a space behind", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n")),
    refused("6.1", "TE.TE: a vertical tab before the coding", post("Transfer-Encoding: \vchunked\r\n", "0\r\n\r\n")),
    refused("6.1", "an empty coding", post("Transfer-Encoding:\r\n", "0\r\n\r\n")),
    taken("5.6.1.2 of RFC 9110", "an empty element behind chunked is ignored",
          post("Transfer-Encoding: chunked,\r\n", "0\r\n\r\n"),
          "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: chunked,) end"),
    taken("5.6.1.2 of RFC 9110", "empty elements before chunked are ignored",
          post("Transfer-Encoding: , ,chunked\r\n", "0\r\n\r\n"),
          "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: , ,chunked) end"),
    taken("5.6.1.2 of RFC 9110", "an empty element beside close is ignored", get("Host: a\r\nConnection: ,close,\r\n"),
          "head(GET / 1.1 close; Host: a, Connection: ,close,) end"),
    refused("6.1", "empty elements alone are no coding", post("Transfer-Encoding: ,\r\n", "0\r\n\r\n")),
    refused("6.1", "TE.TE: chunked twice, with an empty element between",
            post("Transfer-Encoding: chunked,,chunked\r\n", "0\r\n\r\n")),
    refused("6.1", "CL.TE: a length, and chunked beside an empty element",
            post("Content-Length: 6\r\nTransfer-Encoding: chunked,\r\n", "0\r\n\r\nG")),
    refused("6.1", "gzip, which nobody here takes off", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), 501),
    refused("6.1", "a coding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    taken("6.1", "codings do not differ by case", post("Transfer-Encoding: CHUNKED\r\n", "0\r\n\r\n"),
          "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: CHUNKED) end"),
};

const std::string chunked_head = "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: chunked)";
const std::string chunked_abc = chunked_head + " body(abc) end";
const std::string chunked_empty = chunked_head + " end";
const std::string chunked_trailer = chunked_head + " body(abc) end(X: y)";

const std::vector<Row> chunk_rows = {
    taken("7.1", "chunks are joined", chunked("1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), chunked_abc),
    taken("7.1", "sizes may have leading zeros", chunked("003\r\nabc\r\n000\r\n\r\n"), chunked_abc),
    taken("7.1", "sizes are hexadecimal, in either case",
          chunked("a\r\n0123456789\r\nB\r\n0123456789a\r\n1c\r\n" + std::string(28, 'b') + "\r\n0\r\n\r\n"),
          chunked_head + " body(01234567890123456789a" + std::string(28, 'b') + ") end"),
    taken("7.1", "a body may be the last chunk alone", chunked("0\r\n\r\n"), chunked_empty),
    refused("7.1", "a size with a prefix", chunked("0x3\r\nabc\r\n0\r\n\r\n")),
    refused("7.1", "a size with a sign", chunked("+3\r\nabc\r\n0\r\n\r\n")),
    refused("7.1", "an empty size", chunked("\r\nabc\r\n0\r\n\r\n")),
    refused("7.1", "a size with white space before it", chunked(" 3\r\nabc\r\n0\r\n\r\n")),
    refused("7.1", "a size that wraps 64 bits", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n")),
    refused("7.1", "a size that 64 bits hold and no body may have", chunked("ffffffffffffffff\r\nabc"), 413),
    refused("7.1", "a chunk that is longer than its size", chunked("2\r\nabc\r\n0\r\n\r\n")),
    refused("7.1", "a chunk that ends with a bare LF", chunked("3\r\nabc\n0\r\n\r\n")),
    refused("7.1", "a size line that ends with a bare LF", chunked("3\nabc\r\n0\r\n\r\n")),
    refused("7.1", "a size line with a bare CR", chunked("3\rabc\r\n0\r\n\r\n")),
    taken("7.1.1", "extensions are passed over", chunked("3;a=b;c=\"d e\"\r\nabc\r\n0;x\r\n\r\n"), chunked_abc),
    taken("7.1.1", "white space may stand before and behind `;` and `=`",
          chunked("3 ; a = b\t;\tc\r\nabc\r\n0 ;x\r\n\r\n"), chunked_abc),
    taken("7.1.1", "a quoted value may hold what would end it, escaped",
          chunked("3;a=\";\\\"=\";b\r\nabc\r\n0\r\n\r\n"), chunked_abc),
    refused("7.1.1", "a space behind a size, and no extension", chunked("3 \r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "a tab behind a size, and no extension", chunked("3\t\r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "an extension without a name", chunked("3;\r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "extensions without names", chunked("3;;;\r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "an extension with `=` and no value", chunked("3;a=\r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "white space behind an extension", chunked("3;a=b \r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "a quoted value that is never closed", chunked("3;a=\"b\r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "a name that is no token", chunked("3;(@)\r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "the last chunk's extensions have the same grammar", chunked("3\r\nabc\r\n0;\r\n\r\n")),
    refused("7.1.1", "an extension with a bare LF", chunked("3;a\nb\r\nabc\r\n0\r\n\r\n")),
    refused("7.1.1", "an extension line that is too long",
            chunked("3;" + std::string(300, 'x') + "\r\nabc\r\n0\r\n\r\n")),
    taken("7.1.2", "trailers come with the end", chunked("3\r\nabc\r\n0\r\nX: y\r\n\r\n"), chunked_trailer),
    refused("7.1.2", "a trailer that frames", chunked("0\r\nContent-Length: 3\r\n\r\n")),
    refused("7.1.2", "a trailer that routes", chunked("0\r\nHost: b\r\n\r\n")),
    refused("7.1.2", "a trailer that is folded", chunked("0\r\nX: y\r\n z\r\n\r\n")),
    taken("9.3", "Connection: close is the last", get("Host: a\r\nConnection: close\r\n"),
          "head(GET / 1.1 close; Host: a, Connection: close) end"),
    taken("9.3", "keep-alive in HTTP/1.0", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "head(GET / 1.0 keep-alive; Connection: keep-alive) end"),
};

const std::string cut_head = "error(400 RFC 9112 §8: the peer closed the connection within the head of a request)";
const std::string cut_body = " error(400 RFC 9112 §8: the peer closed the connection within the body of a request)";
const std::string sized_head = "head(POST / 1.1 keep-alive length 3; Host: a, Content-Length: 3)";

const std::vector<Row> incomplete_rows = {
    cut("8", "an end before the first byte is no message", "", ""),
    cut("8", "an end behind a message is none of it", get("Host: a\r\n"), get_events),
    cut("8", "a request line that is cut", "GET / HTT", cut_head),
    cut("8", "a head without its empty line", "GET / HTTP/1.1\r\nHost: a\r\n", cut_head),
    cut("8", "a body that is shorter than its Content-Length", post("Content-Length: 3\r\n", "ab"),
        sized_head + " body(ab)" + cut_body),
    cut("8", "a body of which nothing came", post("Content-Length: 3\r\n"), sized_head + cut_body),
    cut("8", "a chunked body that is cut within a chunk", chunked("4\r\nabc"), chunked_head + " body(abc)" + cut_body),
    cut("8", "a chunked body that is cut between two chunks", chunked("3\r\nabc\r\n"),
        chunked_head + " body(abc)" + cut_body),
    cut("8", "a chunked body without the end of its trailers", chunked("3\r\nabc\r\n0\r\n"),
        chunked_head + " body(abc)" + cut_body),
};

void check_rows(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        CAPTURE(row.section);
        CAPTURE(row.rule);
        const std::string events = row.is_cut ? events_to_the_end_of(row.input) : events_of(row.input);
        CAPTURE(events);
        if (row.status == 0) {
            CHECK(events == row.events);
            continue;
        }
        const std::size_t error = events.find("error(");
        REQUIRE(error != std::string::npos);
        int status = 0;
        std::from_chars(events.data() + error + 6, events.data() + error + 9, status);
        CHECK(status == row.status);
    }
}

}  // namespace

TEST_CASE("RFC 9112 §2: messages") {
    check_rows(message_rows);
}

TEST_CASE("RFC 9112 §3: request lines") {
    check_rows(request_line_rows);
}

TEST_CASE("RFC 9112 §5: fields") {
    check_rows(field_rows);
}

TEST_CASE("RFC 9112 §6: what frames a body, and what would smuggle one") {
    check_rows(framing_rows);
}

TEST_CASE("RFC 9112 §7 and §9: chunks, trailers, and the end of a connection") {
    check_rows(chunk_rows);
}

TEST_CASE("RFC 9112 §8: messages that are not complete") {
    check_rows(incomplete_rows);
}
