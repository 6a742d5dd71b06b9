// The std::system_error that a call throws; a failure of the test if it throws none.
#pragma once

#include <doctest/doctest.h>

#include <system_error>

namespace net_test {

template <class Call>
std::system_error error_of(Call call) {
    try {
        call();
    } catch (const std::system_error& error) {
        return error;
    }
    FAIL("it threw no std::system_error");
    return std::system_error(std::error_code());
}

}  // namespace net_test
