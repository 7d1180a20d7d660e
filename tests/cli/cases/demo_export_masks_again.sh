# needs: demo/model demo/dataset.h5
# A mask file is not replaced by another run's; the same command again leaves it as it is.
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 1 --quiet --method lime --export-masks masks.h5
"$ASCRIBE" explain "$@" --budget 50 --out a.h5 || exit
cp masks.h5 first.h5
"$ASCRIBE" explain "$@" --budget 50 --out a.h5 || exit
"$ASCRIBE" explain "$@" --budget 60 --out b.h5
echo "exit $?"
cmp masks.h5 first.h5 || exit
"$ASCRIBE" explain "$@" --budget 60 --out b.h5 --force || exit
cmp masks.h5 first.h5
echo "differs $?"
