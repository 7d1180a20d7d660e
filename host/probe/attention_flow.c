// See attention_flow.h. Maximum flow by shortest augmenting paths in level graphs: Dinic, "Algorithm for solution of a problem of maximum flow in
// networks with power estimation", 1970. Node d * n_tokens + t is token t at depth d; its arcs lead to the n_tokens nodes a depth below, then back
// to the n_tokens nodes a depth above, as far as something flows down from there.
#include "probe/attention_flow.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static const double least = 1e-12; // of a capacity that is still used: what rounding leaves does not count
static const size_t unreached = SIZE_MAX;

typedef struct network {
    const double *mean;
    double *rest; // [n_blocks, n_tokens, n_tokens] capacity that is left downwards
    size_t n_tokens, top, source, sink; // top: the depth of the source
    size_t *level, *arc;   // [nodes]: distance from the source; first arc that may still lead on
    size_t *nodes, *steps; // [nodes]: a queue or a path; the arcs of the path
    const stop_check *stop;
} network;

static double capacity(const network *w, size_t block, size_t query, size_t key)
{
    return 0.5 * w->mean[(block * w->n_tokens + query) * w->n_tokens + key] + (query == key ? 0.5 : 0);
}

static double *rest_of(const network *w, size_t block, size_t query, size_t key)
{
    return &w->rest[(block * w->n_tokens + query) * w->n_tokens + key];
}

// What the arc can still carry, and where to.
static double can_carry(const network *w, size_t node, size_t arc, size_t *to)
{
    const size_t n = w->n_tokens, depth = node / n, token = node % n;
    *to = node;
    if (arc < n) {
        *to = depth > 0 ? (depth - 1) * n + arc : node;
        return depth > 0 ? *rest_of(w, depth - 1, token, arc) : 0;
    }
    if (depth == w->top)
        return 0;
    *to = (depth + 1) * n + arc - n;
    return capacity(w, depth, arc - n, token) - *rest_of(w, depth, arc - n, token);
}

static void carry(const network *w, size_t node, size_t arc, double amount)
{
    const size_t n = w->n_tokens, depth = node / n, token = node % n;
    if (arc < n)
        *rest_of(w, depth - 1, token, arc) -= amount;
    else
        *rest_of(w, depth, arc - n, token) += amount;
}

// Distances from the source; whether the sink has one.
static bool find_levels(network *w)
{
    const size_t n = w->n_tokens, n_nodes = (w->top + 1) * n;
    size_t n_found = 1, to;
    for (size_t i = 0; i < n_nodes; i++) {
        w->level[i] = unreached;
        w->arc[i] = 0;
    }
    w->level[w->source] = 0;
    w->nodes[0] = w->source;
    for (size_t i = 0; i < n_found && w->level[w->sink] == unreached; i++)
        for (size_t arc = 0; arc < 2 * n; arc++)
            if (can_carry(w, w->nodes[i], arc, &to) > least && w->level[to] == unreached) {
                w->level[to] = w->level[w->nodes[i]] + 1;
                w->nodes[n_found++] = to;
            }
    return w->level[w->sink] != unreached;
}

// The number of steps of a path from source to sink along rising levels; 0: there is none any more.
static size_t find_path(network *w)
{
    size_t length = 0, to;
    w->nodes[0] = w->source;
    for (;;) {
        const size_t node = w->nodes[length];
        if (node == w->sink)
            return length;
        while (w->arc[node] < 2 * w->n_tokens && !(can_carry(w, node, w->arc[node], &to) > least && w->level[to] == w->level[node] + 1))
            w->arc[node]++;
        if (w->arc[node] < 2 * w->n_tokens) {
            w->steps[length++] = w->arc[node];
            w->nodes[length] = to;
        } else if (length == 0) {
            return 0;
        } else {
            w->arc[w->nodes[--length]]++;
        }
    }
}

static double push(network *w, size_t length)
{
    double amount = INFINITY;
    size_t to;
    for (size_t i = 0; i < length; i++)
        amount = fmin(amount, can_carry(w, w->nodes[i], w->steps[i], &to));
    for (size_t i = 0; i < length; i++)
        carry(w, w->nodes[i], w->steps[i], amount);
    return amount;
}

static asc_status largest_flow(network *w, double *flow, asc_error *err)
{
    *flow = 0;
    for (size_t block = 0; block < w->top; block++)
        for (size_t query = 0; query < w->n_tokens; query++)
            for (size_t key = 0; key < w->n_tokens; key++)
                *rest_of(w, block, query, key) = capacity(w, block, query, key);
    while (find_levels(w)) {
        TRY(stop_poll(w->stop, err));
        for (size_t length = find_path(w); length > 0; length = find_path(w))
            *flow += push(w, length);
    }
    return ASC_OK;
}

asc_status attention_flow_to(const flow_source *from, size_t sink, double *flow, asc_error *err)
{
    const size_t n_tokens = from->n_tokens, n_nodes = (from->n_blocks + 1) * n_tokens, n_arcs = from->n_blocks * n_tokens * n_tokens;
    size_t *numbers = malloc(4 * n_nodes * sizeof *numbers);
    network w = {.mean = from->mean, .rest = malloc(n_arcs * sizeof *w.rest), .n_tokens = n_tokens, .sink = sink, .level = numbers, .stop = from->stop};
    asc_status status = numbers && w.rest ? ASC_OK : fail_memory(err, "attention flow", n_arcs * sizeof(double));
    for (w.top = 1; status == ASC_OK && w.top <= from->n_blocks; w.top++) {
        w.arc = w.level + n_nodes;
        w.nodes = w.arc + n_nodes;
        w.steps = w.nodes + n_nodes;
        w.source = w.top * n_tokens;
        status = largest_flow(&w, &flow[w.top - 1], err);
    }
    free(w.rest);
    free(numbers);
    return status;
}
