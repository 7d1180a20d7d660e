// See json_twist.h.
#include "json_twist.h"

#include <stdio.h>

static const char *any_word(dice *d, json_words words)
{
    return words.n_words ? words.words[dice_below(d, words.n_words)] : "word";
}

json_t *json_bad_number(dice *d)
{
    return json_integer((json_int_t)dice_bad_number(d));
}

static json_t *new_value(dice *d, json_words words)
{
    switch (dice_below(d, 10)) {
    case 0: return json_null();
    case 1: return json_boolean(dice_one_in(d, 2));
    case 2: return json_real(dice_one_in(d, 2) ? -1.5 : 1e300);
    case 3: return json_array();
    case 4: return json_object();
    case 5: return json_string(any_word(d, words));
    default: return json_bad_number(d);
    }
}

static size_t size_of(const json_t *node)
{
    return json_is_object(node) ? json_object_size(node) : json_array_size(node);
}

// Key of entry `index` of an object.
static const char *key_at(json_t *object, size_t index)
{
    void *iterator = json_object_iter(object);
    for (; index > 0 && iterator; index--)
        iterator = json_object_iter_next(object, iterator);
    return iterator ? json_object_iter_key(iterator) : NULL;
}

static json_t *entry_at(json_t *node, size_t index)
{
    return json_is_object(node) ? json_object_get(node, key_at(node, index)) : json_array_get(node, index);
}

static void set_entry(json_t *node, size_t index, json_t *value)
{
    if (json_is_object(node))
        json_object_set_new(node, key_at(node, index), value);
    else
        json_array_set_new(node, index, value);
}

static void add_entry(json_t *node, dice *d, json_words words, json_t *value)
{
    char name[32];
    if (json_is_array(node)) {
        json_array_insert_new(node, dice_below(d, json_array_size(node) + 1), value);
        return;
    }
    snprintf(name, sizeof name, "%zu", json_object_size(node));
    json_object_set_new(node, dice_one_in(d, 2) ? name : any_word(d, words), value);
}

// A container on a random way down, and the index of one of its entries; NULL when the tree is empty.
static json_t *choose(json_t *root, dice *d, size_t *index)
{
    json_t *node = root, *chosen = NULL;
    while (node && size_of(node) > 0) {
        chosen = node;
        *index = dice_below(d, size_of(node));
        node = entry_at(node, *index);
        if (dice_one_in(d, 4))
            break;
    }
    return chosen;
}

static json_t *moved_number(const json_t *number, dice *d)
{
    const uint64_t value = (uint64_t)json_integer_value(number);
    switch (dice_below(d, 4)) {
    case 0: return json_integer((json_int_t)(value + 1));
    case 1: return json_integer((json_int_t)(value - 1));
    case 2: return json_integer((json_int_t)(value * 2));
    default: return json_integer((json_int_t)(0 - value));
    }
}

static void repeat_entry(json_t *node, json_t *entry, dice *d, json_words words)
{
    json_incref(entry); // a copy may take its place
    for (size_t n = 1 + dice_below(d, 10); n > 0; n--)
        add_entry(node, d, words, json_deep_copy(entry));
    json_decref(entry);
}

void json_twist(json_t *root, dice *d, json_words words)
{
    size_t index = 0, other_index = 0;
    json_t *node = choose(root, d, &index), *other = choose(root, d, &other_index);
    if (!node) {
        add_entry(root, d, words, new_value(d, words));
        return;
    }
    json_t *entry = entry_at(node, index);
    switch (dice_below(d, 8)) {
    case 0: set_entry(node, index, new_value(d, words)); break;
    case 1: set_entry(node, index, json_is_integer(entry) ? moved_number(entry, d) : new_value(d, words)); break;
    case 2: set_entry(node, index, json_is_integer(entry) ? json_bad_number(d) : new_value(d, words)); break;
    case 3: set_entry(node, index, json_deep_copy(entry_at(other, other_index))); break;
    case 4: add_entry(node, d, words, json_deep_copy(entry_at(other, other_index))); break;
    case 5: add_entry(node, d, words, new_value(d, words)); break;
    case 6: repeat_entry(node, entry, d, words); break;
    default:
        if (json_is_object(node))
            json_object_del(node, key_at(node, index));
        else
            json_array_remove(node, index);
    }
}
