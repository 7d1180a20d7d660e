# needs: demo/model demo/dataset.h5
# --strict of a task; what stands at OUT is not replaced without --force; a folder that was moved; options of merge.
"$ASCRIBE" plan --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --estimator exact --exact-limit 10 --out r.h5 --tasks 1 -o plan.json --quiet || exit
"$ASCRIBE" explain --plan plan.json --task 0 --quiet --strict
echo "exit $?"
echo precious > r.h5
"$ASCRIBE" merge plan.json --quiet
echo "exit $?"
cat r.h5
"$ASCRIBE" merge plan.json --quiet --force --keep-parts || exit
"$ASCRIBE" merge r.h5.parts --quiet -o other.h5 --keep-parts || exit
mv r.h5.parts moved
"$ASCRIBE" merge moved --quiet
echo "exit $?"
"$ASCRIBE" merge moved --quiet -o third.h5 || exit
ls
for result in r other third; do "$ASCRIBE" export $result.h5 --csv -o $result.csv || exit; done
cmp r.csv other.csv && cmp r.csv third.csv && echo same
"$ASCRIBE" merge r.h5 --quiet
echo "exit $?"
