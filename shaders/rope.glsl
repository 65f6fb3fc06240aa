// Rotary positions. rotated(base, d): element d of a head that lies at READ_X(base + d), turned by
// the angles at READ_TABLE(row * R + 2 i) (cosine) and + 1 (sine), i below R / 2; what lies behind
// the first R elements stays as it is.
//
// halves       y[i] = x[i] cos_i - x[i + R/2] sin_i,  y[i + R/2] = x[i + R/2] cos_i + x[i] sin_i
// interleaved  the same of x[2 i] and x[2 i + 1]
#define DEFINE_ROTATED(name, READ_X, READ_TABLE)                                                   \
    float name(uint base, uint d, uint table_row, uint rotary, bool interleaved)                   \
    {                                                                                              \
        const float own = READ_X(base + d);                                                        \
        if (d >= rotary)                                                                           \
            return own;                                                                            \
        const uint half_size = rotary / 2u;                                                        \
        const bool second = interleaved ? (d & 1u) != 0u : d >= half_size;                         \
        const uint i = interleaved ? d >> 1 : second ? d - half_size : d;                          \
        const uint pair = interleaved ? d ^ 1u : second ? i : i + half_size;                       \
        const float c = READ_TABLE(table_row * rotary + 2u * i);                                   \
        const float s = READ_TABLE(table_row * rotary + 2u * i + 1u);                              \
        return own * c + (second ? s : -s) * READ_X(base + pair);                                  \
    }
