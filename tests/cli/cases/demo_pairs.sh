# needs: demo/model prepare
printf 'a,b,tags\nGood food.,"Bad, bad staff.",positive;negative\n,Fine.,\n' > p.csv
"$ASCRIBE" explain --model "$DATA/demo/model" --data p.csv --text-column a --text-pair-column b --label-column tags \
    --label-separator ';' --features bow --out r.h5 --quiet || exit
"$ASCRIBE" verify r.h5 > verified || cat verified
"$ASCRIBE" show r.h5 --row 0 | sed -n '3p; /||/p'
"$ASCRIBE" export r.h5 --csv | cut -d, -f 4,6-10 | sort -u
"$ASCRIBE" export r.h5 --jsonl | grep -o '"label":[^p]*"prediction\|"text":"[^"]*","split":[0-9]*'
"$ASCRIBE" inspect r.h5 | grep "^granularity\|^has [lp]\|^label"
"$ASCRIBE" explain --model "$DATA/demo/model" --data r-dataset.h5 --spans p.jsonl --out s.h5
echo "exit $?"
"$ASCRIBE" explain --model "$DATA/demo/model" --text Fine. --features 'regex:[' --quiet > message 2>&1
echo "exit $?"
