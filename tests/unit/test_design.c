// Designs: their coalitions (complements, distinctness, sizes, anchors, inclusion probabilities), edges and
// refusals.
#include "../design_testing.h"
#include "coalition/leverage.h"

// Every class holds its leverage share: min(its size, c times the sizes it stands for), c by bisection,
// rounded up or down.
static void check_sizes(const design *d)
{
    const size_t n = d->n_features;
    const double n_pairs = (double)(d->n_contrasts - 1);
    double low = 0;
    double high = n_pairs;
    for (int step = 0; step < 200; step++) {
        const double c = (low + high) / 2;
        double sum = 0;
        for (size_t s = 1; s <= n / 2; s++)
            sum += fmin(class_size(n, s), c * (2 * s == n ? 1 : 2));
        *(sum < n_pairs ? &low : &high) = c;
    }
    for (size_t s = 1; s <= n / 2; s++) {
        double count = 0;
        for (size_t q = 1; q < d->n_contrasts; q++) {
            const size_t size = size_of(coalition(d, 2 * q), n);
            count += size == s || size == n - s;
        }
        const double share = fmin(class_size(n, s), high * (2 * s == n ? 1 : 2));
        assert_true(fabs(count - share) < 1 + 1e-6);
        assert_true(count <= class_size(n, s));
    }
}

static void every_design_has_the_right_coalitions(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof grid / sizeof grid[0]; k++) {
        const size_t n = grid[k].n;
        const size_t budget = grid[k].budget;
        const size_t full = design_full_budget(n);
        design *d = make_wls(n, budget);
        const size_t used = (budget < full ? budget : full) / 2 * 2;
        assert_int_equal(d->n_features, n);
        assert_int_equal(d->n_coalitions, used + 2);
        assert_int_equal(d->n_contrasts, used / 2 + 1);
        assert_true(d->paired);
        check_anchors_and_complements(d);
        check_distinct(d);
        check_sizes(d);
        check_map_is_efficient(d);
        assert_int_equal(d->under_determined, used != full && used < 2 * n);
        assert_int_equal(d->error_kind, used == full          ? DESIGN_ERROR_NONE
                                        : d->under_determined ? DESIGN_ERROR_UNDEFINED
                                                              : DESIGN_ERROR_HC3);
        assert_int_equal(d->relabelled, used != full);
        assert_int_equal(d->loo_factor != NULL, d->error_kind == DESIGN_ERROR_HC3);
        design_free(d);
    }
}

static void the_same_call_gives_the_same_bits(void **state)
{
    (void)state;
    static const size_t sizes[] = {3, 14, 40, 70};
    for (size_t k = 0; k < 4; k++) {
        const size_t n = sizes[k];
        design *a = make_wls(n, 4 * n);
        design *between = make_wls(n + 1, 6 * n);
        design *b = make_wls(n, 4 * n + 1); // odd: rounds down
        assert_int_equal(a->n_coalitions, b->n_coalitions);
        assert_memory_equal(a->masks, b->masks, a->n_coalitions * mask_words(n) * sizeof *a->masks);
        assert_memory_equal(a->map, b->map, n * a->n_contrasts * sizeof *a->map);
        if (a->loo_factor)
            assert_memory_equal(a->loo_factor, b->loo_factor, a->n_contrasts * sizeof *a->loo_factor);
        design_free(b);
        design_free(between);
        design_free(a);
    }
}

// Changed coalitions change every result: raise DESIGN_VERSION with them. FNV-1a over the masks' bytes,
// lowest byte first.
static void coalitions_of_this_version_are_fixed(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        size_t budget;
        uint64_t hash;
    } known[] = {
        {5, 20, UINT64_C(0x4c4caa3b1bae283c)},   {10, 512, UINT64_C(0xb5ad5565d03b8951)},
        {14, 56, UINT64_C(0xfb0cd04d80637e11)},  {14, 448, UINT64_C(0x001b260b244a744d)},
        {64, 512, UINT64_C(0x9a2a3fa76362d68b)}, {64, 100, UINT64_C(0x06159cd5e0f6293b)},
        {65, 512, UINT64_C(0x44e90f8427faa986)}, {128, 2048, UINT64_C(0xb0a9245887092e73)},
    };
    assert_int_equal(DESIGN_VERSION, 1);
    for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
        design *d = make_wls(known[k].n, known[k].budget);
        uint64_t hash = UINT64_C(1469598103934665603);
        for (size_t word = 0; word < d->n_coalitions * mask_words(known[k].n); word++)
            for (size_t shift = 0; shift < 64; shift += 8)
                hash = (hash ^ (d->masks[word] >> shift & 0xFF)) * UINT64_C(1099511628211);
        assert_true(hash == known[k].hash);
        design_free(d);
    }
}

// Over all n! relabellings every coalition appears as often as k_s / C(n, s) says, and loo_factor uses that
// probability.
static void inclusion_probabilities_are_exact(void **state)
{
    (void)state;
    static const size_t budgets[][2] = {{5, 12}, {5, 22}, {6, 14}, {6, 40}, {7, 30}};
    for (size_t k = 0; k < sizeof budgets / sizeof budgets[0]; k++) {
        const size_t n = budgets[k][0];
        design *d = make_wls(n, budgets[k][1]);
        size_t seen[128] = {0};
        size_t permutation[7] = {0, 1, 2, 3, 4, 5, 6};
        size_t n_orders = 0;
        do {
            n_orders++;
            for (size_t s = 2; s < d->n_coalitions; s++) {
                size_t mask = 0;
                for (size_t i = 0; i < n; i++)
                    mask |= (size_t)mask_has(coalition(d, s), permutation[i]) << i;
                seen[mask]++;
            }
        } while (next_permutation(n, permutation));
        for (size_t q = 1; q < d->n_contrasts; q++) {
            const size_t mask = (size_t)coalition(d, 2 * q)[0];
            const size_t size = size_of(coalition(d, 2 * q), n);
            double count = 0;
            for (size_t other = 1; other < d->n_contrasts; other++)
                count += size_of(coalition(d, 2 * other), n) == size;
            const double inclusion = count / class_size(n, size);
            assert_true(fabs((double)seen[mask] - (double)n_orders * inclusion) < 1e-6);
            double leverage = 0; // map column . x, less the mean that efficiency takes out
            for (size_t i = 0; i < n; i++)
                leverage += d->map[i * d->n_contrasts + q] * (mask >> i & 1 ? 1 : -1);
            const double freedom = fmax(1 - leverage, 0.05);
            assert_true(fabs(d->loo_factor[q] - (1 - inclusion) / (freedom * freedom)) < 1e-9);
        }
        assert_true(d->loo_factor[0] == 0);
        design_free(d);
    }
}

static void class_sizes_saturate(void **state)
{
    (void)state;
    assert_int_equal(leverage_class_size(2, 1), 1);
    assert_int_equal(leverage_class_size(14, 7), 1716);
    assert_int_equal(leverage_class_size(64, 32), UINT64_C(916312070471295267));
    assert_int_equal(leverage_class_size(67, 33), UINT64_C(14226520737620288370));
    assert_int_equal(leverage_class_size(69, 34), UINT64_MAX);
    assert_int_equal(leverage_class_size(512, 256), UINT64_MAX);
    assert_int_equal(leverage_class_size(512, 2), 130816);
    assert_int_equal(design_full_budget(0), 0);
    assert_int_equal(design_full_budget(1), 0);
    assert_int_equal(design_full_budget(2), 2);
    assert_int_equal(design_full_budget(62), UINT64_C(4611686018427387902));
    assert_int_equal(design_full_budget(63), SIZE_MAX);
    assert_int_equal(design_full_budget(512), SIZE_MAX);
}

static void occlusion_is_leave_one_out(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 14, 63, 64, 65, 130};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const size_t n = sizes[k];
        design *d = NULL;
        assert_int_equal(design_occlusion(n, &d, NULL), ASC_OK);
        assert_int_equal(d->n_coalitions, n + 2);
        assert_int_equal(d->n_contrasts, n + 2);
        assert_false(d->paired);
        assert_false(d->relabelled);
        assert_int_equal(d->error_kind, DESIGN_ERROR_NONE);
        check_anchors_and_complements(d);
        double *phi = attribute(d, random_value, 8);
        uint64_t mask[3] = {0};
        memcpy(mask, coalition(d, 0), mask_words(n) * sizeof *mask);
        const double all = random_value(mask, n, 8);
        for (size_t i = 0; i < n; i++) {
            mask[i / 64] ^= (uint64_t)1 << i % 64;
            assert_true(fabs(phi[i] - (all - random_value(mask, n, 8))) < 1e-15);
            mask[i / 64] ^= (uint64_t)1 << i % 64;
        }
        free(phi);
        design_free(d);
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    design *d = NULL;
    asc_error err = {0};
    assert_int_equal(design_exact(DESIGN_EXACT_LIMIT + 1, &d, &err), ASC_USAGE);
    assert_non_null(strstr(err.message, "21"));
    assert_true(err.hint[0] != '\0');
    assert_int_equal(design_exact(0, &d, &err), ASC_USAGE);
    assert_int_equal(design_wls(0, 512, &d, &err), ASC_USAGE);
    assert_int_equal(design_occlusion(0, &d, &err), ASC_USAGE);
    assert_int_equal(design_wls(5, 0, &d, &err), ASC_USAGE);
    assert_int_equal(design_wls(5, 1, &d, &err), ASC_USAGE);
    assert_non_null(strstr(err.message, "budget"));
    assert_int_equal(design_wls(100, SIZE_MAX, &d, &err), ASC_USAGE);
    assert_int_equal(design_wls(40, SIZE_MAX, &d, NULL), ASC_USAGE);
    assert_null(d);
    design_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_design_has_the_right_coalitions),
        cmocka_unit_test(the_same_call_gives_the_same_bits),
        cmocka_unit_test(coalitions_of_this_version_are_fixed),
        cmocka_unit_test(inclusion_probabilities_are_exact),
        cmocka_unit_test(class_sizes_saturate),
        cmocka_unit_test(occlusion_is_leave_one_out),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests_name("design", tests, NULL, NULL);
}
