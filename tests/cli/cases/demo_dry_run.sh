# needs: demo/model demo/dataset.h5
mkdir scratch && export TMPDIR=$PWD/scratch
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --budget 8 --dry-run --progress none
echo "exit $?"
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 3 --budget 8 --dry-run --progress none --out r.h5 --quiet
echo "exit $?"
ls . scratch
