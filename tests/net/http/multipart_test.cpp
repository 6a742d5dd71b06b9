// Forms with files: RFC 7578, RFC 2046 §5.1, and the parameters of a field value, RFC 9110 §5.6.6.
#include <stdexcept>
#include <stepwise/net/http/multipart.hpp>
#include <stepwise/net/http/parameters.hpp>
#include <stepwise/tests/net/http/support.hpp>

using namespace stepwise::http;
using namespace stepwise::http::test;

namespace {

std::string describe(const StartOfPart& part) {
    std::string text = "part(" + part.name;
    if (part.filename) text += " file " + *part.filename;
    return text + " " + part.content_type + ")";
}

// Adds what can be said of the bytes so far. False: an error was the last.
bool take_events(MultipartParser& parser, Transcript& transcript) {
    for (;;) {
        const MultipartEvent event = parser.next_event();
        if (std::holds_alternative<NeedMore>(event)) return true;
        if (const auto* part = std::get_if<StartOfPart>(&event)) transcript.add(describe(*part));
        if (const auto* data = std::get_if<PartData>(&event)) transcript.add_body(data->bytes);
        if (std::holds_alternative<EndOfPart>(event)) transcript.add("end");
        if (std::holds_alternative<EndOfForm>(event)) transcript.add("over");
        if (const auto* error = std::get_if<stepwise::net::ProtocolError>(&event)) {
            transcript.add(std::to_string(error->code) + " " + std::string(error->section));
            CHECK(std::get<stepwise::net::ProtocolError>(parser.next_event()).message == error->message);
            return false;
        }
    }
}

std::string parts_of(std::string_view body, const MultipartLimits& limits = {}) {
    return same_however_cut(body, [&](const Pieces& pieces) {
        MultipartParser parser("b", limits);
        Transcript transcript;
        for (const std::string_view piece : pieces) {
            const ShortLived bytes(piece);
            parser.receive_data(bytes.view());
            if (!take_events(parser, transcript)) return transcript.text();
        }
        if (const auto error = parser.receive_eof()) transcript.add("cut: " + std::string(error->section));
        return transcript.text();
    });
}

std::string part(const std::string& parameters, const std::string& content = "x", const std::string& fields = "") {
    return "--b\r\nContent-Disposition: form-data" + parameters + "\r\n" + fields + "\r\n" + content + "\r\n";
}

}  // namespace

TEST_CASE("fields and files come out in order, whatever their content looks like") {
    CHECK(
        parts_of(part("; name=a", "1") +
                 part("; name=\"f\"; filename=\"c.txt\"", "\r\n--\r\n-b\r\n--c\r\r\n--", "Content-Type: text/csv\r\n") +
                 "--b--\r\n") ==
        "part(a text/plain) body(1) end part(f file c.txt text/csv) body(\r\n--\r\n-b\r\n--c\r\r\n--) end over");
    CHECK(parts_of("--b--") == "over");
    CHECK(parts_of(part("; name=a", "") + "--b--") == "part(a text/plain) end over");
}

TEST_CASE("what stands before the first boundary and behind the last is ignored") {
    CHECK(parts_of("for old readers\r\n" + part("; name=a") + "--b--\r\n--b\r\nmore") ==
          "part(a text/plain) body(x) end over");
    CHECK(parts_of("\r\n" + part("; name=a") + "--b-- \t\r\n") == "part(a text/plain) body(x) end over");
    CHECK(parts_of("-- b--b\r\n" + part("; name=a") + "--b--") == "part(a text/plain) body(x) end over");
}

TEST_CASE("blanks may follow a boundary on its line, and nothing else") {
    CHECK(parts_of("--b \t\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--") ==
          "part(a text/plain) body(x) end over");
    CHECK(parts_of("--bc\r\n") == "400 RFC 2046 §5.1.1");
    CHECK(parts_of("--b\n") == "400 RFC 2046 §5.1.1");
    CHECK(parts_of("--b-x") == "400 RFC 2046 §5.1.1");
    CHECK(parts_of(part("; name=a") + "--bc\r\n") == "part(a text/plain) body(x) end 400 RFC 2046 §5.1.1");
}

TEST_CASE("a body that ends before its last boundary is cut") {
    for (const std::string& body : {""s, "--"s, "--b"s, "--b\r\n"s, part("; name=a").substr(0, 20)}) {
        CAPTURE(body);
        CHECK(parts_of(body).find("cut: RFC 2046 §5.1.1") != std::string::npos);
    }
    CHECK(parts_of(part("; name=a", "1")) == "part(a text/plain) body(1) cut: RFC 2046 §5.1.1");
}

TEST_CASE("a part must say by one Content-Disposition, that can be read, which field it is") {
    CHECK(parts_of(part("; name=a", "x", "Content-Disposition: form-data; name=b\r\n")) == "400 RFC 7578 §4.2");
    for (const char* parameters : {"", "; filename=a", "; name=a; name=b", "; name=a; filename=b; filename=c",
                                   "; name=\"a", "; name=a b", "; name", "; name=", ", name=a", "x; name=a"}) {
        CAPTURE(parameters);
        CHECK(parts_of(part(parameters)) == "400 RFC 7578 §4.2");
    }
    CHECK(parts_of("--b\r\nContent-Type: text/plain\r\n\r\n") == "400 RFC 7578 §4.2");
    CHECK(parts_of("--b\r\nBad Name: 1\r\n\r\n") == "400 RFC 9112 §5.1");
    CHECK(parts_of("--b\r\nContent-Disposition: form-data; name=a\n\r\n").substr(0, 3) == "400");
}

TEST_CASE("quotes, escapes and paths of all senders are read") {
    CHECK(parts_of(part("; NAME=\"a;b\"; FileName=\"C:\\dir\\my \\\"file\\\".txt\"", "x") + "--b--") ==
          "part(a;b file C:\\dir\\my \"file\".txt text/plain) body(x) end over");
    CHECK(parts_of(part("; name=\"你好\"; filename=\"\"") + "--b--") == "part(你好 file  text/plain) body(x) end over");
    // RFC 7578 §4.2 forbids filename*.
    CHECK(parts_of(part("; name=a; filename*=UTF-8''b") + "--b--") == "part(a text/plain) body(x) end over");
}

TEST_CASE("every limit is inclusive, and is named by the error beyond it") {
    MultipartLimits limits;
    limits.parts_max = 2;
    limits.part_bytes_max = 3;
    limits.preamble_bytes_max = 4;
    limits.part_header_count_max = 2;
    limits.part_header_bytes_max = 100;
    const std::string two = part("; name=a", "123") + part("; name=b", "");
    CHECK(parts_of("1234\r\n" + two + "--b--", limits) ==
          "part(a text/plain) body(123) end part(b text/plain) end over");
    CHECK(parts_of("12345\r\n" + two + "--b--", limits) == "400 RFC 2046 §5.1.1");
    CHECK(parts_of(two + part("; name=c"), limits) ==
          "part(a text/plain) body(123) end part(b text/plain) end 413 RFC 9110 §15.5.14");
    CHECK(parts_of(part("; name=a", "x", "A: 1\r\n") + "--b--", limits) == "part(a text/plain) body(x) end over");
    CHECK(parts_of(part("; name=a", "x", "A: 1\r\nB: 2\r\n"), limits).substr(0, 3) == "431");
    CHECK(parts_of(part("; name=" + std::string(100, 'a')), limits).substr(0, 3) == "431");
    const std::string too_long = "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1234";
    for (const Pieces& pieces : ways_to_cut(too_long)) {
        MultipartParser parser("b", limits);
        Transcript transcript;
        for (const std::string_view piece : pieces) {
            parser.receive_data(piece);
            take_events(parser, transcript);
        }
        CHECK(std::get<stepwise::net::ProtocolError>(parser.next_event()).message ==
              "a part has more than 3 bytes (part_bytes_max)");
    }
}

TEST_CASE("a large file passes in views, and no more of it is held than a boundary is long") {
    MultipartParser parser("b");
    parser.receive_data("--b\r\nContent-Disposition: form-data; name=f; filename=g\r\n\r\n");
    Transcript start;
    REQUIRE(take_events(parser, start));
    const std::string piece(64 * 1024, '\r');
    const Pieces pieces(100, piece);
    std::size_t bytes = 0;
    std::size_t given = 0;
    for (const std::string_view block : pieces) {
        given += block.size();
        parser.receive_data(block);
        for (MultipartEvent event = parser.next_event(); !std::holds_alternative<NeedMore>(event);
             event = parser.next_event()) {
            bytes += std::get<PartData>(event).bytes.size();
        }
        CHECK(bytes + 5 >= given);
    }
}

TEST_CASE("the boundary is taken from a Content-Type that is a form's, and only one that is allowed") {
    CHECK(multipart_boundary("multipart/form-data; boundary=b") == "b");
    CHECK(multipart_boundary("Multipart/Form-Data ;charset=utf-8; Boundary=\"a b:c\"") == "a b:c");
    for (const std::string& type :
         {"multipart/mixed; boundary=b"s, "multipart/form-data"s, "text/plain"s, ""s, "multipart/form-data; boundary="s,
          "multipart/form-data; boundary=\"\""s, "multipart/form-data; boundary=\"a \""s,
          "multipart/form-data; boundary=\"a\\\\\""s, "multipart/form-data; boundary=a; boundary=b"s,
          "multipart/form-data; boundary=" + std::string(71, 'a')}) {
        CAPTURE(type);
        CHECK(multipart_boundary(type) == std::nullopt);
    }
    CHECK_THROWS_AS(MultipartParser("a\r\n"), std::invalid_argument);
    CHECK_THROWS_AS(MultipartParser(""), std::invalid_argument);
}

TEST_CASE("a peer's name for a file leads out of no folder") {
    CHECK(base_name_of("photo.jpg") == "photo.jpg");
    CHECK(base_name_of("../../etc/passwd") == "passwd");
    CHECK(base_name_of("C:\\dir\\photo.jpg") == "photo.jpg");
    CHECK(base_name_of("/etc/") == "");
    CHECK(base_name_of("..") == "");
    CHECK(base_name_of("a/.") == "");
    CHECK(base_name_of("a\0b\r\n\x7f"s) == "ab");
    CHECK(base_name_of(".\0."s) == "");
    CHECK(base_name_of("照片.jpg") == "照片.jpg");
    CHECK(base_name_of("照片.jpg", 4) == "照");
    CHECK(base_name_of("照片.jpg", 6) == "照片");
    CHECK(base_name_of(std::string(300, 'a')).size() == 255);
}

TEST_CASE("parameters are found without regard to case, or not at all") {
    CHECK(find_parameter("text/html; charset=UTF-8", "Charset") == "UTF-8");
    CHECK(find_parameter("a;;b=1 ; c=\"2;\\\"\\3\"; ", "c") == "2;\"\\3");
    CHECK(find_parameter("a; b=1", "c") == std::nullopt);
    for (const char* broken : {"a; b=1; b=2", "a; b=1 c=2", "a; =1; b=1", "a; b=\"1", "a; b=1; c", "a; b=\"\x01\""}) {
        CAPTURE(broken);
        CHECK(find_parameter(broken, "b") == std::nullopt);
    }
    CHECK(first_word(" text/html ; a=b") == "text/html");
    CHECK(has_media_type("Text/HTML;charset=x", "text/html"));
    CHECK_FALSE(has_media_type("text/html2", "text/html"));
}
