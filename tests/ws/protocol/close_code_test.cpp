#include <doctest/doctest.h>

#include <stepwise/ws/close_code.hpp>

using namespace stepwise::ws;

namespace {

bool valid(unsigned code) {
    return is_valid_on_wire(static_cast<CloseCode>(code));
}

}  // namespace

TEST_CASE("a Close frame may carry the defined, registered and private codes and no others (RFC 6455 §7.4)") {
    for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1013U, 1014U,
                                3000U, 3999U, 4000U, 4999U}) {
        CAPTURE(code);
        CHECK(valid(code));
    }
    for (const unsigned code : {0U, 1U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 1100U, 2000U, 2999U, 5000U, 65535U}) {
        CAPTURE(code);
        CHECK_FALSE(valid(code));
    }
}

TEST_CASE("every close code has a name") {
    CHECK(name(CloseCode::normal_closure) == "normal closure");
    CHECK(name(CloseCode::abnormal_closure) == "abnormal closure");
    CHECK(name(CloseCode::try_again_later) == "try again later");
    CHECK(name(static_cast<CloseCode>(3001)) == "registered by a library");
    CHECK(name(static_cast<CloseCode>(4999)) == "defined by the application");
    CHECK(name(static_cast<CloseCode>(1004)) == "unknown");
}
