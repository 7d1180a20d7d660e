# needs: demo/model prepare
mkdir scratch && export TMPDIR=$PWD/scratch
printf 'text,label\nA wonderful film,positive\nA dull one,negative\n' > t.csv
"$ASCRIBE" explain --model "$DATA/demo/model" --data t.csv --dry-run --quiet
echo "exit $?"
"$ASCRIBE" explain --model "$DATA/demo/model" --text "A wonderful film" --dry-run --quiet
echo "exit $?"
ls . scratch
