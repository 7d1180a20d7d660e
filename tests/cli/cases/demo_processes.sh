# needs: demo/model demo/dataset.h5
# Several worker processes, of a run and of a task, give the same bits; numbers that make no sense are refused.
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 6 --rows-per-part 1 --budget 24 --backend cpu
"$ASCRIBE" explain "$@" --out one.h5 --quiet || exit
"$ASCRIBE" explain "$@" --out two.h5 --processes 2 --workers 1 --quiet 2> /dev/null || exit
"$ASCRIBE" plan "$@" --out three.h5 --tasks 1 -o plan.json --quiet || exit
"$ASCRIBE" explain --plan plan.json --task 0 --processes 2 --workers 1 --json 2> /dev/null | grep -E '"(task|rows)"' || exit
"$ASCRIBE" merge plan.json --quiet || exit
for result in one two three; do "$ASCRIBE" export $result.h5 --csv -o $result.csv || exit; done
cmp one.csv two.csv && cmp one.csv three.csv && echo same
"$ASCRIBE" explain "$@" --out four.h5 --devices 0,1
echo "exit $?"
"$ASCRIBE" explain "$@" --out four.h5 --processes 2000
echo "exit $?"
ls
