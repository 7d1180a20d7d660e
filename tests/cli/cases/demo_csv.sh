# needs: demo/model prepare
printf 'key,mood,review\na1,positive,"Great, and cheap."\na2,negative,A waste of money.\n' > r.csv
"$ASCRIBE" explain --model "$DATA/demo/model" --data r.csv --text-column review --label-column mood --id-column key \
    --out o.h5 --quiet || exit
"$ASCRIBE" export o.h5 --csv | cut -d, -f 2,4 | sort -u
"$ASCRIBE" explain --model "$DATA/demo/model" --data r.csv --text-column review --label-column mood --id-column key \
    --out o.h5 --json 2> /dev/null | grep already_complete
"$ASCRIBE" show o.h5 --id a2 | sed -n 2,3p
ls
