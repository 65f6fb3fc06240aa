/* spirv_table.c: the instructions that a kernel may have. What is not here is refused: what needs a
 * capability that is not allowed, is of another kind of shader, or has been found to crash drivers.
 * Specialisation constants are not here because nobody would set them; OpCopyMemory and
 * OpPtrAccessChain, because compilers of GLSL have no use for them. */
#include "plugin/spirv_module.h"

#define F(NAME) (1 + FEATURE_##NAME)

/* clang-format off */
static const struct spirv_rule rules[] = {
    /* what only people read; names may speak of anything */
    {0, CLASS_NONE, 0, ""},        /* Nop */
    {2, CLASS_NONE, 0, "s"},       /* SourceContinued */
    {3, CLASS_NONE, 0, "iix?i*"},  /* Source: its text, if any, is words like any other */
    {4, CLASS_NONE, 0, "s"},       /* SourceExtension */
    {5, CLASS_NONE, 0, "xs"},      /* Name */
    {6, CLASS_NONE, 0, "xis"},     /* MemberName */
    {7, CLASS_NONE, 0, "rs"},      /* String */
    {8, CLASS_NONE, 0, "xii"},     /* Line */
    {317, CLASS_NONE, 0, ""},      /* NoLine */
    {330, CLASS_NONE, 0, "s"},     /* ModuleProcessed */
    /* the module; decorations and execution modes are read by spirv_globals.c */
    {10, CLASS_NONE, 0, "s"},      /* Extension */
    {11, CLASS_NONE, 0, "rs"},     /* ExtInstImport */
    {14, CLASS_NONE, 0, "ii"},     /* MemoryModel */
    {15, CLASS_NONE, 0, "ifsx*"},  /* EntryPoint */
    {16, CLASS_NONE, 0, "fii*"},   /* ExecutionMode */
    {17, CLASS_NONE, 0, "i"},      /* Capability */
    {71, CLASS_NONE, 0, "xii*"},   /* Decorate */
    {72, CLASS_NONE, 0, "xiii*"},  /* MemberDecorate */
    /* types and constants: spirv_types.c */
    {19, CLASS_NONE, 0, "r"},      /* TypeVoid */
    {20, CLASS_NONE, 0, "r"},      /* TypeBool */
    {21, CLASS_NONE, 0, "rii"},    /* TypeInt */
    {22, CLASS_NONE, 0, "ri"},     /* TypeFloat */
    {23, CLASS_NONE, 0, "rti"},    /* TypeVector */
    {24, CLASS_NONE, 0, "rti"},    /* TypeMatrix */
    {28, CLASS_NONE, 0, "rtc"},    /* TypeArray */
    {29, CLASS_NONE, 0, "rt"},     /* TypeRuntimeArray */
    {30, CLASS_NONE, 0, "rt*"},    /* TypeStruct */
    {32, CLASS_NONE, 0, "rit"},    /* TypePointer */
    {33, CLASS_NONE, 0, "rtt*"},   /* TypeFunction */
    {1, CLASS_NONE, 0, "tr"},      /* Undef */
    {41, CLASS_NONE, 0, "tr"},     /* ConstantTrue */
    {42, CLASS_NONE, 0, "tr"},     /* ConstantFalse */
    {43, CLASS_NONE, 0, "trii?"},  /* Constant */
    {44, CLASS_NONE, 0, "trc*"},   /* ConstantComposite */
    {46, CLASS_NONE, 0, "tr"},     /* ConstantNull */
    /* functions */
    {54, CLASS_NONE, 0, "trit"},   /* Function */
    {55, CLASS_NONE, 0, "tr"},     /* FunctionParameter */
    {56, CLASS_NONE, 0, ""},       /* FunctionEnd */
    {57, CLASS_CALL, 0, "trfa*"},  /* FunctionCall */
    {12, CLASS_EXTENDED, 0, "trxia*"}, /* ExtInst */
    /* memory */
    {59, CLASS_NONE, 0, "tric?"},  /* Variable */
    {61, CLASS_LOAD, 0, "trpi?i?"},
    {62, CLASS_STORE, 0, "pvi?i?"},
    {65, CLASS_ACCESS, 0, "trpv*"}, /* AccessChain */
    {66, CLASS_ACCESS, 0, "trpv*"}, /* InBoundsAccessChain */
    {68, CLASS_LENGTH, 0, "trpi"},
    /* vectors, matrices, structs */
    {77, CLASS_EXTRACT_DYNAMIC, 0, "trvv"},
    {78, CLASS_INSERT_DYNAMIC, 0, "trvvv"},
    {79, CLASS_SHUFFLE, 0, "trvvi*"},
    {80, CLASS_CONSTRUCT, 0, "trv*"},
    {81, CLASS_EXTRACT, 0, "trvi*"},
    {82, CLASS_INSERT, 0, "trvvi*"},
    {83, CLASS_COPY, 0, "trv"},
    {84, CLASS_MATRIX, 0, "trv"},  /* Transpose */
    /* conversions */
    {109, CLASS_FLOAT_TO_INT, 0, "trv"}, /* to unsigned */
    {110, CLASS_FLOAT_TO_INT, 0, "trv"}, /* to signed */
    {111, CLASS_INT_TO_FLOAT, 0, "trv"}, /* of signed */
    {112, CLASS_INT_TO_FLOAT, 0, "trv"}, /* of unsigned */
    {113, CLASS_INT_TO_INT, 0, "trv"},
    {114, CLASS_INT_TO_INT, 0, "trv"},
    {115, CLASS_FLOAT_TO_FLOAT, 0, "trv"},
    {116, CLASS_FLOATS, 0, "trv"}, /* QuantizeToF16 */
    {124, CLASS_BITCAST, 0, "trv"},
    /* arithmetic */
    {126, CLASS_INTS, 0, "trv"}, /* SNegate */
    {127, CLASS_FLOATS, 0, "trv"}, /* FNegate */
    {128, CLASS_INTS, 0, "trvv"}, /* IAdd */
    {129, CLASS_FLOATS, 0, "trvv"}, /* FAdd */
    {130, CLASS_INTS, 0, "trvv"}, /* ISub */
    {131, CLASS_FLOATS, 0, "trvv"}, /* FSub */
    {132, CLASS_INTS, 0, "trvv"}, /* IMul */
    {133, CLASS_FLOATS, 0, "trvv"}, /* FMul */
    {134, CLASS_INTS, 0, "trvv"}, /* UDiv */
    {135, CLASS_INTS, 0, "trvv"}, /* SDiv */
    {136, CLASS_FLOATS, 0, "trvv"}, /* FDiv */
    {137, CLASS_INTS, 0, "trvv"}, /* UMod */
    {138, CLASS_INTS, 0, "trvv"}, /* SRem */
    {139, CLASS_INTS, 0, "trvv"}, /* SMod */
    {140, CLASS_FLOATS, 0, "trvv"}, /* FRem */
    {141, CLASS_FLOATS, 0, "trvv"}, /* FMod */
    {142, CLASS_SCALE, 0, "trvv"}, /* VectorTimesScalar */
    {143, CLASS_MATRIX, 0, "trvv"}, /* MatrixTimesScalar */
    {144, CLASS_MATRIX, 0, "trvv"}, /* VectorTimesMatrix */
    {145, CLASS_MATRIX, 0, "trvv"}, /* MatrixTimesVector */
    {146, CLASS_MATRIX, 0, "trvv"}, /* MatrixTimesMatrix */
    {147, CLASS_MATRIX, 0, "trvv"}, /* OuterProduct */
    {148, CLASS_DOT, 0, "trvv"},
    {149, CLASS_WIDE, 0, "trvv"}, /* IAddCarry */
    {150, CLASS_WIDE, 0, "trvv"}, /* ISubBorrow */
    {151, CLASS_WIDE, 0, "trvv"}, /* UMulExtended */
    {152, CLASS_WIDE, 0, "trvv"}, /* SMulExtended */
    /* truth and comparison */
    {154, CLASS_ANY_ALL, 0, "trv"}, /* Any */
    {155, CLASS_ANY_ALL, 0, "trv"}, /* All */
    {156, CLASS_IS_FLOAT, 0, "trv"}, /* IsNan */
    {157, CLASS_IS_FLOAT, 0, "trv"}, /* IsInf */
    {164, CLASS_BOOLS, 0, "trvv"}, /* LogicalEqual */
    {165, CLASS_BOOLS, 0, "trvv"}, /* LogicalNotEqual */
    {166, CLASS_BOOLS, 0, "trvv"}, /* LogicalOr */
    {167, CLASS_BOOLS, 0, "trvv"}, /* LogicalAnd */
    {168, CLASS_BOOLS, 0, "trv"}, /* LogicalNot */
    {169, CLASS_SELECT, 0, "trvvv"},
    {170, CLASS_COMPARE_INTS, 0, "trvv"},
    {171, CLASS_COMPARE_INTS, 0, "trvv"},
    {172, CLASS_COMPARE_INTS, 0, "trvv"},
    {173, CLASS_COMPARE_INTS, 0, "trvv"},
    {174, CLASS_COMPARE_INTS, 0, "trvv"},
    {175, CLASS_COMPARE_INTS, 0, "trvv"},
    {176, CLASS_COMPARE_INTS, 0, "trvv"},
    {177, CLASS_COMPARE_INTS, 0, "trvv"},
    {178, CLASS_COMPARE_INTS, 0, "trvv"},
    {179, CLASS_COMPARE_INTS, 0, "trvv"},
    {180, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {181, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {182, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {183, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {184, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {185, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {186, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {187, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {188, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {189, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {190, CLASS_COMPARE_FLOATS, 0, "trvv"},
    {191, CLASS_COMPARE_FLOATS, 0, "trvv"},
    /* bits */
    {194, CLASS_SHIFT, 0, "trvv"},
    {195, CLASS_SHIFT, 0, "trvv"},
    {196, CLASS_SHIFT, 0, "trvv"},
    {197, CLASS_INTS, 0, "trvv"}, /* BitwiseOr */
    {198, CLASS_INTS, 0, "trvv"}, /* BitwiseXor */
    {199, CLASS_INTS, 0, "trvv"}, /* BitwiseAnd */
    {200, CLASS_INTS, 0, "trv"}, /* Not */
    {201, CLASS_BIT_FIELD, 0, "trvvvv"}, /* BitFieldInsert */
    {202, CLASS_BIT_FIELD, 0, "trvvv"},
    {203, CLASS_BIT_FIELD, 0, "trvvv"},
    {204, CLASS_INTS, 0, "trv"}, /* BitReverse */
    {205, CLASS_INTS, 0, "trv"}, /* BitCount */
    /* atomics and barriers */
    {224, CLASS_BARRIER, 0, "ccc"}, /* ControlBarrier */
    {225, CLASS_BARRIER, 0, "cc"}, /* MemoryBarrier */
    {227, CLASS_ATOMIC, 0, "trpcc"}, /* AtomicLoad */
    {228, CLASS_ATOMIC, 0, "pccv"}, /* AtomicStore */
    {229, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicExchange */
    {230, CLASS_ATOMIC, 0, "trpcccvv"}, /* AtomicCompareExchange */
    {232, CLASS_ATOMIC, 0, "trpcc"}, /* AtomicIIncrement */
    {233, CLASS_ATOMIC, 0, "trpcc"}, /* AtomicIDecrement */
    {234, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicIAdd */
    {235, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicISub */
    {236, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicSMin */
    {237, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicUMin */
    {238, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicSMax */
    {239, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicUMax */
    {240, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicAnd */
    {241, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicOr */
    {242, CLASS_ATOMIC, 0, "trpccv"}, /* AtomicXor */
    /* control */
    {245, CLASS_JOIN, 0, "trP"},                /* OpPhi: when all is known */
    {246, CLASS_NONE, 0, "llii*"}, /* LoopMerge */
    {247, CLASS_NONE, 0, "li"}, /* SelectionMerge */
    {248, CLASS_NONE, 0, "r"}, /* Label */
    {249, CLASS_NONE, 0, "l"}, /* Branch */
    {250, CLASS_BRANCH, 0, "vlli?i?"}, /* BranchConditional */
    {251, CLASS_BRANCH, 0, "vlS"}, /* Switch */
    {253, CLASS_RETURN, 0, ""}, /* Return */
    {254, CLASS_RETURN, 0, "v"}, /* ReturnValue */
    {255, CLASS_NONE, 0, ""}, /* Unreachable */
    /* subgroups */
    {333, CLASS_GROUP, F(SUBGROUP_BASIC), "trc"}, /* Elect */
    {334, CLASS_GROUP, F(SUBGROUP_VOTE), "trcv"},
    {335, CLASS_GROUP, F(SUBGROUP_VOTE), "trcv"},
    {336, CLASS_GROUP, F(SUBGROUP_VOTE), "trcv"},
    {337, CLASS_GROUP, F(SUBGROUP_BALLOT), "trcvv"}, /* Broadcast */
    {338, CLASS_GROUP, F(SUBGROUP_BALLOT), "trcv"},
    {339, CLASS_GROUP, F(SUBGROUP_BALLOT), "trcv"}, /* Ballot */
    {340, CLASS_GROUP, F(SUBGROUP_BALLOT), "trcv"}, /* InverseBallot */
    {341, CLASS_GROUP, F(SUBGROUP_BALLOT), "trcvv"}, /* BallotBitExtract */
    {342, CLASS_GROUP, F(SUBGROUP_BALLOT), "trciv"}, /* BallotBitCount */
    {343, CLASS_GROUP, F(SUBGROUP_BALLOT), "trcv"},
    {344, CLASS_GROUP, F(SUBGROUP_BALLOT), "trcv"},
    {345, CLASS_GROUP, F(SUBGROUP_SHUFFLE), "trcvv"},
    {346, CLASS_GROUP, F(SUBGROUP_SHUFFLE), "trcvv"},
    {347, CLASS_GROUP, F(SUBGROUP_SHUFFLE_RELATIVE), "trcvv"},
    {348, CLASS_GROUP, F(SUBGROUP_SHUFFLE_RELATIVE), "trcvv"},
    {349, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {350, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {351, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {352, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {353, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {354, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {355, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {356, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {357, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {358, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {359, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {360, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {361, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {362, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {363, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
    {364, CLASS_GROUP, F(SUBGROUP_ARITHMETIC), "trcivv?"},
};
/* clang-format on */

const struct spirv_rule *spirv_rule(uint32_t opcode)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].opcode == opcode)
            return &rules[i];
    return NULL;
}
