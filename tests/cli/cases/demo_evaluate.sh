# needs: demo/model demo/dataset.h5
# The table, the file that it keeps, and what is refused: exit codes at the end.
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --rows 10:16 --budget 64 --out result.h5 --quiet || exit 1
evaluate() {
    "$ASCRIBE" evaluate result.h5 --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --progress none "$@"
    echo "exit $?"
}
evaluate --orders 2 -o eval.h5
evaluate --orders 2 -o eval.h5
evaluate --orders 2 -o eval.h5 --force --quiet
evaluate --orders 2 -o result.h5 --force
evaluate --orders 0
evaluate --rows 6:
evaluate --quiet
ls
