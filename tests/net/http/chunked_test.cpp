// The chunked coding and trailers: RFC 9112 §7.1, RFC 9110 §6.5.
#include <stepwise/tests/net/http/support.hpp>

#include <algorithm>
#include <stepwise/net/http/chunked.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const std::string head_event = "head(POST / 1.1 keep-alive chunked; Host: a, Transfer-Encoding: chunked)";

std::string content_of(const std::string& coded) {
    const std::string events = events_of(head + coded);
    REQUIRE(events.substr(0, head_event.size()) == head_event);
    return events.substr(head_event.size());
}

bool takes_size_line(const std::string& line) {
    const std::string bytes = line + "\r\n";
    std::string_view input = bytes;
    ErrorSlot error;
    ChunkedDecoder decoder;
    return decoder.next(input, {}, error) == ScanResult::need_more && input.empty();
}

// What follows is the grammar of §7.1.1 as it stands there, for tokens of the letter `t`.
std::size_t skip(std::string_view& text, char letter) {
    const std::size_t count = std::min(text.find_first_not_of(letter), text.size());
    text.remove_prefix(count);
    return count;
}
bool skip_quoted(std::string_view& text) {
    for (std::size_t index = 1; index < text.size(); ++index) {
        if (text[index] == '"') {
            text.remove_prefix(index + 1);
            return true;
        }
        if (text[index] == '\\') ++index;
    }
    return false;
}
bool are_extensions(std::string_view text) {
    while (!text.empty()) {
        skip(text, ' ');
        if (!text.starts_with(';')) return false;
        text.remove_prefix(1);
        skip(text, ' ');
        if (skip(text, 't') == 0) return false;
        std::string_view value = text;
        skip(value, ' ');
        if (!value.starts_with('=')) continue;
        value.remove_prefix(1);
        skip(value, ' ');
        if (value.starts_with('"') ? !skip_quoted(value) : skip(value, 't') == 0) return false;
        text = value;
    }
    return true;
}

// The next of all texts of these letters, the shorter ones first.
void advance(std::string& text, std::string_view letters) {
    for (char& letter : text) {
        const std::size_t next = letters.find(letter) + 1;
        letter = letters[next % letters.size()];
        if (next < letters.size()) return;
    }
    text += letters.front();
}

}  // namespace

TEST_CASE("chunks are joined to the content") {
    CHECK(content_of("5\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\n\r\n") == " body(hello, world) end");
    CHECK(content_of("0\r\n\r\n") == " end");
    CHECK(content_of("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n") == " body(01234567890123456789) end");
    CHECK(content_of("00000005\r\nhello\r\n000\r\n\r\n") == " body(hello) end");
    CHECK(content_of("5\r\n\r\n0\r\n\r\n0\r\n\r\n") == " body(\r\n0\r\n) end");  // the data may look like anything
}

TEST_CASE("extensions are passed over") {
    CHECK(content_of("5;name=value\r\nhello\r\n0;last\r\n\r\n") == " body(hello) end");
    CHECK(content_of("5 \t;a=\"b;c\"\r\nhello\r\n0\r\n\r\n") == " body(hello) end");
    for (const std::string& extension : {";a;b"s, "; a"s, ";a ;b"s, ";a = b"s, ";a\t=\t\"b\""s, ";a=\"\""s,
                                         ";a=\"\\\"\\\\\""s, ";a=\"\t\xc3\xa9\";b=c"s}) {
        CAPTURE(extension);
        CHECK(content_of("5" + extension + "\r\nhello\r\n0" + extension + "\r\n\r\n") == " body(hello) end");
    }
}

TEST_CASE("an extension that is none is refused") {
    for (const std::string& extension :
         {";"s,     "; "s,      ";;"s,         ";;a"s,    ";a;"s,         ";a "s,   ";a="s,    ";a= "s,
          ";a=b "s, ";a=;b"s,   ";=b"s,        ";a=b=c"s, ";a b"s,        ";(@)"s,  ";a=(@)"s, ";a=\"b"s,
          ";a=\""s, ";a=\"\\"s, ";a=\"b\\\""s, ";\"a\""s, ";a=\"\x7f\""s, ";\x01"s, ";\0"s,    ";a\xc3\xa9"s}) {
        CAPTURE(extension);
        CHECK(refusal_of(head + "5" + extension + "\r\nhello\r\n") == "400 RFC 9112 §7.1.1");
    }
    for (const char* space : {" ", "\t", " \t "}) {
        CHECK(refusal_of(head + "5" + space + "\r\nhello\r\n") == "400 RFC 9112 §7.1.1");
    }
    CHECK(refusal_of(head + "5;a=\"b\"c\r\nhello\r\n") == "400 RFC 9112 §7.1");
    CHECK(refusal_of(head + "5;a=b c\r\nhello\r\n") == "400 RFC 9112 §7.1");
}

TEST_CASE("extensions are those of the grammar, and no others, of all that are short") {
    constexpr std::string_view letters = "t;=\"\\ ";
    std::size_t taken = 0;
    for (std::string extension; extension.size() <= 6; advance(extension, letters)) {
        const bool fits = are_extensions(extension);
        taken += fits ? 1 : 0;
        CAPTURE(extension);
        CHECK(takes_size_line("5" + extension) == fits);
    }
    CHECK(taken > 100);
}

TEST_CASE("a chunk size is hexadecimal digits and nothing else") {
    for (const std::string& size :
         {"x"s, "-1"s, "+1"s, " 1"s, "0x1"s, "1_0"s, "\r\n"s, ";a"s, "g"s, "\0"s, "1\0"s, "1 2"s, "1,"s, "1\x01"s}) {
        CAPTURE(size);
        CHECK(refusal_of(head + size + "\r\nhello\r\n") == "400 RFC 9112 §7.1");
    }
}

TEST_CASE("a chunk size that does not fit 64 bits is refused, one that does is only too large") {
    CHECK(refusal_of(head + "10000000000000000\r\n") == "400 RFC 9112 §7.1");
    CHECK(refusal_of(head + "00000000000000001\r\n") == "400 RFC 9112 §7.1");
    CHECK(refusal_of(head + "ffffffffffffffff\r\n") == "413 RFC 9110 §15.5.14");
    CHECK(refusal_of(head + "5\r\nhello\r\nffffffffffffffff\r\n") == "413 RFC 9110 §15.5.14");
}

TEST_CASE("only CRLF ends a chunk-size line") {
    CHECK(refusal_of(head + "5\nhello\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of(head + "5;a\nhello\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of(head + "5;a=\"\n\"\r\nhello\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of(head + "5\rhello\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of(head + "5;a\rb\r\nhello\r\n") == "400 RFC 9112 §2.2");
}

TEST_CASE("CRLF must follow a chunk's data") {
    CHECK(refusal_of(head + "5\r\nhello0\r\n\r\n") == "400 RFC 9112 §7.1");
    CHECK(refusal_of(head + "5\r\nhello\n0\r\n\r\n") == "400 RFC 9112 §7.1");
    CHECK(refusal_of(head + "5\r\nhello\rX") == "400 RFC 9112 §7.1");
}

TEST_CASE("trailers are fields after the last chunk, under the rules of a head") {
    CHECK(content_of("5\r\nhello\r\n0\r\nChecksum: abc\r\nX: y\r\n\r\n") == " body(hello) end(Checksum: abc, X: y)");
    CHECK(refusal_of(head + "0\r\nX : y\r\n\r\n") == "400 RFC 9112 §5.1");
    CHECK(refusal_of(head + "0\r\nX: y\n\r\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of(head + "0\r\n\n") == "400 RFC 9112 §2.2");
    CHECK(refusal_of(head + "0\r\nX: y\r\n z\r\n\r\n") == "400 RFC 9112 §5.2");
}

TEST_CASE("a trailer that would have to be known before the content is refused") {
    for (const char* name : {"Content-Length", "transfer-encoding", "HOST", "Trailer", "Authorization", "Content-Type",
                             "Connection", "Expect", "Set-Cookie", "TE", "Upgrade"}) {
        CAPTURE(name);
        CHECK(refusal_of(head + "0\r\n" + name + ": 5\r\n\r\n") == "400 RFC 9110 §6.5.1");
    }
}

TEST_CASE("the end of the connection within a chunked body or its trailers is a mistake") {
    for (const std::string& coded : {""s, "5"s, "5\r\nhel"s, "5\r\nhello"s, "0\r\n"s, "0\r\nX: y\r\n"s, "0\r\n\r"s}) {
        CAPTURE(coded);
        const std::string events = events_to_the_end_of(head + coded);
        CHECK(events.find("error(400 RFC 9112 §8: the peer closed the connection within the body") !=
              std::string::npos);
    }
}
