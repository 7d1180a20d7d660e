# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --estimator permutation --budget 2 --out r.h5 --quiet --progress none 2> warnings || exit
grep -c 'less than one walk of permutation' warnings
"$ASCRIBE" explain --help | tr -s ' \n' ' ' | grep -c 'whole walks of 2(n - 1)'
