# needs: demo/model demo/dataset.h5
# Parts that are missing, damaged, of another run or unfinished are named and never merged; the task that owns them makes them again.
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 12 --budget 24 --rows-per-part 3
"$ASCRIBE" plan "$@" --out r.h5 --tasks 2 -o plan.json --quiet || exit
"$ASCRIBE" plan "$@" --out s.h5 --tasks 2 -o other.json --quiet --seed 5 || exit
for plan in plan other; do
    for task in 0 1; do "$ASCRIBE" explain --plan $plan.json --task $task --quiet || exit; done
done
cd r.h5.parts || exit
rm part-00000000.part
truncate -s -1 part-00000001.part
cp ../s.h5.parts/part-00000002.part .
touch part-00000003.part.host.1.abc.tmp
cd ..
"$ASCRIBE" verify r.h5.parts
echo "exit $?"
"$ASCRIBE" merge plan.json --quiet
echo "exit $?"
test -e r.h5 && echo "there is a result"
"$ASCRIBE" explain --plan plan.json --task 0 --quiet
echo "exit $?"
"$ASCRIBE" explain --plan plan.json --task 1 --quiet
echo "exit $?"
