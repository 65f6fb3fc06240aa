/* corbel/plugin.h and layers.h compile as C++17, and their inline functions can be used. */
#include "corbel/layers.h"
#include "corbel/plugin.h"

static corbel_value all(corbel_build *b, corbel_value x)
{
    corbel_attention how = {};
    corbel_linear l = corbel_param_linear(b, "l", 1, 1, 1);

    x = op_linear(b, x, l);
    x = op_layer_norm(b, x, l, 1e-5);
    return op_attention(b, x, x, x, op_last_token(b, x, 0), how);
}

int main(int argc, char **)
{
    return argc > 100 ? static_cast<int>(all(nullptr, corbel_value{}).id) : 0;
}
