# needs: demo/model demo/dataset.h5
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 9 --out r.h5 --max-hours 0.0000001 --quiet
echo "exit $?"
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 9 --max-hours 0.0000001 --dry-run --quiet > estimate
echo "exit $?"
head -1 estimate && rm estimate
ls
"$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 1 --budget 8 --out r.h5 --max-hours 1 --quiet
echo "exit $?"
ls
