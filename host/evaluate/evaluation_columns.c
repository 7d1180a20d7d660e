// See evaluation_columns.h.
#include "evaluate/evaluation_columns.h"

#include <stddef.h>

#define ROW(member) offsetof(row_scores, member)
#define ORDER_COLUMNS(group, member)                                                                            \
    {group "/comprehensiveness_aopc", COLUMN_FLOAT32, 0, ROW(member.metrics[0])},                               \
    {group "/sufficiency_aopc", COLUMN_FLOAT32, 0, ROW(member.metrics[1])},                                     \
    {group "/deletion_auc", COLUMN_FLOAT32, 0, ROW(member.metrics[2])},                                         \
    {group "/insertion_auc", COLUMN_FLOAT32, 0, ROW(member.metrics[3])},                                        \
    {group "/token_f1", COLUMN_FLOAT32, 0, ROW(member.metrics[SCORES_PLAUSIBILITY + PLAUSIBILITY_TOKEN_F1])},   \
    {group "/iou_f1", COLUMN_FLOAT32, 0, ROW(member.metrics[SCORES_PLAUSIBILITY + PLAUSIBILITY_IOU_F1])},       \
    {group "/auprc", COLUMN_FLOAT32, 0, ROW(member.metrics[SCORES_PLAUSIBILITY + PLAUSIBILITY_AUPRC])},         \
    {group "/comprehensiveness_aopc_points", COLUMN_FLOAT32, PLAN_N_BINS, ROW(member.metrics[4])},              \
    {group "/sufficiency_aopc_points", COLUMN_FLOAT32, PLAN_N_BINS, ROW(member.metrics[4 + PLAN_N_BINS])},      \
    {group "/deletion", COLUMN_FLOAT32, PLAN_MOST_POINTS, ROW(member.deletion)},                                \
    {group "/insertion", COLUMN_FLOAT32, PLAN_MOST_POINTS, ROW(member.insertion)}

const member_column evaluation_row_columns[EVALUATION_ROW_COLUMNS] = {
    {"rows/id", COLUMN_UINT64, 0, ROW(id)},
    {"rows/class", COLUMN_INT32, 0, ROW(class_index)},
    {"rows/features", COLUMN_UINT32, 0, ROW(n_features)},
    {"rows/output", COLUMN_FLOAT32, 0, ROW(output)},
    {"rows/base_value", COLUMN_FLOAT32, 0, ROW(base_value)},
    {"rows/fractions", COLUMN_FLOAT32, PLAN_MOST_POINTS, ROW(fractions)},
    ORDER_COLUMNS("attribution", attribution),
    ORDER_COLUMNS("random", random),
};

#define METRIC(member) offsetof(asc_evaluation_metric, member)
#define MEAN_COLUMNS(group, member)                                                     \
    {group "/mean", COLUMN_FLOAT64, 0, METRIC(member.mean)},                            \
    {group "/std_error", COLUMN_FLOAT64, 0, METRIC(member.std_error)},                  \
    {group "/ci_low", COLUMN_FLOAT64, 0, METRIC(member.low)},                           \
    {group "/ci_high", COLUMN_FLOAT64, 0, METRIC(member.high)}

const member_column evaluation_metric_columns[EVALUATION_METRIC_COLUMNS] = {
    MEAN_COLUMNS("all/attribution", attribution),
    MEAN_COLUMNS("all/random", random),
    MEAN_COLUMNS("all/difference", difference),
};

#define SUMMARY(member) offsetof(asc_evaluation_summary, member)
#define CURVE(name, member) {"curves/" name, COLUMN_FLOAT64, 0, SUMMARY(member)}

const member_column evaluation_curves[EVALUATION_CURVES] = {
    CURVE("fractions", fractions),
    CURVE("deletion", deletion),
    CURVE("insertion", insertion),
    CURVE("random_deletion", random_deletion),
    CURVE("random_insertion", random_insertion),
};

const member_column evaluation_counts[EVALUATION_COUNTS] = {
    {"n_rows", COLUMN_UINT64, 0, SUMMARY(n_rows)},
    {"n_evaluated", COLUMN_UINT64, 0, SUMMARY(n_evaluated)},
    {"n_unexplained", COLUMN_UINT64, 0, SUMMARY(n_unexplained)},
    {"n_no_features", COLUMN_UINT64, 0, SUMMARY(n_no_features)},
    {"n_not_explained_class", COLUMN_UINT64, 0, SUMMARY(n_not_explained_class)},
    {"n_non_finite", COLUMN_UINT64, 0, SUMMARY(n_non_finite)},
};
