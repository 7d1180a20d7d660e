# needs: demo/model demo/dataset.h5
explain() { "$ASCRIBE" explain --model "$DATA/demo/model" --data "$DATA/demo/dataset.h5" --limit 8 --budget 4n --out r.h5 --quiet; }
(ulimit -f 1 && explain)
echo "a part does not fit: exit $?"
ls
(ulimit -f 8 && explain)
echo "the result does not fit: exit $?"
ls
explain && "$ASCRIBE" verify r.h5 | head -1
echo "exit $?"
ls
"$ASCRIBE" export r.h5 --csv -o table.csv
(ulimit -f 1 && "$ASCRIBE" export r.h5 --csv -o small.csv)
echo "a table does not fit: exit $?"
ls
