# needs: demo/model demo/dataset.h5
# --data and --model may name copies, and nothing else.
cp "$DATA/demo/dataset.h5" data.h5 && cp -r "$DATA/demo/model" model || exit
"$ASCRIBE" plan --model model --data data.h5 --limit 8 --budget 24 --out r.h5 --tasks 2 -o plan.json --quiet || exit
mkdir local && mv data.h5 model local
"$ASCRIBE" explain --plan plan.json --task 0 --data local/data.h5 --model local/model --quiet || exit
printf x >> local/data.h5
"$ASCRIBE" explain --plan plan.json --task 1 --data local/data.h5 --model local/model --quiet
echo "exit $?"
cp "$DATA/demo/dataset.h5" local/data.h5 && printf ' ' >> local/model/config.json
"$ASCRIBE" explain --plan plan.json --task 1 --data local/data.h5 --model local/model --quiet
echo "exit $?"
cp "$DATA/demo/model/config.json" local/model
"$ASCRIBE" explain --plan plan.json --task 1 --data local/data.h5 --model local/model --quiet || exit
mv local/data.h5 elsewhere.h5
"$ASCRIBE" merge plan.json --quiet # the plan's own is not where it was
echo "exit $?"
"$ASCRIBE" merge plan.json --data elsewhere.h5 --quiet --keep-parts && rm r.h5
mv elsewhere.h5 data.h5 # where it was, and no copy
"$ASCRIBE" merge plan.json --quiet && "$ASCRIBE" verify r.h5
