// Command lines as a shell would take them: for messages that can be pasted and for the record in a result.
#ifndef ASCRIBE_CLI_SHELL_WORDS_H
#define ASCRIBE_CLI_SHELL_WORDS_H

// Joins the words with spaces, each quoted where a POSIX shell needs it. The caller frees it; NULL: no
// memory.
char *shell_words_join(int count, char *const *words);

#endif
