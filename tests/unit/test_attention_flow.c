// Attention flow by hand, and a stop in the middle of one token's. What it is for real models: tests/python/test_probe.py.
#include "probe/attention_flow.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { N_BLOCKS = 2, N_TOKENS = 2 };

// Query i of a block attends to key j.
static const double mean[N_BLOCKS * N_TOKENS * N_TOKENS] = {0.75, 0.25, 0.5, 0.5, 0.5, 0.5, 0.25, 0.75};

// Stops at the ask after `left` more.
static int asked(void *user)
{
    int *left = user;
    return (*left)-- == 0;
}

static void flow_by_hand(void **state)
{
    const flow_source from = {mean, N_BLOCKS, N_TOKENS, NULL};
    double flow[N_BLOCKS];
    (void)state;
    assert_int_equal(attention_flow_to(&from, 1, flow, NULL), ASC_OK);
    assert_true(flow[0] == 0.125);        // the one arc
    assert_true(flow[1] == 0.125 + 0.25); // by token 0, then by token 1, which 1/4 reaches
}

static void a_stop_ends_one_token(void **state)
{
    double flow[N_BLOCKS];
    (void)state;
    int n_asked = 0;
    for (asc_status status = ASC_STOPPED; status != ASC_OK; n_asked++) {
        int left = n_asked;
        const stop_check stop = {asked, &left};
        const flow_source from = {mean, N_BLOCKS, N_TOKENS, &stop};
        asc_error err = {0};
        status = attention_flow_to(&from, 1, flow, &err);
        assert_true(status == ASC_OK || status == ASC_STOPPED);
        assert_true(n_asked < 100);
    }
    assert_true(n_asked > N_BLOCKS); // asked for once a block at least
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flow_by_hand),
        cmocka_unit_test(a_stop_ends_one_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
