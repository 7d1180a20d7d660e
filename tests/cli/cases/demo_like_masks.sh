# needs: demo/model demo/dataset.h5
# A result of imported masks cannot be repeated without them, or with others.
explain() { "$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 1 --quiet "$@"; }
explain --out drawn.h5 --estimator shap --budget 80 --export-masks masks.h5 || exit
explain --out replayed.h5 --like drawn.h5 --masks masks.h5 || exit
explain --out none.h5 --like replayed.h5
echo "exit $?"
explain --out other.h5 --estimator shap --budget 90 --export-masks others.h5 || exit
explain --out none.h5 --like replayed.h5 --masks others.h5
echo "exit $?"
explain --out again.h5 --like replayed.h5 --masks masks.h5
echo "exit $?"
explain --out new.h5 --like replayed.h5 --budget 80
echo "exit $?"
"$ASCRIBE" export drawn.h5 --csv > drawn.csv
for other in again new; do "$ASCRIBE" export $other.h5 --csv | cmp - drawn.csv && echo same; done
