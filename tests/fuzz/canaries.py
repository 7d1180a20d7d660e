"""Planted bugs: each is one place in a source file and what stands there instead in a copy.

CANARIES must be found by the fuzz targets. RULES take one rule of the HDF5 reader away: the files of test_hostile_hdf5
that are made for the rule, and no others, must get past it then.
"""


def canary(target, file, what, old, new):
    return {"target": target, "file": file, "what": what, "old": old, "new": new}


def tensors(what, old, new):
    return canary("safetensors", "host/io/safetensors.c", what, old, new)


def config(what, old, new):
    return canary("config", "host/model/config.c", what, old, new)


def part(what, old, new):
    return canary("part", "host/io/part.c", what, old, new)


def plan(file, what, old, new):
    return canary("plan", "host/explain/" + file, what, old, new)


def masks(what, old, new):
    return canary("masks", "host/io/mask_file.c", what, old, new)


def words(what, old, new):
    return canary("global", "host/io/global_file.c", what, old, new)


def probe(what, old, new):
    return canary("probe", "host/io/probe_file.c", what, old, new)


def evaluation(what, old, new):
    return canary("evaluation", "host/evaluate/evaluation_read.c", what, old, new)


def dataset(file, what, old, new):
    return canary("dataset", "host/io/" + file, what, old, new)


CANARIES = [
    tensors("one dimension too many", "tensor->n_dims > TENSOR_MAX_DIMS", "tensor->n_dims > TENSOR_MAX_DIMS + 1"),
    tensors(
        "the product of a shape wraps",
        "!checked_multiply(tensor->n_elements, tensor->shape[dim], &tensor->n_elements)",
        "((tensor->n_elements *= tensor->shape[dim]), 0)",
    ),
    tensors(
        "elements x bits wraps",
        "if (!checked_multiply(tensor->n_elements, row->bits, &bits))",
        "if (((bits = tensor->n_elements * row->bits), 0))",
    ),
    tensors("half a byte at the end of a tensor", "if (bits % 8 != 0)", "if (bits % 2 != 0)"),
    tensors("tensors may overlap", "if (tensor->begin != expected)", "if (tensor->begin > expected)"),
    tensors("tensors may leave holes", "if (tensor->begin != expected)", "if (tensor->begin < expected)"),
    tensors("a truncated file is taken", "if (expected != file->data_size)", "if (expected < file->data_size)"),
    tensors("negative sizes", "!json_is_integer(number) || json_integer_value(number) < 0", "!json_is_integer(number)"),
    tensors("the header may be longer than the file", "if (value > file_size - LENGTH_BYTES)", "if (value > file_size)"),
    tensors(
        "room for one tensor too few", "calloc(n_entries > 0 ? n_entries : 1,", "calloc(n_entries > 1 ? n_entries - 1 : 1,"
    ),
    tensors("BF16 is read as four bytes", "(uint32_t)load_le16(bytes + 2 * i) << 16", "load_le32(bytes + 2 * i) << 16"),
    config("no heads", "if (number < 1 || (unsigned long long)number > limit)",
           "if (number < 0 || (unsigned long long)number > limit)"),
    config("no upper limits", "number < 1 || (unsigned long long)number > limit", "number < 1"),
    config("a class without a name", "        if (!name)\n            return fail(in->err, ASC_MALFORMED, \"%s: id2label has",
           "        if (!labels)\n            return fail(in->err, ASC_MALFORMED, \"%s: id2label has"),
    config("room for one class name too few", "calloc(out->n_labels, sizeof *out->label_names)",
           "calloc(out->n_labels > 1 ? out->n_labels - 1 : 1, sizeof *out->label_names)"),
    config("any epsilon", "!(out->norm_epsilon >= 0) || out->norm_epsilon > 1", "0"),
    part("a record may reach beyond the file", "            left < size || left - size < CHECKSUM_BYTES)", "            0)"),
    part("rows before the first", "header->index < 0 || header->first_position < 0 || header->n_rows < 0 ||",
         "header->index < 0 || header->n_rows < 0 ||"),
    part("no targets", "if (header->n_targets == 0 || header->n_classes == 0)", "if (header->n_classes == 0)"),
    part("bytes that belong to no row", "    if (left != 0)", "    if (left > 64)"),
    part("a kernel set without an end", "    return length < PART_KERNEL_SET_SIZE;", "    return true;"),
    part("any position", "if (position != header->first_position + (int64_t)row)", "if (position < header->first_position)"),
    plan("division.c", "parts without rows", "if (d->starts[part + 1] <= d->starts[part])", "if (d->starts[part + 1] < d->starts[part])"),
    plan("division.c", "tasks that end before the last part", "d->tasks[0] != 0 || d->tasks[d->n_tasks] != d->n_parts", "d->tasks[0] != 0"),
    plan("plan.c", "paths that are not absolute", "if ((*paths[i])[0] != '/')", "if ((*paths[i])[0] == '.')"),
    plan("run_record.c", "parts of other rows than the manifest's", "if (d->starts[0] != first || d->starts[d->n_parts] - first != n_rows)",
         "if (d->starts[0] != first)"),
    dataset("dataset.c", "features above the row's", "if (feature < -1 || feature >= n_features)", "if (feature < -1)"),
    dataset("dataset.c", "features below -1", "if (feature < -1 || feature >= n_features)", "if (feature >= n_features)"),
    dataset("dataset.c", "negative token ids", "if (rows->tokens[token] < 0)", "if (rows->tokens[token] < -100)"),
    dataset("ragged.c", "offsets may fall", "if (i > 0 && values[i] < values[i - 1])", "if (i > 1 && values[i] < values[0])"),
    dataset("annotation.c", "spans outside the text", "if (begin > end || end > row.n_bytes)", "if (begin > end)"),
    dataset("annotation.c", "spans of features that are none",
            "slice->span_feature[i] < 0 || slice->span_feature[i] >= row.n_features", "slice->span_feature[i] < 0"),
    masks("offsets may fall", "f->offsets[row + 1] < f->offsets[row] ||", ""),
    masks("offsets may end anywhere", "(size_t)f->offsets[f->n_rows] != f->weights.n_rows", "0"),
    masks("more features than words hold", "f->features[row] > MOST_FEATURES || words_of(f->features[row]) > f->masks.n_columns",
          "f->features[row] > MOST_FEATURES"),
    masks("features beyond the row's", "lost |= w >= n_words ? word : w == n_words - 1 ? word & beyond : 0;", ""),
    masks("negative weights", "!(row->weights[c] >= 0) || isinf(row->weights[c])", "isinf(row->weights[c])"),
    masks("weights that sum to nothing", "!(sum > 0) || isinf(sum)", "0"),
    masks("no samples", "n_draws < 1 || n_draws > INT32_MAX / 2", "n_draws > INT32_MAX / 2"),
    words("a class that is none", "c->class_index < (int64_t)facts->n_classes && (any || group)", "(any || group)"),
    words("a label that is none", "c->label < (int64_t)facts->n_label_names && ", ""),
    words("a position beyond the last", " && c->position < GLOBAL_N_POSITIONS", ""),
    words("more rows than occurrences", " || c->count < c->rows", ""),
    words("a minimum above the maximum", " || c->least > c->most", ""),
    words("words in any order", "i > 0 && global_word_compare(", "i > SIZE_MAX - 1 && global_word_compare("),
    words("cells in any order", "global_cell_compare(&word->cells[k - 1], &word->cells[k]) >= 0", "0"),
    words("row ids in any order", "(*ids)[i] <= (*ids)[i - 1]", "0"),
    words("a group of no label", "group->label < (int64_t)f->facts.n_label_names && ", ""),
    evaluation("a class that is none", "(size_t)row->class_index >= e->info.n_classes || ", ""),
    evaluation("scores beyond 1", "(double)fabsf(score) <= 1 + rounding", "true"),
    evaluation("probabilities below 0", "!(curve[i] >= 0 && curve[i] <= 1)", "!(curve[i] <= 1)"),
    evaluation("an id twice", "e->rows[i].id == e->rows[i - 1].id", "0"),
    evaluation("no features", " || row->n_features < 1", ""),
    probe("attention of another size than its row", "expected != found", "0"),
    probe("a token that is none", "|| index[i] > most", ""),
    probe("a position before the first", "index[i] < -1 || ", ""),
    probe("a share that is none", "!(share >= 0 && share <= 1)", "0"),
    dataset("annotation.c", "labels without a name", "if (labels[row] < -1 || labels[row] >= limit)", "if (labels[row] < -1)"),
]


def rule(file, what, files, old, new):
    return {"file": "host/io/" + file, "what": what, "files": files, "old": old, "new": new}


RULES = [
    rule("h5set.c", "plain types only",
         ["vlen_strings", "vlen_list", "compound", "reference", "enumeration", "odd_integer"],
         "    return fail(\n        err, ASC_MALFORMED,\n        \"%s: dataset '%s': expected a plain integer",
         "    set->type = COLUMN_INT32, set->element_size = 4, set->memory_type = H5T_NATIVE_INT32;\n    return ASC_OK;\n"
         "    return fail(\n        err, ASC_MALFORMED,\n        \"%s: dataset '%s': expected a plain integer"),
    rule("h5set.c", "no committed types", ["committed_type"], "if (H5Tcommitted(file_type) != 0)", "if (0)"),
    rule("h5set.c", "strings of limited length", ["long_strings"], "size == 0 || size > MAX_TEXT_BYTES", "size == 0"),
    rule("h5set.c", "contiguous or chunked", ["compact_storage", "virtual_storage"],
         "if (layout != H5D_CONTIGUOUS && layout != H5D_CHUNKED)", "if (0)"),
    rule("h5set.c", "no external storage", ["external_storage"], "if (H5Pget_external_count(creation) != 0)", "if (0)"),
    rule("h5set.c", "three filters only", ["other_filter", "plugin_filter"],
         "if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE && filter != H5Z_FILTER_FLETCHER32)", "if (0)"),
    rule("h5set.c", "chunks that can be held", ["large_chunk"], "> MAX_CHUNK_BYTES / set->element_size", "> (hsize_t)1 << 40"),
    rule("h5set.c", "every chunk is there", ["missing_chunk"], "if (present != expected)", "if (0)"),
    rule("h5set.c", "data were written", ["never_written"], "if (set->stored_bytes == 0 && elements > 0)", "if (0)"),
    rule("h5set.c", "chunks of their size", ["bomb_in_a_chunk"],
         "size > bytes + bytes / 1024 + MAX_CHUNK_OVERHEAD", "0"),
    rule("h5set.c", "no bombs", ["bomb_of_zeros"], "deflated && bytes > LARGE_BYTES && bytes / MAX_LARGE_RATIO > set->file->size",
         "0"),
    rule("h5set.c", "no more than the file can hold", ["size_that_lies"],
         "bytes - elements * (set->type == COLUMN_TEXT) > limit", "0"),
    rule("h5file.c", "hard links only", ["soft_link", "external_link"], "if (link.type != H5L_TYPE_HARD)", "if (0)"),
]
