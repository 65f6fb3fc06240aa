/* cxx.cpp: a plugin in C++ as that language wants to be: static constructors, variables,
 * thread-local ones, exceptions, the standard library. It needs isolation and says so in its
 * manifest. With HOSTILE its static constructor tries what would be seen outside. */
#include "corbel/layers.h"
#include "corbel/plugin.h"

#include <map>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

struct table {
    std::unordered_map<std::string, int64_t> sizes;

    table()
    {
        sizes["hidden_size"] = 4;
#ifdef HOSTILE
        long result;
        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(85L), "D"("canary-ran"), "S"(0600L)
                         : "rcx", "r11", "memory"); /* creat */
        sizes["result"] = result;
#endif
    }
};

table known;                    /* constructed while the library is loaded */
thread_local int64_t calls = 0; /* PT_TLS */

struct model {
    corbel_value table;
};

int64_t checked(int64_t hidden_size)
{
    if (known.sizes.at("hidden_size") != hidden_size)
        throw std::invalid_argument("hidden_size");
    return hidden_size;
}

#define CXX_CONFIG(F) F(i64, hidden_size, "hidden_size", NULL)
CORBEL_CONSTRUCTOR(create_CxxModel, CXX_CONFIG);
void *create_CxxModel(corbel_build *b CXX_CONFIG(CORBEL_ARG))
{
    static std::map<int64_t, std::vector<model>> models; /* dies after main, with the process */
    try {
        std::vector<model> &mine = models[++calls];
        mine.push_back({corbel_param_embedding(b, "embed", 8, checked(hidden_size), -1)});
        return mine.data();
    } catch (const std::invalid_argument &e) {
        return corbel_fail(b, (std::string(e.what()) + ": a C++ exception was caught").c_str());
    }
}

void forward_CxxModel(corbel_build *b, const void *self)
{
    const model *m = static_cast<const model *>(self);
    corbel_output(b, "last_hidden_state",
                  op_embedding(b, m->table, corbel_input(b, "input_ids")));
}

const corbel_arch arch = CORBEL_CLASS(CxxModel, "cxx", "", "");
const corbel_arch *const archs[] = {&arch};

} // namespace

extern "C" {
CORBEL_PLUGIN("acme/cxx", "1.0.0", archs);
}
