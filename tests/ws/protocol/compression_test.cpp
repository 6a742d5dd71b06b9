#include <stepwise/tests/ws/protocol/support.hpp>
#include <stepwise/ws/compression.hpp>

using namespace stepwise;
using namespace stepwise::ws;
using namespace stepwise::ws::test;

namespace {

// What a server answers to these lines of offers; "" if it declines all, "malformed" if that is no list.
std::string answer_to(const FieldValues& offers, const CompressionOptions& options = {.context_takeover = true}) {
    const auto extensions = parse_extensions(offers);
    if (!extensions) return "malformed";
    const auto terms = accept_compression(*extensions, options);
    return terms ? extension_field(*terms) : "";
}

std::string answer_to(std::string_view offer, const CompressionOptions& options = {.context_takeover = true}) {
    return answer_to(FieldValues{offer}, options);
}

// What a client makes of an answer: the terms as a server would write them, "none", or the error.
std::string terms_of(std::string_view answer, const CompressionOptions& options = {.context_takeover = true}) {
    const auto extensions = parse_extensions({answer});
    if (!extensions) return "malformed";
    const CompressionAnswer result = read_compression_answer(*extensions, options);
    if (const auto* error = std::get_if<std::string>(&result)) return "error: " + *error;
    const auto& terms = std::get<std::optional<CompressionTerms>>(result);
    return terms ? extension_field(*terms) : "none";
}

}  // namespace

TEST_CASE("a plain offer is accepted, other extensions are passed over") {
    CHECK(answer_to("permessage-deflate") == "permessage-deflate");
    CHECK(answer_to("x-other; a=1, permessage-deflate") == "permessage-deflate");
    CHECK(answer_to(FieldValues{"x-other", "permessage-deflate"}) == "permessage-deflate");
    CHECK(answer_to("x-other").empty());
    CHECK(answer_to(FieldValues{}).empty());
    CHECK(answer_to("permessage-deflate", {.enabled = false}).empty());
}

TEST_CASE("without context takeover the server says so for both ends, asked or not") {
    const std::string answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
    CHECK(answer_to("permessage-deflate", {}) == answer);
    CHECK(answer_to("permessage-deflate; client_no_context_takeover", {}) == answer);
    CHECK(answer_to("permessage-deflate; server_no_context_takeover") ==
          "permessage-deflate; server_no_context_takeover");
    CHECK(answer_to("permessage-deflate; client_no_context_takeover") ==
          "permessage-deflate; client_no_context_takeover");
}

TEST_CASE("windows are the smaller of what both ends name, the client's only where it can be asked") {
    CHECK(answer_to("permessage-deflate; server_max_window_bits=10") ==
          "permessage-deflate; server_max_window_bits=10");
    CHECK(answer_to("permessage-deflate; server_max_window_bits=15") ==
          "permessage-deflate; server_max_window_bits=15");
    CHECK(answer_to("permessage-deflate; client_max_window_bits") == "permessage-deflate");
    CHECK(answer_to("permessage-deflate; client_max_window_bits=9") == "permessage-deflate; client_max_window_bits=9");
    const CompressionOptions small{.context_takeover = true, .window_bits_max = 11};
    CHECK(answer_to("permessage-deflate", small) == "permessage-deflate; server_max_window_bits=11");
    CHECK(answer_to("permessage-deflate; client_max_window_bits; server_max_window_bits=8", small) ==
          "permessage-deflate; server_max_window_bits=8; client_max_window_bits=11");
    CHECK(answer_to("permessage-deflate; client_max_window_bits=\"10\"") ==
          "permessage-deflate; client_max_window_bits=10");
}

TEST_CASE("an offer with a wrong parameter is declined, and the next one is looked at") {
    for (const std::string parameter :
         {"unknown", "server_no_context_takeover=1", "client_no_context_takeover=true", "server_max_window_bits",
          "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=08",
          "server_max_window_bits=1o", "server_max_window_bits=-9", "server_max_window_bits=115",
          "client_max_window_bits=0", "client_max_window_bits=7", "client_max_window_bits=16",
          "client_max_window_bits=+9", "Server_No_Context_Takeover",
          "server_no_context_takeover; server_no_context_takeover",
          "client_no_context_takeover; client_no_context_takeover",
          "server_max_window_bits=10; server_max_window_bits=10", "client_max_window_bits; client_max_window_bits"}) {
        CAPTURE(parameter);
        const std::string offer = "permessage-deflate; " + parameter;
        CHECK(answer_to(offer).empty());
        CHECK(answer_to(offer + ", permessage-deflate; server_max_window_bits=9") ==
              "permessage-deflate; server_max_window_bits=9");
    }
}

TEST_CASE("text that is no list of extensions is told from an extension that is not known") {
    for (const std::string_view text :
         {"permessage-deflate;", "permessage-deflate; =1", "permessage-deflate; a=", ";a", "=", "a b", "a; b c",
          "a; b=\"", "a; b=\"\"", "a; b=\"x", "a; b=\"x y\"", "a; b=\"x\\", "(a)", "a; b=\"x\"y"}) {
        CAPTURE(text);
        CHECK(answer_to(text) == "malformed");
    }
    CHECK(answer_to(" , ,x ; y = z ,, permessage-deflate ,") == "permessage-deflate");
    CHECK(answer_to("x; y=\"z\\z\", permessage-deflate") == "permessage-deflate");
}

TEST_CASE("a client offers what its options say") {
    CHECK(compression_offer({}) ==
          "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits, "
          "permessage-deflate; client_max_window_bits");
    CHECK(compression_offer({.context_takeover = true}) == "permessage-deflate; client_max_window_bits");
    CHECK(compression_offer({.context_takeover = true, .window_bits_max = 10}) ==
          "permessage-deflate; server_max_window_bits=10; client_max_window_bits=10");
}

TEST_CASE("a client takes an answer that is as narrow as its offer or narrower") {
    CHECK(terms_of("") == "none");
    CHECK(terms_of("permessage-deflate") == "permessage-deflate");
    CHECK(terms_of("permessage-deflate; server_no_context_takeover; client_max_window_bits=9") ==
          "permessage-deflate; server_no_context_takeover; client_max_window_bits=9");
    CHECK(terms_of("permessage-deflate; server_max_window_bits=12") == "permessage-deflate; server_max_window_bits=12");
    CHECK(terms_of("permessage-deflate", {}) == "permessage-deflate; client_no_context_takeover");
    // It keeps to its own hints also where the server does not.
    CHECK(terms_of("permessage-deflate; server_no_context_takeover", {}) ==
          "permessage-deflate; server_no_context_takeover; client_no_context_takeover");
    CHECK(terms_of("permessage-deflate; server_max_window_bits=9", {.context_takeover = true, .window_bits_max = 10}) ==
          "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10");
}

TEST_CASE("a client refuses an answer that it did not ask for") {
    CHECK(terms_of("permessage-deflate", {.enabled = false}) ==
          "error: the server uses the extension \"permessage-deflate\", which was not offered");
    CHECK(terms_of("x-other") == "error: the server uses the extension \"x-other\", which was not offered");
    CHECK(terms_of("permessage-deflate, permessage-deflate") ==
          "error: the server uses \"permessage-deflate\" besides permessage-deflate");
    CHECK(terms_of("permessage-deflate; client_max_window_bits") ==
          "error: the server's permessage-deflate: client_max_window_bits is \"\", not 8 to 15");
    CHECK(terms_of("permessage-deflate; odd=1") ==
          "error: the server's permessage-deflate: it has the unknown parameter \"odd\"");
    const CompressionOptions small{.context_takeover = true, .window_bits_max = 10};
    CHECK(terms_of("permessage-deflate", small) ==
          "error: the server's permessage-deflate: server_max_window_bits was offered, and is not in the answer");
    CHECK(terms_of("permessage-deflate; server_max_window_bits=11", small) ==
          "error: the server's permessage-deflate: a window of 11 bits, and 10 were offered");
}

TEST_CASE("options that name nothing that could be are refused") {
    for (const CompressionOptions& wrong :
         {CompressionOptions{.window_bits_max = 7}, CompressionOptions{.window_bits_max = 16},
          CompressionOptions{.level = 0}, CompressionOptions{.level = 10}, CompressionOptions{.memory_level = 0}}) {
        CHECK_THROWS_AS(check_compression(wrong), std::invalid_argument);
    }
    CHECK_NOTHROW(check_compression({}));
}
