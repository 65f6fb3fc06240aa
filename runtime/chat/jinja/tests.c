/* chat/jinja/tests.c: what may stand behind `is`. */
#include "chat/jinja/evaluate.h"
#include "chat/jinja/library.h"

#include <string.h>

#define TEST(name) \
    static struct value name(struct machine *m, struct value self, const struct arguments *a)

/* A test without arguments that only looks at the kind of a value. */
#define KIND_TEST(name, condition)                                      \
    TEST(test_##name)                                                   \
    {                                                                   \
        return bind_nothing(m, #name, a) ? boolean(condition) : none(); \
    }

KIND_TEST(defined, !is_undefined(self))
KIND_TEST(undefined, is_undefined(self))
KIND_TEST(none, self.kind == KIND_NONE)
KIND_TEST(boolean, self.kind == KIND_BOOL)
KIND_TEST(true, self.kind == KIND_BOOL && self.b)
KIND_TEST(false, self.kind == KIND_BOOL && !self.b)
KIND_TEST(integer, self.kind == KIND_INT)
KIND_TEST(float, self.kind == KIND_FLOAT)
KIND_TEST(number, is_number(self))
KIND_TEST(string, is_string(self))
KIND_TEST(mapping, self.kind == KIND_DICT)
KIND_TEST(iterable, is_iterable(self))
KIND_TEST(sequence, value_length(self) >= 0 && self.kind != KIND_VIEW)
KIND_TEST(escaped, is_string(self) && self.safe)
KIND_TEST(callable, self.kind == KIND_MACRO || self.kind == KIND_METHOD ||
                        self.kind == KIND_FUNCTION || self.kind == KIND_LOOP || is_undefined(self))

/* ---- numbers --------------------------------------------------------------------------------- */

static struct value rest_is(struct machine *m, struct value self, struct value by, int64_t rest)
{
    const struct value found = operate(m, OPERATOR_MODULO, self, by);
    return boolean(value_equal(m, found, integer(rest)));
}

TEST(test_odd)
{
    return bind_nothing(m, "odd", a) ? rest_is(m, self, integer(2), 1) : none();
}
TEST(test_even)
{
    return bind_nothing(m, "even", a) ? rest_is(m, self, integer(2), 0) : none();
}

TEST(test_divisibleby)
{
    struct value by;
    return BIND(m, "divisibleby", a, 1, &by, "num") ? rest_is(m, self, by, 0) : none();
}

/* ---- comparisons ----------------------------------------------------------------------------- */

static struct value compared(struct machine *m, struct value self, const struct arguments *a,
                             enum operator operator)
{
    struct value other;
    return BIND(m, "test", a, 1, &other, "other") ? boolean(compare(m, operator, self, other))
                                                  : none();
}

TEST(test_equal)
{
    return compared(m, self, a, OPERATOR_EQUAL);
}
TEST(test_not_equal)
{
    return compared(m, self, a, OPERATOR_NOT_EQUAL);
}
TEST(test_less)
{
    return compared(m, self, a, OPERATOR_LESS);
}
TEST(test_less_equal)
{
    return compared(m, self, a, OPERATOR_LESS_EQUAL);
}
TEST(test_greater)
{
    return compared(m, self, a, OPERATOR_GREATER);
}
TEST(test_greater_equal)
{
    return compared(m, self, a, OPERATOR_GREATER_EQUAL);
}
TEST(test_in)
{
    return compared(m, self, a, OPERATOR_IN);
}

/* The same object: for none, booleans and what has an identity. */
TEST(test_sameas)
{
    struct value other;
    if (!BIND(m, "sameas", a, 1, &other, "other"))
        return none();
    if (self.kind != other.kind)
        return boolean(false);
    switch (self.kind) {
    case KIND_NONE: return boolean(true);
    case KIND_BOOL: return boolean(self.b == other.b);
    case KIND_INT: return boolean(self.i == other.i);
    case KIND_STRING: return boolean(self.string == other.string);
    case KIND_LIST:
    case KIND_TUPLE: return boolean(self.list == other.list);
    case KIND_DICT: return boolean(self.dict == other.dict);
    default: return boolean(false);
    }
}

/* ---- strings, names -------------------------------------------------------------------------- */

static struct value ask_string(struct machine *m, struct value self, const struct arguments *a,
                               const char *method)
{
    const struct value text = value_text(m, self);
    if (m->failed)
        return none();
    return find_function(string_searches, method, strlen(method))->call(m, text, a);
}

TEST(test_lower)
{
    return ask_string(m, self, a, "islower");
}
TEST(test_upper)
{
    return ask_string(m, self, a, "isupper");
}

TEST(test_filter)
{
    if (!bind_nothing(m, "filter", a))
        return none();
    return boolean(is_string(self) && find_filter(self.string->data, self.string->size));
}

TEST(test_test)
{
    if (!bind_nothing(m, "test", a))
        return none();
    return boolean(is_string(self) && find_test(self.string->data, self.string->size));
}

static const struct function tests[] = {
    {"defined", test_defined},   {"undefined", test_undefined},
    {"none", test_none},         {"boolean", test_boolean},
    {"true", test_true},         {"false", test_false},
    {"integer", test_integer},   {"float", test_float},
    {"number", test_number},     {"string", test_string},
    {"mapping", test_mapping},   {"iterable", test_iterable},
    {"sequence", test_sequence}, {"escaped", test_escaped},
    {"callable", test_callable}, {"odd", test_odd},
    {"even", test_even},         {"divisibleby", test_divisibleby},
    {"equalto", test_equal},     {"eq", test_equal},
    {"==", test_equal},          {"ne", test_not_equal},
    {"!=", test_not_equal},      {"lt", test_less},
    {"lessthan", test_less},     {"<", test_less},
    {"le", test_less_equal},     {"<=", test_less_equal},
    {"gt", test_greater},        {"greaterthan", test_greater},
    {">", test_greater},         {"ge", test_greater_equal},
    {">=", test_greater_equal},  {"in", test_in},
    {"sameas", test_sameas},     {"lower", test_lower},
    {"upper", test_upper},       {"filter", test_filter},
    {"test", test_test},         {NULL, NULL},
};

const struct function *find_test(const char *name, size_t size)
{
    return find_function(tests, name, size);
}
