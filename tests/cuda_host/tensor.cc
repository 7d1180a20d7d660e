// The tensor cores' instructions that kernels/cuda/mma.cuh wraps, from the tables of fragments in NVIDIA's "Parallel thread execution ISA",
// sections on mma.m16n8k16 and ldmatrix: which lane holds which elements. Sums are in float, in ascending k; a device's order may differ.
#include "emulate.h"

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

struct Copy {
    void *shared;
    const void *global;
};

std::vector<std::vector<Copy>> pending; // of each thread of the block

std::vector<Copy> &own_copies()
{
    const size_t thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * (size_t)threadIdx.z);
    if (pending.size() <= thread)
        pending.resize(thread + 1);
    return pending[thread];
}

void must_be_aligned(const void *address)
{
    if ((uintptr_t)address % 16 == 0)
        return;
    std::fprintf(stderr, "emulated kernel: an address that is no multiple of 16\n");
    std::abort();
}

uint16_t half_of(unsigned pair, unsigned which) { return (uint16_t)(pair >> 16 * which); }

} // namespace

// Lane 4 g + t holds of A (16 rows, 16 columns): a[0] row g, columns 2 t and 2 t + 1; a[1] row g + 8; a[2] and a[3] the same 8 columns on; of
// B (16 rows, 8 columns): b[0] rows 2 t and 2 t + 1, column g; b[1] 8 rows on; of D (16 rows, 8 columns): d[0] and d[1] row g, columns 2 t and
// 2 t + 1; d[2] and d[3] row g + 8.
void emulate_mma(float d[4], const unsigned a[4], const unsigned b[2], float (*value)(uint16_t bits))
{
    struct Fragments {
        unsigned a[4], b[2];
    } mine, all[warpSize];
    std::memcpy(mine.a, a, sizeof mine.a);
    std::memcpy(mine.b, b, sizeof mine.b);
    emulate_warp_gather(&mine, all, sizeof mine);
    const unsigned lane = emulate_lane();
    for (unsigned i = 0; i < 4; i++) {
        const unsigned row = lane / 4 + 8 * (i / 2), column = lane % 4 * 2 + i % 2;
        for (unsigned k = 0; k < 16; k++) {
            const Fragments &of_a = all[row % 8 * 4 + k % 8 / 2], &of_b = all[column * 4 + k % 8 / 2];
            d[i] += value(half_of(of_a.a[row / 8 + 2 * (k / 8)], k % 2)) * value(half_of(of_b.b[k / 8], k % 2));
        }
    }
}

// Lane 8 i + r brings the address of row r of matrix i, 8 values of 16 bits; lane 4 g + t receives of each matrix row g, columns 2 t and 2 t + 1,
// or, transposed, rows 2 t and 2 t + 1 of column g.
void emulate_load_matrices(unsigned r[4], const void *row, bool transposed)
{
    const uint16_t *rows[warpSize];
    must_be_aligned(row);
    emulate_warp_gather(&row, rows, sizeof row);
    const unsigned g = emulate_lane() / 4, t = emulate_lane() % 4;
    for (unsigned i = 0; i < 4; i++) {
        const uint16_t *const *matrix = rows + 8 * i;
        const unsigned low = transposed ? matrix[2 * t][g] : matrix[g][2 * t];
        const unsigned high = transposed ? matrix[2 * t + 1][g] : matrix[g][2 * t + 1];
        r[i] = low | high << 16;
    }
}

void emulate_copy_to_shared(void *shared, const void *global)
{
    must_be_aligned(shared);
    must_be_aligned(global);
    own_copies().push_back({shared, global});
}

void emulate_copies_wait()
{
    for (const Copy &copy : own_copies())
        std::memcpy(copy.shared, copy.global, 16);
    own_copies().clear();
}
