# needs: golden/models
mkdir m && cp "$DATA/golden/models/bert-f32/config.json" m || exit
cat > program <<"END"
#!/bin/sh
printf "%s\n" "$@"
exit 64
END
chmod +x program
echo text > a.csv
ASCRIBE_PREPARE=./program "$ASCRIBE" explain --model m --data a.csv --out sub/o.h5 --text-column -x --keep a,b --keep c \
    --text-pair-column b --label-type multi --label-separator ";" --spans s.jsonl --features token --max-length 12 --rows 2:50 --limit 10 2>&1 | sed "/^ascribe:/,\$d"
