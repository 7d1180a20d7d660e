# needs: demo/model demo/dataset.h5
# The table, the plan, the file that it keeps, and what is refused: exit codes at the end.
importance() {
    "$ASCRIBE" importance --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --progress none --fold-case "$@"
    echo "exit $?"
}
importance --limit 24 --top 3 --passes 2 -o importance.h5
importance --limit 24 --top 3 -o importance.h5
importance --limit 24 --top 3 --dry-run
printf 'no\tnot\nno\tnever\nno\tunheard\n' > groups.tsv
importance --limit 24 --groups groups.tsv -o importance.h5 --force --quiet
printf 'no\tunheard\n' > groups.tsv
importance --limit 24 --groups groups.tsv
importance --passes 0
importance --convergence 0
importance --quiet
"$ASCRIBE" inspect importance.h5
echo "exit $?"
ls
