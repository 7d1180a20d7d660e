# needs: demo/model demo/dataset.h5
# A plan, its tasks in any order, the merge: what each command says, and the same result as of one run.
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 12 --budget 24
"$ASCRIBE" plan "$@" --out r.h5 --tasks 3 -o plan.json || exit
"$ASCRIBE" status plan.json || exit
"$ASCRIBE" explain --plan plan.json --task 2 --workers 1 || exit
for task in 1 0; do
    "$ASCRIBE" explain --plan plan.json --task $task --quiet || exit
done
"$ASCRIBE" status plan.json || exit
"$ASCRIBE" verify plan.json || exit
"$ASCRIBE" merge plan.json || exit
"$ASCRIBE" merge plan.json || exit
"$ASCRIBE" status plan.json || exit
"$ASCRIBE" verify plan.json || exit
"$ASCRIBE" explain --plan plan.json --task 0 || exit
ls
"$ASCRIBE" explain "$@" --out whole.h5 --quiet || exit
for result in r whole; do "$ASCRIBE" export $result.h5 --csv -o $result.csv; done
cmp r.csv whole.csv && echo same
