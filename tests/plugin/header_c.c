/* corbel/plugin.h and layers.h compile as C11; header_cxx.cpp is the same as C++17. */
#include "corbel/layers.h"
#include "corbel/plugin.h"

int main(void)
{
    return sizeof(corbel_plugin) == 0;
}
