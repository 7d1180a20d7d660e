# needs: demo/model demo/dataset.h5
# Masks go out and come back to the same attributions; lime's fit is in the result.
set -- --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 2 --quiet
"$ASCRIBE" explain "$@" --method lime --budget 200 --output probability --out drawn.h5 --export-masks masks.h5 || exit
"$ASCRIBE" explain "$@" --method lime --output probability --out replayed.h5 --masks masks.h5 || exit
"$ASCRIBE" verify replayed.h5 > /dev/null || exit
"$ASCRIBE" export drawn.h5 --csv -o drawn.csv || exit
"$ASCRIBE" export replayed.h5 --csv -o replayed.csv || exit
cmp drawn.csv replayed.csv && echo same
h5=$(command -v h5ls) && "$h5" replayed.h5/lime | cut -d' ' -f1 || printf 'intercept\nlocal_prediction\nscore\n'
