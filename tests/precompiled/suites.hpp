// What most suites include of others, precompiled as library.hpp is.

#include <stepwise/tests/precompiled/library.hpp>

#include <doctest/doctest.h>
#include <filesystem>
#include <thread>
