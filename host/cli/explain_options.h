// Options that several commands have, each group once. AT(member) is the offset of a member of asc_explain_options in the command's own
// struct, IN(member) that of a member of explain_values.
#ifndef ASCRIBE_CLI_EXPLAIN_OPTIONS_H
#define ASCRIBE_CLI_EXPLAIN_OPTIONS_H

// clang-format off
#define METHOD_OPTIONS(AT) \
    {.name = "method", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(method), \
     .group = "Method", .help = "shapley; kernelshap (= shapley by wls); occlusion; lime"}, \
    {.name = "estimator", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(estimator), \
     .help = "auto (exact while 2^n - 2 coalitions fit the budget, else wls); exact; wls; shap (shap's " \
             "KernelExplainer); permutation (antithetic walks)"}, \
    {.name = "budget", .kind = OPTION_STRING, .argument = "N|Mn|auto", .offset = AT(budget), \
     .help = "coalitions a row may spend: a number, a multiple of its n features like 16n, or auto = " \
             "min(2^n - 2, max(512, 16n)), for shap 2n + 2048, for permutation max(512, 16n), for lime 4999 " \
             "samples; permutation spends whole walks of 2(n - 1), at least one whatever the budget"}, \
    {.name = "policy", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(policy), \
     .help = "absent tokens are: remove = dropped, positions kept; delete = dropped, positions closed up; mask, " \
             "pad, unk = replaced by that token; id:N = by token N"}, \
    {.name = "output", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(output), \
     .help = "what is explained: logit; probability; logodds"}, \
    {.name = "target", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(target), \
     .help = "classes: auto (all up to 8, else predicted); all; predicted; label; or names or indexes " \
             "with commas"}, \
    {.name = "exact-limit", .kind = OPTION_INT, .argument = "N", .offset = AT(exact_limit), \
     .help = "most features of a row for --estimator exact"}, \
    {.name = "l1-reg", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(l1_reg), \
     .help = "estimator shap: off; num_features:N (KernelExplainer's own default is num_features:10)"}, \
    {.name = "lime-features", .kind = OPTION_INT, .argument = "N", .offset = AT(lime_features), \
     .help = "most features with an attribution"}, \
    {.name = "lime-selection", .kind = OPTION_STRING, .argument = "WORD", \
     .offset = AT(lime_selection), \
     .help = "how lime chooses them: auto (forward up to 6, else highest_weights); forward; " \
             "highest_weights; lasso_path; none = all"}

// What the result holds, and how strictly the dataset is taken.
#define RESULT_OPTIONS(IN) \
    {.name = "no-text", .kind = OPTION_CLEAR, .offset = IN(options.keep_text), \
     .help = "leave texts and kept columns out of the result"}, \
    {.name = "allow-tokenizer-mismatch", .kind = OPTION_SET, \
     .offset = IN(options.allow_tokenizer_mismatch), \
     .help = "explain although the dataset was made with another tokenizer"}

// Which rows.
#define ROW_OPTIONS(IN) \
    {.name = "rows", .kind = OPTION_RANGE, .argument = "A:B", .zero = "all", .offset = IN(rows), \
     .group = "Rows", .help = "rows of the dataset from A on and before B, counted from 0"}, \
    {.name = "limit", .kind = OPTION_INT64, .argument = "N", .low = 1, .zero = "none", \
     .offset = IN(limit), .help = "the first N of them at most"}

// Where coalitions come from.
#define DRAW_OPTIONS(IN) \
    {.name = "masks", .kind = OPTION_STRING, .argument = "FILE.h5", .offset = IN(options.masks), \
     .help = "take each row's coalitions and weights from a mask file (estimator shap, method lime)"}, \
    {.name = "seed", .kind = OPTION_UINT64, .argument = "N", .offset = IN(options.seed), \
     .help = "of the random draws"}, \
    {.name = "like", .kind = OPTION_STRING, .argument = "RESULT.h5", .offset = IN(like), \
     .help = "take the options of this group from an earlier result, except those that are given here; a " \
             "result of --masks needs that very file given again"}

// How texts become a dataset.
#define PREPARE_OPTIONS(IN) \
    {.name = "text-column", .kind = OPTION_STRING, .argument = "COLUMN", \
     .zero = "text, sentence, content, review or the only one", .offset = IN(prepare.text_column), \
     .group = "Preparing texts (when --data is no dataset)", \
     .help = "name or index of the column with the text"}, \
    {.name = "text-pair-column", .kind = OPTION_STRING, .argument = "COLUMN", \
     .offset = IN(prepare.text_pair_column), .help = "of the second text, for models that take pairs"}, \
    {.name = "label-column", .kind = OPTION_STRING, .argument = "COLUMN", .zero = "label, when there", \
     .offset = IN(prepare.label_column), .help = "of the labels; none = no labels"}, \
    {.name = "label-type", .kind = OPTION_STRING, .argument = "WORD", \
     .choices = "auto|class|multi|hot|number", .zero = "auto", .offset = IN(prepare.label_type), \
     .help = "what labels are; 'ascribe prepare --help' explains it"}, \
    {.name = "label-separator", .kind = OPTION_STRING, .argument = "TEXT", \
     .offset = IN(prepare.label_separator), .help = "what stands between several labels of a row"}, \
    {.name = "id-column", .kind = OPTION_STRING, .argument = "COLUMN", .zero = "id, when there", \
     .offset = IN(prepare.id_column), .help = "of the row ids; none = positions"}, \
    {.name = "keep", .kind = OPTION_LIST, .argument = "COLUMN[,...]", .offset = IN(prepare.keep), \
     .help = "columns to keep in the dataset and the result"}, \
    {.name = "features", .kind = OPTION_STRING, .argument = "RULE", .zero = "word", \
     .offset = IN(prepare.features), \
     .help = "what receives an attribution: word; whitespace; token; sentence; bow; regex:PATTERN"}, \
    {.name = "spans", .kind = OPTION_STRING, .argument = "FILE.jsonl", .offset = IN(prepare.spans), \
     .help = "features from a file, a line for every row; 'ascribe prepare --help' explains it"}, \
    {.name = "max-length", .kind = OPTION_INT64, .argument = "N", .low = 1, \
     .zero = "what the model allows", .offset = IN(prepare.max_length), \
     .help = "most tokens of a row; longer ones are cut off"}

// What computes.
#define COMPUTE_OPTIONS(AT) \
    {.name = "backend", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(backend), \
     .group = "Machine", .help = "auto; cpu; cuda; ref ('ascribe devices' lists them). auto: cuda where a GPU can be used, else cpu"}, \
    {.name = "precision", .kind = OPTION_STRING, .argument = "WORD", .offset = AT(precision), \
     .help = "auto (cpu: fp32, cuda: fp16); fp32; bf16 (cpu: linear maps, faster on AMD Zen 4, slower than fp32 on Intel without AMX); " \
             "on cuda also fp16, tf32"}

// How much of this machine is used.
#define MACHINE_OPTIONS(AT) \
    {.name = "device", .kind = OPTION_INT, .argument = "N", .offset = AT(device), \
     .help = "which GPU, from 0 ('ascribe devices' lists them)"}, \
    {.name = "workers", .letter = 'j', .kind = OPTION_INT, .argument = "N", .zero = "one for each core, on a GPU 2", \
     .offset = AT(n_workers), .help = "threads, on a GPU streams; never changes a result"}, \
    {.name = "step-tokens", .kind = OPTION_SIZE, .argument = "N", .hidden = true, \
     .offset = AT(step_tokens), .help = "tokens for each step and worker"}

// How a run may be spread over unlike machines.
#define MIXED_OPTION(IN) \
    {.name = "allow-mixed", .kind = OPTION_SET, .offset = IN(options.allow_mixed), \
     .help = "let processors of different kinds work on one run: their results differ in the last bits, and the result says which " \
             "kernels computed it"}

// How progress is told; IN is of the command's own struct.
#define PROGRESS_OPTION(IN) \
    {.name = "progress", .kind = OPTION_STRING, .argument = "HOW", .choices = "auto|bar|plain|none", .offset = IN(progress), \
     .help = "auto (a bar on a terminal, else plain); bar; plain (a line every 30 s); none"}

// Of no use but to tests and experts.
#define EXPERT_OPTIONS(IN) \
    {.name = "savings", .kind = OPTION_STRING, .argument = "LIST", .hidden = true, .offset = IN(options.savings), \
     .help = "exact savings: auto; all; none; or some of first_layer, last_layer, fold, duplicates"}, \
    {.name = "rows-per-part", .kind = OPTION_SIZE, .argument = "N", .hidden = true, \
     .offset = IN(options.rows_per_part), .help = "rows for each part file"}
// clang-format on

#endif
