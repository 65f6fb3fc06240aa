/* spirv_extended.c: the functions of GLSL.std.450 and what they take. Those that write through a
 * pointer (Modf, Frexp), return structs, or are of other kinds of shaders are not here. */
#include "plugin/spirv_module.h"

enum shape {
    NOT_ALLOWED,
    FLOATS_1, /* so many operands, of the result's type, which is float */
    FLOATS_2,
    FLOATS_3,
    INTS_1,
    INTS_2,
    INTS_3,
    LENGTHS_1, /* vectors or scalars to a scalar */
    LENGTHS_2,
    CROSS,
    LDEXP,
    PACK_2, /* floats into a 32-bit integer */
    PACK_4,
    UNPACK_2,
    UNPACK_4
};

/* clang-format off */
static const uint8_t shapes[] = {
    [1] = FLOATS_1, [2] = FLOATS_1, [3] = FLOATS_1, [4] = FLOATS_1, /* Round RoundEven Trunc FAbs */
    [5] = INTS_1, [6] = FLOATS_1, [7] = INTS_1,                     /* SAbs FSign SSign */
    [8] = FLOATS_1, [9] = FLOATS_1, [10] = FLOATS_1,                /* Floor Ceil Fract */
    [11] = FLOATS_1, [12] = FLOATS_1,                               /* Radians Degrees */
    [13] = FLOATS_1, [14] = FLOATS_1, [15] = FLOATS_1,              /* Sin Cos Tan */
    [16] = FLOATS_1, [17] = FLOATS_1, [18] = FLOATS_1,              /* Asin Acos Atan */
    [19] = FLOATS_1, [20] = FLOATS_1, [21] = FLOATS_1,              /* Sinh Cosh Tanh */
    [22] = FLOATS_1, [23] = FLOATS_1, [24] = FLOATS_1,              /* Asinh Acosh Atanh */
    [25] = FLOATS_2, [26] = FLOATS_2,                               /* Atan2 Pow */
    [27] = FLOATS_1, [28] = FLOATS_1, [29] = FLOATS_1, [30] = FLOATS_1, /* Exp Log Exp2 Log2 */
    [31] = FLOATS_1, [32] = FLOATS_1,                               /* Sqrt InverseSqrt */
    [37] = FLOATS_2, [38] = INTS_2, [39] = INTS_2,                  /* FMin UMin SMin */
    [40] = FLOATS_2, [41] = INTS_2, [42] = INTS_2,                  /* FMax UMax SMax */
    [43] = FLOATS_3, [44] = INTS_3, [45] = INTS_3,                  /* FClamp UClamp SClamp */
    [46] = FLOATS_3, [48] = FLOATS_2, [49] = FLOATS_3,              /* FMix Step SmoothStep */
    [50] = FLOATS_3, [53] = LDEXP,                                  /* Fma Ldexp */
    [54] = PACK_4, [55] = PACK_4, [56] = PACK_2, [57] = PACK_2, [58] = PACK_2,
    [60] = UNPACK_2, [61] = UNPACK_2, [62] = UNPACK_2, [63] = UNPACK_4, [64] = UNPACK_4,
    [66] = LENGTHS_1, [67] = LENGTHS_2, [68] = CROSS,               /* Length Distance Cross */
    [69] = FLOATS_1, [70] = FLOATS_3, [71] = FLOATS_2,              /* Normalize FaceForward Reflect */
    [73] = INTS_1, [74] = INTS_1, [75] = INTS_1,                    /* FindILsb FindSMsb FindUMsb */
    [79] = FLOATS_2, [80] = FLOATS_2, [81] = FLOATS_3               /* NMin NMax NClamp */
};
/* clang-format on */

static struct spirv_numeric operand(const struct spirv_module *m, uint32_t i)
{
    return spirv_numeric(m, spirv_type_of(m, spirv_word(m, 5 + i)));
}

static bool are(const struct spirv_module *m, uint32_t n, enum spirv_base base)
{
    const uint32_t type = spirv_word(m, 1);
    bool sound = spirv_count(m) == 5 + n && spirv_numeric(m, type).base == base;
    for (uint32_t i = 0; i < n; i++)
        sound = sound && spirv_same(m, spirv_type_of(m, spirv_word(m, 5 + i)), type);
    return sound;
}

static bool are_lengths(const struct spirv_module *m, uint32_t n)
{
    const struct spirv_numeric r = spirv_numeric(m, spirv_word(m, 1)), a = operand(m, 0);
    bool sound = spirv_count(m) == 5 + n && r.base == BASE_FLOAT && r.count == 1 &&
                 a.base == BASE_FLOAT && a.width == r.width;
    if (n == 2)
        sound = sound && operand(m, 1).base == BASE_FLOAT && operand(m, 1).width == a.width &&
                operand(m, 1).count == a.count;
    return sound;
}

static bool is_word(struct spirv_numeric n)
{
    return n.base == BASE_INT && n.width == 32 && n.count == 1;
}

static bool is_floats(struct spirv_numeric n, uint32_t count)
{
    return n.base == BASE_FLOAT && n.width == 32 && n.count == count;
}

static bool is_ldexp(const struct spirv_module *m)
{
    const struct spirv_numeric r = spirv_numeric(m, spirv_word(m, 1)), by = operand(m, 1);
    return spirv_count(m) == 7 && r.base == BASE_FLOAT &&
           spirv_same(m, spirv_type_of(m, spirv_word(m, 5)), spirv_word(m, 1)) &&
           by.base == BASE_INT && by.width == 32 && by.count == r.count;
}

bool spirv_extended(struct spirv_module *m)
{
    const uint32_t number = spirv_word(m, 4);
    const struct spirv_numeric r = spirv_numeric(m, spirv_word(m, 1));
    const bool one = spirv_count(m) == 6;
    bool sound = false;
    if (m->std450 == 0 || spirv_word(m, 3) != m->std450 || number >= sizeof(shapes) ||
        shapes[number] == NOT_ALLOWED)
        return spirv_fail(m, "extended instruction %u, which kernels may not have", number);
    switch ((enum shape)shapes[number]) {
    case FLOATS_1: sound = are(m, 1, BASE_FLOAT); break;
    case FLOATS_2: sound = are(m, 2, BASE_FLOAT); break;
    case FLOATS_3: sound = are(m, 3, BASE_FLOAT); break;
    case INTS_1: sound = are(m, 1, BASE_INT); break;
    case INTS_2: sound = are(m, 2, BASE_INT); break;
    case INTS_3: sound = are(m, 3, BASE_INT); break;
    case LENGTHS_1: sound = are_lengths(m, 1); break;
    case LENGTHS_2: sound = are_lengths(m, 2); break;
    case CROSS: sound = are(m, 2, BASE_FLOAT) && r.count == 3; break;
    case LDEXP: sound = is_ldexp(m); break;
    case PACK_2: sound = one && is_word(r) && is_floats(operand(m, 0), 2); break;
    case PACK_4: sound = one && is_word(r) && is_floats(operand(m, 0), 4); break;
    case UNPACK_2: sound = one && is_floats(r, 2) && is_word(operand(m, 0)); break;
    case UNPACK_4: sound = one && is_floats(r, 4) && is_word(operand(m, 0)); break;
    default: break;
    }
    return sound || spirv_fail(m, "extended instruction %u with operands of other types", number);
}
