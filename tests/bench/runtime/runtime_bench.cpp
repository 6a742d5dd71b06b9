// The runtime, row by row. `./stepwise bench runtime` runs it beside its peers.
#include <stepwise/tests/bench/runtime/rows.hpp>

#include <vector>

int main(int argc, char** argv) {
    std::vector<bench::Row> rows;
    for (auto part : {bench::await_rows(), bench::queue_rows(), bench::loop_rows(), bench::timer_rows(),
                      bench::thread_rows(), bench::cancel_rows()}) {
        rows.insert(rows.end(), part.begin(), part.end());
    }
    return bench::run_rows(argc, argv, rows);
}
