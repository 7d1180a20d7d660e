// See division.h. A row costs its coalitions times what a forward pass over an average one takes (model/cost.h); a part is about ten
// seconds of that at a speed that is assumed, so that it does not depend on the machine.
#include "explain/division.h"

#include "io/dataset_read.h"
#include "model/cost.h"

#include <stdlib.h>
#include <string.h>

enum { PART_SECONDS = 10, MOST_ROWS = 1024, MOST_GPU_ROWS = 1 << 14, LEAST_PARTS_PER_TASK = 4, ROWS_AT_ONCE = 1 << 14 };
// Floating-point operations per second.
#define ASSUMED_CPU_FLOPS 1e11
#define ASSUMED_GPU_FLOPS 1e14
#define ASSUMED_REF_FLOPS 5e8

static double assumed_speed(asc_backend_kind backend)
{
    switch (backend) {
    case ASC_BACKEND_CUDA: return ASSUMED_GPU_FLOPS;
    case ASC_BACKEND_CPU: return ASSUMED_CPU_FLOPS;
    default: return ASSUMED_REF_FLOPS;
    }
}

// What one row of this size takes: its coalitions, the two anchors and the row as it stands.
static division_cost row_cost(const division_plan *plan, size_t n_tokens, size_t n_features)
{
    const double evaluations = (double)request_evaluations(plan->request, n_features);
    const bool shorter = plan->request->policy != ASC_POLICY_REPLACE;
    const double length = shorter ? (double)n_tokens / 2 + 1 : (double)n_tokens, sequences = evaluations + 3;
    const forward_load load = {
        .sequences = (uint64_t)sequences, .tokens = (uint64_t)(sequences * length), .squares = sequences * length * length};
    return (division_cost){(uint64_t)evaluations, load.tokens, forward_flops(plan->config, 0, &load)};
}

// ---- Passing over the rows ---------------------------------------------------------------------------------------

typedef asc_status row_visit(void *context, int64_t position, const division_cost *cost, asc_error *err);

typedef struct size_buffer {
    size_t n_tokens[ROWS_AT_ONCE], n_features[ROWS_AT_ONCE];
} size_buffer;

static asc_status visit_piece(const division_plan *plan, int64_t first, size_t count, size_buffer *sizes, row_visit *visit, void *context,
                              asc_error *err)
{
    TRY(stop_poll(&plan->request->stop, err));
    TRY(dataset_row_sizes(plan->dataset, (size_t)first, count, sizes->n_tokens, sizes->n_features, err));
    for (size_t i = 0; i < count; i++) {
        const division_cost cost = row_cost(plan, sizes->n_tokens[i], sizes->n_features[i]);
        TRY(visit(context, first + (int64_t)i, &cost, err));
    }
    return ASC_OK;
}

static asc_status visit_rows(const division_plan *plan, row_visit *visit, void *context, asc_error *err)
{
    size_buffer *sizes = malloc(sizeof *sizes);
    if (!sizes)
        return fail_memory(err, "the sizes of rows", sizeof *sizes);
    asc_status status = ASC_OK;
    for (int64_t done = 0; done < plan->n_rows && status == ASC_OK; done += ROWS_AT_ONCE) {
        const int64_t left = plan->n_rows - done;
        status = visit_piece(plan, plan->first_position + done, (size_t)(left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE), sizes, visit, context, err);
    }
    free(sizes);
    return status;
}

static asc_status add_cost(void *context, int64_t position, const division_cost *cost, asc_error *err)
{
    division_cost *sum = context;
    (void)position;
    (void)err;
    sum->evaluations += cost->evaluations;
    sum->tokens += cost->tokens;
    sum->flops += cost->flops;
    return ASC_OK;
}

// ---- Parts -------------------------------------------------------------------------------------------------------

typedef struct cutter {
    division *d;
    size_t capacity;
    double *flops; // [capacity] of each part
    double part_flops;
    int64_t least_rows, most_rows;
} cutter;

static asc_status open_part(cutter *c, int64_t position, asc_error *err)
{
    division *d = c->d;
    if (d->n_parts + 1 >= c->capacity) {
        const size_t capacity = c->capacity ? 2 * c->capacity : 64;
        int64_t *starts = realloc(d->starts, capacity * sizeof *starts);
        d->starts = starts ? starts : d->starts;
        double *flops = starts ? realloc(c->flops, capacity * sizeof *flops) : NULL;
        c->flops = flops ? flops : c->flops;
        if (!flops)
            return fail_memory(err, "the parts of a run", capacity * (sizeof *starts + sizeof *flops));
        c->capacity = capacity;
    }
    d->starts[d->n_parts] = position;
    c->flops[d->n_parts++] = 0;
    return ASC_OK;
}

// A part ends before the row that would bring it further from what is aimed at than it is.
static asc_status cut_row(void *context, int64_t position, const division_cost *cost, asc_error *err)
{
    cutter *c = context;
    const division *d = c->d;
    const int64_t n_rows = d->n_parts ? position - d->starts[d->n_parts - 1] : 0;
    const bool full = n_rows >= c->most_rows || (n_rows >= c->least_rows && c->flops[d->n_parts - 1] + cost->flops / 2 > c->part_flops);
    if (n_rows == 0 || full)
        TRY(open_part(c, position, err));
    c->flops[d->n_parts - 1] += cost->flops;
    return ASC_OK;
}

// ---- Tasks -------------------------------------------------------------------------------------------------------

// Task t begins with the part whose middle is behind t shares of all work; every task has a part.
static asc_status divide_tasks(const cutter *c, size_t wanted, double sum, asc_error *err)
{
    division *d = c->d;
    d->n_tasks = wanted < d->n_parts ? wanted : d->n_parts;
    d->tasks = malloc((d->n_tasks + 1) * sizeof *d->tasks);
    if (!d->tasks)
        return fail_memory(err, "the tasks of a plan", (d->n_tasks + 1) * sizeof *d->tasks);
    size_t part = 0;
    double before = 0;
    for (size_t task = 0; task < d->n_tasks; task++) {
        const double share = sum * (double)task / (double)d->n_tasks;
        const size_t least = task ? d->tasks[task - 1] + 1 : 0, most = d->n_parts - (d->n_tasks - task);
        while (part < most && (part < least || before + c->flops[part] / 2 < share))
            before += c->flops[part++];
        d->tasks[task] = part;
    }
    d->tasks[d->n_tasks] = d->n_parts;
    return ASC_OK;
}

// ---- Both --------------------------------------------------------------------------------------------------------

static cutter make_cutter(const division_plan *plan, division *d, double sum)
{
    const asc_backend_kind backend = plan->request->backend;
    const int64_t least = plan->n_rows / MOST_PARTS + 1;
    int64_t most = backend == ASC_BACKEND_CUDA ? MOST_GPU_ROWS : MOST_ROWS;
    cutter c = {.d = d, .part_flops = PART_SECONDS * assumed_speed(backend), .least_rows = least};
    const double share = sum / (double)(LEAST_PARTS_PER_TASK * plan->n_tasks);
    if (plan->n_tasks > 1 && share < c.part_flops)
        c.part_flops = share;
    if (plan->rows_per_part)
        most = (int64_t)plan->rows_per_part;
    c.most_rows = most > least ? most : least;
    if (plan->rows_per_part)
        c.least_rows = c.most_rows;
    return c;
}

asc_status division_make(const division_plan *plan, division *out, division_cost *cost, asc_error *err)
{
    *out = (division){0};
    *cost = (division_cost){0};
    TRY(visit_rows(plan, add_cost, cost, err));
    cutter c = make_cutter(plan, out, cost->flops);
    asc_status status = visit_rows(plan, cut_row, &c, err);
    if (status == ASC_OK) {
        out->starts[out->n_parts] = plan->first_position + plan->n_rows;
        status = divide_tasks(&c, plan->n_tasks, cost->flops, err);
    }
    free(c.flops);
    if (status != ASC_OK)
        division_free(out);
    return status;
}

// ---- What is known of one ----------------------------------------------------------------------------------------

bool division_is_sound(const division *d)
{
    if (d->n_parts < 1 || d->n_parts > MOST_PARTS || d->n_tasks < 1 || d->n_tasks > d->n_parts || d->n_tasks > MOST_TASKS)
        return false;
    if (d->starts[0] < 0 || d->tasks[0] != 0 || d->tasks[d->n_tasks] != d->n_parts)
        return false;
    for (size_t part = 0; part < d->n_parts; part++)
        if (d->starts[part + 1] <= d->starts[part])
            return false;
    for (size_t task = 0; task < d->n_tasks; task++)
        if (d->tasks[task + 1] <= d->tasks[task])
            return false;
    return true;
}

bool division_same_parts(const division *a, const division *b)
{
    return a->n_parts == b->n_parts && memcmp(a->starts, b->starts, (a->n_parts + 1) * sizeof *a->starts) == 0;
}

size_t division_largest(const division *d)
{
    int64_t largest = 0;
    for (size_t part = 0; part < d->n_parts; part++)
        if (d->starts[part + 1] - d->starts[part] > largest)
            largest = d->starts[part + 1] - d->starts[part];
    return (size_t)largest;
}

size_t division_task_of(const division *d, size_t part)
{
    size_t task = 0;
    while (task + 1 < d->n_tasks && d->tasks[task + 1] <= part)
        task++;
    return task;
}

void division_free(division *d)
{
    free(d->starts);
    free(d->tasks);
    *d = (division){0};
}
